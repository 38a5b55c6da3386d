"""OpenPGP: messages signed and sealed end to end (RFC 3156, RFC 9580); the extra `openpgp`."""

from __future__ import annotations

from postseal.mail.openpgp.autocrypt import AutocryptOffer, read_autocrypt
from postseal.mail.openpgp.decrypting import Decryption, decrypt
from postseal.mail.openpgp.encrypting import encrypt
from postseal.mail.openpgp.faults import InvalidCertificate, InvalidSecretKey
from postseal.mail.openpgp.keys import Certificate, Passphrase, SecretKey
from postseal.mail.openpgp.signing import sign
from postseal.mail.openpgp.verifying import verify
from postseal.mail.seal_status import DecryptionStatus, SignatureStatus
from postseal.mail.signature_verification import SignatureVerification

__all__ = [
    "AutocryptOffer",
    "Certificate",
    "Decryption",
    "DecryptionStatus",
    "InvalidCertificate",
    "InvalidSecretKey",
    "Passphrase",
    "SecretKey",
    "SignatureStatus",
    "SignatureVerification",
    "decrypt",
    "encrypt",
    "read_autocrypt",
    "sign",
    "verify",
]
