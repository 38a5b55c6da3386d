"""Key packets: fingerprint, algorithm, and the private key of one that can decrypt (RFC 9580 5.5).

Only what opens session keys is read here. Signing is the engine's, which reads keys for itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import TYPE_CHECKING, Final, TypeAlias

from postseal.mail.openpgp.faults import InvalidPackets, InvalidSecretKey
from postseal.mail.openpgp.packets import take_mpi

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

__all__ = ["KeyAlgorithm", "KeyPacket", "PrivateKey"]

PrivateKey: TypeAlias = (
    "RSAPrivateKey | EllipticCurvePrivateKey | X25519PrivateKey | X448PrivateKey"
)

_CURVE25519: Final = bytes.fromhex("2b060104019755010501")
_NIST_CURVES: Final = {
    bytes.fromhex("2a8648ce3d030107"): "SECP256R1",
    bytes.fromhex("2b81040022"): "SECP384R1",
    bytes.fromhex("2b81040023"): "SECP521R1",
}
_LEAST_BITS: Final = 2048


@unique
class KeyAlgorithm(IntEnum):
    """The public key algorithms of RFC 9580 9.1 that are told apart here."""

    RSA = 1
    RSA_ENCRYPT = 2
    RSA_SIGN = 3
    ELGAMAL = 16
    DSA = 17
    ECDH = 18
    X25519 = 25
    X448 = 26


_RSA: Final = (KeyAlgorithm.RSA, KeyAlgorithm.RSA_ENCRYPT, KeyAlgorithm.RSA_SIGN)
# Octets of a public key of fixed size (RFC 9580 5.5.5.7 and 5.5.5.8).
_NATIVE: Final = {KeyAlgorithm.X25519: 32, KeyAlgorithm.X448: 56}


@dataclass(frozen=True, slots=True)
class KeyPacket:
    """The public part of a key packet, and the octets of the secret one behind it.

    `fields` are the algorithm's own. Made by `read`, which raises `InvalidPackets`.
    """

    version: int
    created: int
    algorithm: int
    fields: bytes
    secret: bytes = field(repr=False)
    fingerprint: str

    @classmethod
    def read(cls, body: bytes, *, is_secret: bool) -> KeyPacket:
        """Read the body of a key packet of version 4 or 6."""
        version = body[0] if body else 0
        if version not in {4, 6}:
            raise InvalidPackets(f"keys of version {version} are not read")
        start = 6 if version == 4 else 10
        if len(body) < start:
            raise InvalidPackets("a key ends too early")
        algorithm = body[5]
        if version == 6:
            end = start + int.from_bytes(body[6:10])
        elif is_secret:
            end = _fields_end(body, start, algorithm)
        else:
            end = len(body)
        if end > len(body):
            raise InvalidPackets("a key ends too early")
        return cls(
            version,
            int.from_bytes(body[1:5]),
            algorithm,
            body[start:end],
            body[end:],
            _fingerprint(version, body[:end]),
        )

    @property
    def key_id(self) -> str:
        """The eight octets that stand for the key, in hexadecimal (RFC 9580 5.5.4)."""
        return self.fingerprint[-16:] if self.version == 4 else self.fingerprint[:16]

    @property
    def weakness(self) -> str | None:
        """Why signatures of the key prove nothing, None where they do."""
        if self.algorithm not in {*_RSA, KeyAlgorithm.ELGAMAL, KeyAlgorithm.DSA}:
            return None
        bits = int.from_bytes(self.fields[:2])
        if bits >= _LEAST_BITS:
            return None
        return f"the key has {bits} bits, and below {_LEAST_BITS} keys can be broken"

    @property
    def kdf(self) -> tuple[bytes, int, int]:
        """The curve's OID and the hash and cipher IDs of an ECDH key (RFC 9580 5.5.5.6)."""
        oid_end = 1 + self.fields[0]
        _, end = take_mpi(self.fields, oid_end)
        return self.fields[1:oid_end], self.fields[end + 2], self.fields[end + 3]

    def private_key(self, unlocked: bytes) -> PrivateKey:
        """Make the key that opens session keys out of its secret fields.

        Raises `InvalidSecretKey` for an algorithm or curve that is not known here, and for fields
        that belong to no such key.
        """
        try:
            match self.algorithm:
                case KeyAlgorithm.RSA | KeyAlgorithm.RSA_ENCRYPT:
                    return self._rsa(unlocked)
                case KeyAlgorithm.ECDH:
                    return self._ecdh(unlocked)
                case KeyAlgorithm.X25519:
                    return _x25519(unlocked[:32])
                case KeyAlgorithm.X448:
                    return _x448(unlocked[:56])
        except (InvalidPackets, ValueError, IndexError):
            raise InvalidSecretKey("the secret key does not belong to its public one") from None
        raise InvalidSecretKey(f"keys of algorithm {self.algorithm} do not decrypt here")

    def _rsa(self, unlocked: bytes) -> RSAPrivateKey:
        from cryptography.hazmat.primitives.asymmetric import rsa

        modulus, position = take_mpi(self.fields, 0)
        exponent, _ = take_mpi(self.fields, position)
        numbers = []
        position = 0
        for _ in range(3):
            number, position = take_mpi(unlocked, position)
            numbers.append(int.from_bytes(number))
        d, p, q = numbers
        # OpenPGP has the inverse of p mod q, others that of q mod p.
        public = rsa.RSAPublicNumbers(int.from_bytes(exponent), int.from_bytes(modulus))
        private = rsa.RSAPrivateNumbers(
            p=p,
            q=q,
            d=d,
            dmp1=rsa.rsa_crt_dmp1(d, p),
            dmq1=rsa.rsa_crt_dmq1(d, q),
            iqmp=rsa.rsa_crt_iqmp(p, q),
            public_numbers=public,
        )
        return private.private_key()

    def _ecdh(self, unlocked: bytes) -> EllipticCurvePrivateKey | X25519PrivateKey:
        oid, _, _ = self.kdf
        scalar, _ = take_mpi(unlocked, 0)
        if oid == _CURVE25519:
            # Written as a number, most significant octet first (RFC 9580 5.5.5.6.1.1).
            return _x25519(scalar.rjust(32, b"\0")[::-1])
        if oid not in _NIST_CURVES:
            raise InvalidSecretKey(f"the curve {oid.hex()} is not known here")
        from cryptography.hazmat.primitives.asymmetric import ec

        curve: ec.EllipticCurve = getattr(ec, _NIST_CURVES[oid])()
        return ec.derive_private_key(int.from_bytes(scalar), curve)


