"""Somebody's private key with the certificate that says whose it is."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, unique
from typing import TYPE_CHECKING, Self

from postseal.mail.authentication.keys import InvalidKey, missing_cryptography
from postseal.mail.smime.algorithms import (
    ECDSA,
    ED25519,
    RSA_ENCRYPTION,
    AlgorithmIdentifier,
    Hash,
)
from postseal.mail.smime.asn1 import NULL
from postseal.mail.smime.certificates import fault_of_key, load_certificates
from postseal.mail.smime.rsa_parameters import pss_identifier, pss_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate

__all__ = ["Identity", "RSASignature"]


@unique
class RSASignature(Enum):
    """How an RSA key signs. All readers know the first; RFC 8551 2.2 has both."""

    PKCS1_V1_5 = "RSASSA-PKCS1-v1_5"
    PSS = "RSASSA-PSS"


class Identity:
    """A private key and its certificate; `repr` shows nothing secret, and it does not pickle.

    `chain` are the certificates between it and a trust anchor, which go with each signature.
    """

    __slots__ = ("_key", "certificate", "chain", "rsa_signature")

    def __init__(
        self,
        key: RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey,
        certificate: Certificate,
        *,
        chain: Iterable[Certificate] = (),
        rsa_signature: RSASignature = RSASignature.PKCS1_V1_5,
    ) -> None:
        """Take a key of the package `cryptography`.

        Raises `InvalidKey` for a key of another kind, for one that is not the certificate's, and
        for RSA below 2048 bits.
        """
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

        if not isinstance(
            key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
        ):
            raise InvalidKey(
                f"S/MIME cannot use a key of the type {type(key).__name__}",
                hint="Use RSA, an elliptic curve of NIST, or Ed25519 (RFC 8551 2.2).",
            )
        if key.public_key() != certificate.public_key():
            raise InvalidKey("the private key is not the one of the certificate")
        if fault := fault_of_key(certificate):
            raise InvalidKey(fault, hint="Have a certificate made for a longer key.")
        self._key = key
        self.certificate = certificate
        self.chain = tuple(chain)
        self.rsa_signature = rsa_signature

    @classmethod
    def from_pem(
        cls,
        key: bytes,
        certificates: bytes,
        *,
        password: bytes | None = None,
        rsa_signature: RSASignature = RSASignature.PKCS1_V1_5,
    ) -> Self:
        """Read a private key in PEM, and its certificate with the chain behind it.

        Raises `InvalidKey` for a key that cannot be read and a wrong password, else as above.
        """
        try:
            from cryptography.exceptions import UnsupportedAlgorithm
            from cryptography.hazmat.primitives.serialization import load_pem_private_key
        except ModuleNotFoundError as error:
            raise missing_cryptography(error) from None
        certificate, *chain = load_certificates(certificates)
        try:
            private = load_pem_private_key(key, password)
        except (TypeError, ValueError, UnsupportedAlgorithm):
            # OpenSSL's own words may quote the input.
            raise InvalidKey(
                "the private key cannot be read",
                hint="It has to be PEM, with its password if it has one.",
            ) from None
        return cls(private, certificate, chain=chain, rsa_signature=rsa_signature)  # type: ignore[arg-type] # checked there

    @classmethod
    def from_pkcs12(cls, octets: bytes, *, password: bytes | None = None) -> Self:
        """Read what mail programs export, usually named `.p12` or `.pfx` (RFC 7292).

        Raises `InvalidKey` for anything else, a wrong password, and a file without key.
        """
        try:
            from cryptography.hazmat.primitives.serialization.pkcs12 import (
                load_key_and_certificates,
            )
        except ModuleNotFoundError as error:
            raise missing_cryptography(error) from None
        try:
            key, certificate, chain = load_key_and_certificates(octets, password)
        except ValueError:
            raise InvalidKey(
                "the PKCS #12 file cannot be read", hint="Is the password the right one?"
            ) from None
        if key is None or certificate is None:
            raise InvalidKey("the PKCS #12 file lacks the private key or its certificate")
        return cls(key, certificate, chain=chain)  # type: ignore[arg-type] # checked there

    @property
    def key(self) -> RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey:
        """The private key itself."""
        return self._key

    @property
    def signature_hash(self) -> Hash:
        """The hash that suits the key (RFC 8551 2.2, RFC 8419 3.1)."""
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519

        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return Hash.SHA512
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            bits = self._key.key_size
            return Hash.SHA256 if bits <= 256 else Hash.SHA384 if bits <= 384 else Hash.SHA512
        return Hash.SHA256

    def sign(self, octets: bytes) -> tuple[AlgorithmIdentifier, bytes]:
        """Sign octets; say by which algorithm."""
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

        hashing = self.signature_hash
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return AlgorithmIdentifier(ED25519), self._key.sign(octets)
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            signature = self._key.sign(octets, ec.ECDSA(hashing.function()))
            return AlgorithmIdentifier(ECDSA[hashing]), signature
        if self.rsa_signature is RSASignature.PSS:
            algorithm = pss_identifier(hashing)
            return algorithm, self._key.sign(octets, pss_of(algorithm)[0], hashing.function())
        # RFC 5754 3.2: the identifier that the oldest readers know; the hash is named beside it.
        signature = self._key.sign(octets, padding.PKCS1v15(), hashing.function())
        return AlgorithmIdentifier(RSA_ENCRYPTION, NULL), signature

    def __repr__(self) -> str:
        return f"<Identity {self.certificate.subject.rfc4514_string()}>"

    def __reduce__(self) -> str:
        raise TypeError("an Identity is a secret and does not pickle")
