"""AES in the modes in which OpenPGP seals (RFC 9580 5.13 and 9.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESOCB3

__all__ = ["AEAD_NONCES", "AES_KEY_SIZES", "aead", "aes_cfb", "hkdf"]

AES_KEY_SIZES: Final = {7: 16, 8: 24, 9: 32}
"""Octets of a key by cipher ID; all other ciphers are too weak or too rare to be known here."""

AEAD_NONCES: Final = {2: 15, 3: 12}
"""Octets of a nonce by AEAD ID: OCB and GCM."""


def aes_cfb(key: bytes, iv: bytes, octets: bytes) -> bytes:
    """Decrypt in full-block CFB (RFC 9580 12.9), which tells nothing of changed octets."""
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES

    decryptor = Cipher(AES(key), CFB(iv)).decryptor()
    return decryptor.update(octets) + decryptor.finalize()


def aead(mode: int, key: bytes) -> AESOCB3 | AESGCM:
    """Give the cipher of a mode in `AEAD_NONCES`."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESOCB3

    return AESOCB3(key) if mode == 2 else AESGCM(key)


def hkdf(secret: bytes, *, hash_name: str, size: int, salt: bytes | None, info: bytes) -> bytes:
    """Derive a key (RFC 5869) with SHA256 or SHA512."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    algorithm = hashes.SHA256() if hash_name == "SHA256" else hashes.SHA512()
    return HKDF(algorithm, length=size, salt=salt, info=info).derive(secret)
