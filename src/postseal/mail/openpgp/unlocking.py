"""Unlocking secret keys: the passphrase, stretched, opens their fields (RFC 9580 3.7 and 5.5.3)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from postseal.mail.openpgp.ciphers import AES_KEY_SIZES, aes_cfb
from postseal.mail.openpgp.faults import InvalidSecretKey

__all__ = ["unlocked_fields"]

_HASHES: Final = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}
_SALT: Final = 8
_BLOCK: Final = 16


def unlocked_fields(secret: bytes, version: int, passphrase: bytes | None) -> bytes:
    """Give the fields of a secret key in clear, without their checksum.

    Takes keys without protection and those under AES-CFB with SHA-1 (usage 254), which is what
    GnuPG and Sequoia write for version 4. Raises `InvalidSecretKey` for others, without a
    passphrase that is needed, and with one that does not fit.
    """
    usage = secret[0] if secret else 255
    if usage == 0:
        fields = secret[1:]
        if version == 6:
            return fields
        if len(fields) < 2 or sum(fields[:-2]) & 0xFFFF != int.from_bytes(fields[-2:]):
            raise InvalidSecretKey("the checksum of the secret key does not fit")
        return fields[:-2]
    if usage != 254:
        raise InvalidSecretKey(
            f"the secret key is protected in a way (S2K usage {usage}) that is not known here",
            hint="Change its passphrase with GnuPG, which protects it with AES and SHA-1.",
        )
    if passphrase is None:
        raise InvalidSecretKey("the secret key is locked", hint="Give its passphrase.")
    # RFC 9580 5.5.3: version 6 says how long the parameters are, and how long the specifier is.
    position = 1 if version == 4 else 2
    cipher, position = _octet(secret, position), position + (1 if version == 4 else 2)
    if cipher not in AES_KEY_SIZES:
        raise InvalidSecretKey(f"the secret key is under cipher {cipher}, and AES is asked for")
    key, position = _stretched(secret, position, passphrase, AES_KEY_SIZES[cipher])
    iv, locked = secret[position : position + _BLOCK], secret[position + _BLOCK :]
    if len(iv) < _BLOCK:
        raise InvalidSecretKey("the secret key ends too early")
    opened = aes_cfb(key, iv, locked)
    fields, checksum = opened[:-20], opened[-20:]
    if not hmac.compare_digest(hashlib.sha1(fields, usedforsecurity=False).digest(), checksum):
        raise InvalidSecretKey("the passphrase does not fit the secret key")
    return fields


def _stretched(secret: bytes, position: int, passphrase: bytes, size: int) -> tuple[bytes, int]:
    """Make a key out of a passphrase as the specifier says; give the position behind it."""
    kind, hash_id = _octet(secret, position), _octet(secret, position + 1)
    if kind not in {1, 3} or hash_id not in _HASHES:
        raise InvalidSecretKey(f"string-to-key specifier {kind} with hash {hash_id} is not known")
    position += 2
    salted = secret[position : position + _SALT] + passphrase
    position += _SALT
    count = 0
    if kind == 3:
        coded = _octet(secret, position)
        count = (16 + (coded & 15)) << (coded >> 4) + 6
        position += 1
    count = max(count, len(salted))
    key = b""
    preload = 0
    while len(key) < size:
        # RFC 9580 3.7.1.1: further hashes are told apart by zeros before the same octets.
        hashing = hashlib.new(_HASHES[hash_id], bytes(preload), usedforsecurity=False)
        whole, rest = divmod(count, len(salted))
        block = salted * min(whole, 1024)
        for _ in range(whole // 1024):
            hashing.update(block)
        hashing.update(salted * (whole % 1024) + salted[:rest])
        key += hashing.digest()
        preload += 1
    return key[:size], position


def _octet(secret: bytes, position: int) -> int:
    if position >= len(secret):
        raise InvalidSecretKey("the secret key ends too early")
    return secret[position]