def _x25519(octets: bytes) -> X25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(octets)


def _x448(octets: bytes) -> X448PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey

    return X448PrivateKey.from_private_bytes(octets)


def _fields_end(body: bytes, position: int, algorithm: int) -> int:
    """Find the end of a version 4 key's public fields, which nothing but they themselves tells."""
    if algorithm in _NATIVE:
        return position + _NATIVE[KeyAlgorithm(algorithm)]
    if algorithm in {27, 28}:  # Ed25519, Ed448
        return position + (32 if algorithm == 27 else 57)
    if algorithm in {KeyAlgorithm.ECDH, 19, 22}:  # and ECDSA, EdDSALegacy
        position += 1 + (body[position] if position < len(body) else 0)
        _, position = take_mpi(body, position)
        if algorithm == KeyAlgorithm.ECDH:
            position += 1 + (body[position] if position < len(body) else 0)
        return position
    numbers = {KeyAlgorithm.DSA: 4, KeyAlgorithm.ELGAMAL: 3}
    if algorithm not in _RSA and algorithm not in numbers:
        raise InvalidPackets(f"keys of algorithm {algorithm} are not read")
    for _ in range(2 if algorithm in _RSA else numbers[KeyAlgorithm(algorithm)]):
        _, position = take_mpi(body, position)
    return position


def _fingerprint(version: int, public: bytes) -> str:
    """Hash the public part (RFC 9580 5.5.4)."""
    if version == 4:
        framed = b"\x99" + len(public).to_bytes(2) + public
        return hashlib.sha1(framed, usedforsecurity=False).hexdigest()
    return hashlib.sha256(b"\x9b" + len(public).to_bytes(4) + public).hexdigest()
