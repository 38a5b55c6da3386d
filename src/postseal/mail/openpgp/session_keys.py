"""Session keys: each recipient's packet holds the key of the message, sealed (RFC 9580 5.1)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from postseal.mail.openpgp.ciphers import AES_KEY_SIZES, hkdf
from postseal.mail.openpgp.faults import InvalidPackets
from postseal.mail.openpgp.key_packets import KeyAlgorithm, KeyPacket, PrivateKey
from postseal.mail.openpgp.packets import PacketType, packet_octets, take_mpi

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

__all__ = ["SealedSessionKey", "SessionKey"]

_ANYBODY: Final = "0000000000000000"
_KDF_HASHES: Final = {8: "sha256", 9: "sha384", 10: "sha512"}


@dataclass(frozen=True, slots=True)
class SessionKey:
    """The key of one message; `cipher` is None where the sealed data say which it is."""

    cipher: int | None
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedSessionKey:
    """A session key packet; `recipient` is a fingerprint, a key ID, or empty for a hidden one."""

    version: int
    recipient: str
    algorithm: int
    fields: bytes

    @classmethod
    def read(cls, body: bytes) -> SealedSessionKey:
        """Read the body of a packet of version 3 or 6; raises `InvalidPackets` for others."""
        version = body[0] if body else 0
        if version == 3 and len(body) > 9:
            recipient = body[1:9].hex()
            return cls(3, "" if recipient == _ANYBODY else recipient, body[9], body[10:])
        if version == 6 and len(body) > 2 and len(body) > 2 + body[1]:
            end = 2 + body[1]
            return cls(6, body[3:end].hex(), body[end], body[end + 1 :])
        raise InvalidPackets(f"session keys of version {version} are not read")

    def hidden(self) -> bytes:
        """Write the packet without saying for whom it is (RFC 9580 5.1)."""
        recipient = bytes(8) if self.version == 3 else b"\0"
        body = bytes((self.version,)) + recipient + bytes((self.algorithm,)) + self.fields
        return packet_octets(PacketType.PKESK, body)

    def may_be_for(self, key: KeyPacket) -> bool:
        """Tell whether it is for a key, or for nobody knows whom."""
        if self.algorithm != key.algorithm:
            return False
        return self.recipient in {"", key.fingerprint, key.key_id}

    def opened(self, key: KeyPacket, private: PrivateKey) -> SessionKey | None:
        """Take the session key out; None if that fails, for whatever reason."""
        try:
            match self.algorithm:
                case KeyAlgorithm.RSA | KeyAlgorithm.RSA_ENCRYPT:
                    return self._from_checked(self._by_rsa(cast("RSAPrivateKey", private)))
                case KeyAlgorithm.ECDH:
                    return self._from_checked(self._by_ecdh(key, private))
                case KeyAlgorithm.X25519 | KeyAlgorithm.X448:
                    return self._by_native(cast("X25519PrivateKey | X448PrivateKey", private))
        except (ValueError, IndexError, InvalidPackets, _unwrap_error()):
            return None
        return None

    def _from_checked(self, opened: bytes) -> SessionKey | None:
        """Take the sum and, in version 3, the cipher ID off (RFC 9580 5.1.3)."""
        cipher = opened[0] if self.version == 3 else None
        key, checksum = opened[0 if cipher is None else 1 : -2], opened[-2:]
        if sum(key) & 0xFFFF != int.from_bytes(checksum):
            return None
        return _checked(cipher, key)

    def _by_rsa(self, private: RSAPrivateKey) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        number, _ = take_mpi(self.fields, 0)
        return private.decrypt(number.rjust(private.key_size // 8, b"\0"), PKCS1v15())

    def _by_ecdh(self, key: KeyPacket, private: PrivateKey) -> bytes:
        """Agree with the ephemeral key and unwrap (RFC 9580 11.5)."""
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.x25519 import (
            X25519PrivateKey,
            X25519PublicKey,
        )
        from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

        point, position = take_mpi(self.fields, 0)
        wrapped = self.fields[position + 1 : position + 1 + self.fields[position]]
        if isinstance(private, X25519PrivateKey):
            shared = private.exchange(X25519PublicKey.from_public_bytes(point[1:]))
        else:
            curve_key = cast("EllipticCurvePrivateKey", private)
            public = ec.EllipticCurvePublicKey.from_encoded_point(curve_key.curve, point)
            shared = curve_key.exchange(ec.ECDH(), public)
        oid, hash_id, cipher = key.kdf
        parameters = (
            bytes((len(oid),)) + oid + bytes((KeyAlgorithm.ECDH, 3, 1, hash_id, cipher))
        ) + b"Anonymous Sender    "
        secret = b"\0\0\0\1" + shared + parameters + bytes.fromhex(key.fingerprint)
        if hash_id not in _KDF_HASHES or cipher not in AES_KEY_SIZES:
            raise InvalidPackets("unknown key derivation")
        kek = hashlib.new(_KDF_HASHES[hash_id], secret).digest()[: AES_KEY_SIZES[cipher]]
        padded = aes_key_unwrap(kek, wrapped)
        # RFC 9580 11.5: padded with the number of octets that the padding has.
        if not 1 <= padded[-1] <= 40 or padded[-padded[-1] :] != padded[-1:] * padded[-1]:
            raise InvalidPackets("wrong padding")
        return padded[: -padded[-1]]

    def _by_native(self, private: X25519PrivateKey | X448PrivateKey) -> SessionKey | None:
        """Agree and unwrap with X25519 or X448 (RFC 9580 5.1.6 and 5.1.7)."""
        from cryptography.hazmat.primitives.asymmetric.x448 import X448PublicKey
        from cryptography.hazmat.primitives.asymmetric.x25519 import (
            X25519PrivateKey,
            X25519PublicKey,
        )
        from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

        if isinstance(private, X25519PrivateKey):
            name, size, wrap, hash_name = b"OpenPGP X25519", 32, 16, "SHA256"
        else:
            name, size, wrap, hash_name = b"OpenPGP X448", 56, 32, "SHA512"
        ephemeral, rest = self.fields[:size], self.fields[size + 1 :]
        if isinstance(private, X25519PrivateKey):
            shared = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        else:
            shared = private.exchange(X448PublicKey.from_public_bytes(ephemeral))
        secret = ephemeral + private.public_key().public_bytes_raw() + shared
        kek = hkdf(secret, hash_name=hash_name, size=wrap, salt=None, info=name)
        cipher = None
        if self.version == 3:
            cipher, rest = rest[0], rest[1:]
        return _checked(cipher, aes_key_unwrap(kek, rest))


def _checked(cipher: int | None, key: bytes) -> SessionKey | None:
    sizes = AES_KEY_SIZES.values() if cipher is None else (AES_KEY_SIZES.get(cipher),)
    return SessionKey(cipher, key) if len(key) in sizes else None


def _unwrap_error() -> type[Exception]:
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap

    return InvalidUnwrap
