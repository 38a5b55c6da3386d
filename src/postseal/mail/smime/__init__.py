"""S/MIME: messages signed and encrypted with certificates (RFC 8551, RFC 8550, RFC 5652).

It needs the package `cryptography`, as the extra `smime` brings it.
"""

from __future__ import annotations

from postseal.mail.seal_status import DecryptionStatus, SignatureStatus
from postseal.mail.signature_verification import SignatureVerification
from postseal.mail.smime.algorithms import ContentCipher
from postseal.mail.smime.certificates import load_certificates
from postseal.mail.smime.decrypting import Decryption, Integrity, decrypt
from postseal.mail.smime.encrypting import blind_copies, encrypt
from postseal.mail.smime.identity import Identity, RSASignature
from postseal.mail.smime.key_management import RSAKeyTransport
from postseal.mail.smime.signing import SignatureForm, sign
from postseal.mail.smime.verifying import verify

__all__ = [
    "ContentCipher",
    "Decryption",
    "DecryptionStatus",
    "Identity",
    "Integrity",
    "RSAKeyTransport",
    "RSASignature",
    "SignatureForm",
    "SignatureStatus",
    "SignatureVerification",
    "blind_copies",
    "decrypt",
    "encrypt",
    "load_certificates",
    "sign",
    "verify",
]
