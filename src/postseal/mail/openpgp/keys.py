"""Certificates, for which others seal and by which they check, and secret keys (RFC 9580 10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from postseal.address import Address
from postseal.errors import InvalidAddress
from postseal.mail.content import PathContent
from postseal.mail.openpgp.engine import SignatureFacts, engine
from postseal.mail.openpgp.faults import (
    InvalidCertificate,
    InvalidPackets,
    InvalidSecretKey,
)
from postseal.mail.openpgp.key_packets import KeyPacket, PrivateKey
from postseal.mail.openpgp.packets import Packet, PacketType, dearmored, read_packets
from postseal.mail.openpgp.unlocking import unlocked_fields

if TYPE_CHECKING:
    from pysequoia import Cert, PySigner, Tsk

__all__ = ["Certificate", "Passphrase", "SecretKey"]

Passphrase: TypeAlias = str | bytes | Callable[[], str | bytes]
"""What unlocks a secret key, or what is called for it each time that it is needed."""

_MAX_OCTETS: Final = 4 * 1024 * 1024
# RFC 9580 5.2.1.8
_SUBKEY_BINDING: Final = 0x18
_PUBLIC: Final = (PacketType.PUBLIC_KEY, PacketType.PUBLIC_SUBKEY)
_SECRET: Final = (PacketType.SECRET_KEY, PacketType.SECRET_SUBKEY)
# What else a transferable key is made of (RFC 9580 10.1); none of it can be compressed data.
_BESIDES: Final = (
    PacketType.SIGNATURE,
    PacketType.USER_ID,
    PacketType.USER_ATTRIBUTE,
    PacketType.TRUST,
    PacketType.MARKER,
    PacketType.PADDING,
)


@dataclass(frozen=True, slots=True)
class _Binding:
    """How long a subkey is bound to its certificate, and since when."""

    made: datetime
    expires: datetime | None


class Certificate:
    """A certificate (a public key with its names), as its owner gives it to others.

    Whoever passes one to a function says that it belongs to the people whom it names: its
    `user_ids`, and the `addresses` in them. `keys` are its primary key and its subkeys; it
    `expires` then, or never.
    """

    __slots__ = (
        "_cert",
        "_is_sound",
        "_octets",
        "_packets",
        "addresses",
        "expires",
        "fingerprint",
        "keys",
        "user_ids",
    )

    def __init__(self, octets: bytes) -> None:
        """Take packets without armor; see `from_bytes`."""
        pysequoia = engine()
        packets = _transferable(octets, InvalidCertificate)
        if any(each.type in _SECRET for each in packets):
            raise InvalidCertificate(
                "this is a secret key", hint="Use SecretKey.from_bytes(...).certificate."
            )
        try:
            self._cert: Cert = pysequoia.Cert.from_bytes(octets)
        except (RuntimeError, ValueError):
            raise InvalidCertificate("this is no OpenPGP certificate") from None
        self._octets, self._packets = octets, packets
        self.fingerprint: str = self._cert.fingerprint
        self.keys = _key_packets(packets, InvalidCertificate)
        self.user_ids: tuple[str, ...] = ()
        self.expires: datetime | None = None
        self._is_sound = True
        try:
            self.user_ids = tuple(str(each) for each in self._cert.user_ids)
            self.expires = self._cert.expiration
        except RuntimeError:
            # The engine does not read what only signatures that can be forged vouch for.
            self._is_sound = False
        self.addresses = tuple(_addresses(self.user_ids))

    @classmethod
    def from_bytes(cls, data: bytes | str) -> Self:
        """Read one certificate, armored or not, 4 MiB at most.

        Raises `InvalidCertificate` for anything else. What is expired, revoked or weak can be
        read; it is refused where it would be used.
        """
        return cls(_octets_of(data, InvalidCertificate))

    @classmethod
    def from_path(cls, path: str | Path) -> Self:
        """Read a certificate from a file; raises `InvalidInput` if that fails."""
        return cls.from_bytes(_file(path, InvalidCertificate))

    @property
    def is_revoked(self) -> bool:
        """Whether its owner took it back."""
        return self._cert.is_revoked

    @property
    def weakness(self) -> str | None:
        """Why it proves and protects nothing, None where it does."""
        if weakness := self.keys[0].weakness:
            return weakness
        return None if self._is_sound else "its own signatures can be forged"

    def fault(self, at: datetime) -> str | None:
        """Say why it must not be used at a moment, None where it may."""
        if self.is_revoked:
            return "is revoked"
        if weakness := self.weakness:
            return f"is weak: {weakness}"
        if self.expires is not None and self.expires <= at:
            return f"expired at {self.expires:%Y-%m-%d %H:%M}Z"
        return None

    def bound_keys(self, at: datetime) -> tuple[KeyPacket, ...]:
        """Give the primary key, and the subkeys that have not expired at a moment."""
        bindings = self._bindings()
        primary, *subkeys = self.keys
        return (
            primary,
            *(
                key
                for key in subkeys
                if (binding := bindings.get(key.fingerprint))
                and (binding.expires is None or binding.expires > at)
            ),
        )

    def _bindings(self) -> dict[str, _Binding]:
        """Give the newest binding of each subkey; whether it holds is for the engine to say."""
        found: dict[str, _Binding] = {}
        key: KeyPacket | None = None
        for packet in self._packets:
            if packet.type in _PUBLIC:
                key = _key_packet(packet)
            if key is None or packet.type != PacketType.SIGNATURE:
                continue
            facts = SignatureFacts.read(packet)
            if facts is None or facts.kind != _SUBKEY_BINDING or facts.made is None:
                continue
            before = found.get(key.fingerprint)
            if before is None or before.made < facts.made:
                made = datetime.fromtimestamp(key.created, UTC)
                expires = made + facts.key_validity if facts.key_validity else None
                found[key.fingerprint] = _Binding(facts.made, expires)
        return found

    def __bytes__(self) -> bytes:
        return self._octets

    def __str__(self) -> str:
        return str(self._cert)

    def __repr__(self) -> str:
        return f"<Certificate {self.fingerprint}>"


class SecretKey:
    """A secret key that signs and decrypts; its `repr` hides it, and it does not pickle.

    Signing takes a subkey that is neither expired nor revoked. Decrypting takes any of its `keys`:
    old mail was sealed for old ones.
    """

    __slots__ = ("_passphrase", "_tsk", "certificate", "keys")

    def __init__(self, octets: bytes, passphrase: Passphrase | None = None) -> None:
        """Take packets without armor; see `from_bytes`."""
        pysequoia = engine()
        packets = _transferable(octets, InvalidSecretKey)
        if not any(each.type in _SECRET for each in packets):
            raise InvalidSecretKey("there is no secret key in this")
        try:
            self._tsk: Tsk = pysequoia.Tsk.from_bytes(octets)
            public = bytes(self._tsk.extract_certificate())
        except (RuntimeError, ValueError):
            raise InvalidSecretKey("this is no OpenPGP secret key") from None
        self.certificate = Certificate(public)
        self.keys = tuple(each for each in _key_packets(packets, InvalidSecretKey) if each.secret)
        self._passphrase = passphrase

    @classmethod
    def from_bytes(cls, data: bytes | str, *, passphrase: Passphrase | None = None) -> Self:
        """Read one secret key, armored or not, 4 MiB at most.

        Raises `InvalidSecretKey` for anything else. The passphrase is tried where it is needed.
        """
        return cls(_octets_of(data, InvalidSecretKey), passphrase)

    @classmethod
    def from_path(cls, path: str | Path, *, passphrase: Passphrase | None = None) -> Self:
        """Read a secret key from a file; raises `InvalidInput` if that fails."""
        return cls.from_bytes(_file(path, InvalidSecretKey), passphrase=passphrase)

    def signer(self) -> PySigner:
        """Give what the engine signs with.

        Raises `InvalidSecretKey` for a key that may not sign now, and for a wrong passphrase.
        """
        try:
            return self._tsk.signer()
        except RuntimeError as error:
            if "is encrypted" not in str(error).partition("\n")[0]:
                raise InvalidSecretKey(
                    f"no key of {self.certificate.fingerprint} may sign now",
                    hint="It has expired, was revoked, is weak, or is not made for signing.",
                ) from None
        passphrase = self._octets_of_passphrase()
        if passphrase is None:
            raise InvalidSecretKey("the secret key is locked", hint="Give its passphrase.")
        try:
            return self._tsk.signer(passphrase.decode("utf-8"))
        except (RuntimeError, UnicodeDecodeError):
            raise InvalidSecretKey("the passphrase does not fit the secret key") from None

    def unlocked(self, key: KeyPacket) -> PrivateKey:
        """Unlock one of the keys; raises `InvalidSecretKey` where that fails."""
        fields = unlocked_fields(key.secret, key.version, self._octets_of_passphrase())
        return key.private_key(fields)

    def _octets_of_passphrase(self) -> bytes | None:
        given = self._passphrase() if callable(self._passphrase) else self._passphrase
        return given.encode("utf-8") if isinstance(given, str) else given

    def __repr__(self) -> str:
        return f"<SecretKey {self.certificate.fingerprint}>"

    def __reduce__(self) -> str:
        raise TypeError("a SecretKey is a secret and does not pickle")


_Invalid: TypeAlias = type[InvalidCertificate] | type[InvalidSecretKey]


def _octets_of(data: bytes | str, error: _Invalid) -> bytes:
    octets = data.encode("utf-8", "replace") if isinstance(data, str) else data
    if len(octets) > _MAX_OCTETS:
        raise error(f"a key of more than {_MAX_OCTETS} octets")
    try:
        return dearmored(octets)
    except InvalidPackets as fault:
        raise error(fault.text) from None


def _file(path: str | Path, error: _Invalid) -> bytes:
    content = PathContent.of(Path(path))
    if content.size > _MAX_OCTETS:
        raise error(f"{str(path)!a} is more than {_MAX_OCTETS} octets")
    return b"".join(content.read())


def _transferable(octets: bytes, error: _Invalid) -> tuple[Packet, ...]:
    try:
        packets = read_packets(octets)
    except InvalidPackets as fault:
        raise error(f"this is no OpenPGP key: {fault.text}") from None
    if not packets or packets[0].type not in {PacketType.PUBLIC_KEY, PacketType.SECRET_KEY}:
        raise error("this does not begin with an OpenPGP key")
    for packet in packets:
        if packet.type not in {*_PUBLIC, *_SECRET, *_BESIDES}:
            raise error(f"packets of type {packet.type} belong into no key")
    return packets


def _key_packets(packets: tuple[Packet, ...], error: _Invalid) -> tuple[KeyPacket, ...]:
    """Read the keys among packets; subkeys of a kind that is not known are left out."""
    try:
        primary = KeyPacket.read(packets[0].body, is_secret=packets[0].type in _SECRET)
    except InvalidPackets as fault:
        raise error(fault.text) from None
    return primary, *(key for each in packets[1:] if (key := _key_packet(each)))


def _key_packet(packet: Packet) -> KeyPacket | None:
    if packet.type not in {*_PUBLIC, *_SECRET}:
        return None
    try:
        return KeyPacket.read(packet.body, is_secret=packet.type in _SECRET)
    except InvalidPackets:
        return None


def _addresses(user_ids: tuple[str, ...]) -> Iterator[Address]:
    """Yield the address of each user ID that has one: `Name <address>`, or the address alone."""
    for user_id in user_ids:
        _, bracket, behind = user_id.rpartition("<")
        text = behind.removesuffix(">") if bracket and behind.endswith(">") else user_id
        try:
            address = Address.parse(text.strip())
            address.to_ascii()
        except InvalidAddress:
            continue
        yield address
