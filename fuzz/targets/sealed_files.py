"""Any octets are refused as a SecretError when opened as a sealed file, and any that somebody
with the key encrypted are refused as SecretMalformed or give entries that are sealed and opened
again as the same.
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from postseal.errors import InvalidInput, SecretError, SecretMalformed
from postseal.secrets.opaque import Secret
from postseal.secrets.sealed_format import seal, unseal

__all__ = ["run"]

_MATERIAL = bytes(range(32))
_KEY = Secret(f"postseal-key-1-{urlsafe_b64encode(_MATERIAL).decode().rstrip('=')}")
_SALT, _NONCE = bytes(16), bytes(12)
_HEADER = b"postseal-sealed-1\nhkdf-sha256 " + b64encode(_SALT) + b"\n"
_CIPHER = AESGCM(HKDF(SHA256(), 32, _SALT, b"postseal sealed file 1").derive(_MATERIAL))


def run(data: bytes) -> None:
    """Check the invariant."""
    try:
        unseal(data, _KEY)
    except SecretError as error:
        assert str(error).isprintable()
    sealed = _HEADER + b64encode(_NONCE + _CIPHER.encrypt(_NONCE, data, _HEADER)) + b"\n"
    try:
        entries = unseal(sealed, _KEY)
    except SecretMalformed:
        return
    try:
        again = seal(entries, _KEY)
    except InvalidInput:
        # It grew beyond what a sealed file may have.
        return
    assert unseal(again, _KEY) == entries
