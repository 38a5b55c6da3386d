"""Keys that sign: RSA and Ed25519 private keys, and the record that makes the public half known.

The package `cryptography` is imported when a key is used, so that composing mail works without it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from enum import StrEnum, unique
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from postseal.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["InvalidKey", "KeyType", "SigningKey", "missing_cryptography"]

_LEAST_BITS: Final = 2048
# RFC 8301 3.2: signers MUST use 1024 bits at least, and SHOULD use 2048.
_LEAST_BITS_EVER: Final = 1024
_MOST_BITS: Final = 4096


@unique
class KeyType(StrEnum):
    """The kinds of key that DKIM knows, as the k= of a record calls them (RFC 8463 4.2)."""

    RSA = "rsa"
    ED25519 = "ed25519"

    @property
    def algorithm(self) -> str:
        """What the a= of a signature says."""
        return f"{self}-sha256"


class InvalidKey(InvalidInput):
    """A key cannot sign: not readable, of another kind, or of a length that protects nobody."""


def missing_cryptography(error: ModuleNotFoundError) -> MissingExtra:
    """The error for a feature that needs `cryptography` where it is not installed."""
    return MissingExtra(
        f"signing and checking messages need the package {error.name}",
        hint=f"Install it with: pip install {error.name}.",
    )


class SigningKey:
    """A private key for DKIM and ARC; its `repr` shows nothing secret, and it does not pickle."""

    __slots__ = ("_key", "_sign", "bits", "type")

    def __init__(
        self,
        key: RSAPrivateKey | Ed25519PrivateKey,
        *,
        dangerous_accept_short_rsa: bool = False,
    ) -> None:
        """Take a key of the package `cryptography`.

        Raises `InvalidKey` for RSA below 2048 bits, or below 1024 where short keys are accepted:
        RFC 8301 3.2 has verifiers refuse those. Above 4096 bits verifiers need not follow.
        """
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
            from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
            from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
            from cryptography.hazmat.primitives.hashes import SHA256
        except ModuleNotFoundError as error:
            raise missing_cryptography(error) from None
        self._key = key
        self._sign: Callable[[bytes], bytes]
        if isinstance(key, Ed25519PrivateKey):
            self.type, self.bits = KeyType.ED25519, 256
            self._sign = lambda octets: key.sign(sha256(octets).digest())
            return
        if not isinstance(key, RSAPrivateKey):
            raise InvalidKey(
                f"DKIM cannot sign with a key of the type {type(key).__name__}",
                hint="Use RSA or Ed25519 (RFC 8463).",
            )
        self.type, self.bits = KeyType.RSA, key.key_size
        padding, algorithm = PKCS1v15(), SHA256()
        self._sign = lambda octets: key.sign(octets, padding, algorithm)
        least = _LEAST_BITS_EVER if dangerous_accept_short_rsa else _LEAST_BITS
        if not least <= self.bits <= _MOST_BITS:
            raise InvalidKey(
                f"the RSA key has {self.bits} bits, and {least} to {_MOST_BITS} are allowed",
                hint="Make a new key of 2048 bits and publish it under a new selector.",
            )

    @classmethod
    def from_pem(
        cls,
        pem: str | bytes,
        *,
        password: bytes | None = None,
        dangerous_accept_short_rsa: bool = False,
    ) -> Self:
        """Read a private key in PEM: PKCS#8 (RSA or Ed25519) or PKCS#1 (RSA).

        Raises `InvalidKey` for anything else, a wrong password and the lengths named above.
        """
        octets = pem.encode("utf-8", "replace") if isinstance(pem, str) else pem
        try:
            from cryptography.exceptions import UnsupportedAlgorithm
            from cryptography.hazmat.primitives.serialization import load_pem_private_key
        except ModuleNotFoundError as error:
            raise missing_cryptography(error) from None
        try:
            key = load_pem_private_key(octets, password)
        except (TypeError, ValueError, UnsupportedAlgorithm) as error:
            # OpenSSL's own words may quote the input.
            what = "is encrypted" if "password" in str(error).lower() else "cannot be read"
            raise InvalidKey(
                f"the private key {what}",
                hint="It has to be PEM, PKCS#8 or PKCS#1, with its password if it has one.",
            ) from None
        return cls(key, dangerous_accept_short_rsa=dangerous_accept_short_rsa)  # type: ignore[arg-type] # checked there

    @classmethod
    def from_path(
        cls,
        path: str | Path,
        *,
        password: bytes | None = None,
        dangerous_accept_short_rsa: bool = False,
    ) -> Self:
        """Read a file with a private key in PEM; see `from_pem`.

        Raises `InvalidKey`, which names the file, also for one that cannot be read.
        """
        try:
            pem = Path(path).read_bytes()
        except OSError as error:
            raise InvalidKey(
                f"the key file {str(path)!a} cannot be read: {error.strerror}",
                hint="It has to be PEM, PKCS#8 or PKCS#1.",
            ) from None
        try:
            return cls.from_pem(
                pem, password=password, dangerous_accept_short_rsa=dangerous_accept_short_rsa
            )
        except InvalidKey as error:
            raise InvalidKey(f"{str(path)!a}: {error.text}", hint=error.hint) from None

    @classmethod
    def from_ed25519_seed(cls, seed: bytes) -> Self:
        """Take the 32 octets of an Ed25519 private key (RFC 8032 5.1.5)."""
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        except ModuleNotFoundError as error:
            raise missing_cryptography(error) from None
        if len(seed) != 32:
            raise InvalidKey(f"an Ed25519 seed has 32 octets, not {len(seed)}")
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def generate(cls, kind: KeyType = KeyType.RSA, *, bits: int = _LEAST_BITS) -> Self:
        """Make a new key from the operating system's randomness; `bits` are for RSA."""
        try:
            from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
        except ModuleNotFoundError as error:
            raise missing_cryptography(error) from None
        if kind is KeyType.ED25519:
            return cls(ed25519.Ed25519PrivateKey.generate())
        if not _LEAST_BITS <= bits <= _MOST_BITS:
            raise InvalidKey(f"RSA keys have {_LEAST_BITS} to {_MOST_BITS} bits, not {bits}")
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=bits))

    def to_pem(self) -> bytes:
        """Write the private key as PKCS#8 in PEM, not encrypted: a secret."""
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def record(self, *, service: str | None = None) -> str:
        """The text of the TXT record at `selector._domainkey.domain` (RFC 6376 3.6.1, RFC 8463 4).

        With a `service`, the key is for that alone: `tlsrpt` for TLS reports (RFC 8460 3). The
        record may be longer than the 255 octets of one string; zone files then want several.
        """
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = self._key.public_key()
        if self.type is KeyType.ED25519:
            octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        limit = f" s={service};" if service else ""
        return f"v=DKIM1; k={self.type};{limit} p={b64encode(octets).decode('ascii')}"

    def sign(self, octets: bytes) -> bytes:
        """Sign with rsa-sha256 (RSASSA-PKCS1-v1_5) or ed25519-sha256 (the hash, by PureEdDSA)."""
        return self._sign(octets)

    def __repr__(self) -> str:
        return f"<SigningKey {self.type} {self.bits} bits>"

    def __reduce__(self) -> str:
        raise TypeError("a SigningKey is a secret and does not pickle")
