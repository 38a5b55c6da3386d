"""The sealed file: named secrets, encrypted as a whole, in lines of text that a diff can carry.

::

    postseal-sealed-1
    hkdf-sha256 <salt>                      or:  scrypt <log2 N> <r> <p> <salt>
    <nonce and ciphertext, in lines of base64>

The key of AES-256-GCM is derived from the salt and either a sealing key (HKDF, RFC 5869) or a
passphrase (scrypt, RFC 7914). Each writing takes a new salt, and with it a new key. The first two
lines are authenticated with the rest. Inside is JSON: for each name its value, its version,
counted from 1, and when that was sealed; it is padded so that its size tells little.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from postseal.errors import (
    InvalidInput,
    MissingExtra,
    SecretDenied,
    SecretError,
    SecretMalformed,
)
from postseal.secrets.opaque import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["MAX_SEALED", "Entry", "Random", "generate_key", "is_key", "seal", "unseal"]

MAX_SEALED: Final = 1 << 20
"""The most octets of a sealed file."""

Random: TypeAlias = Callable[[int], bytes]

_MAGIC: Final = b"postseal-sealed-1"
_KEY_PREFIX: Final = "postseal-key-1-"
_KEY: Final = re.compile(re.escape(_KEY_PREFIX) + r"[A-Za-z0-9_-]{43}")
_INFO: Final = b"postseal sealed file 1"
_SALT: Final = 16
_NONCE: Final = 12
_BLOCK: Final = 512
_LINE: Final = 76
# 128 MiB and about half a second, once for each opening. What a file asks for is bounded, or a
# stranger's file could take all the memory there is.
_SCRYPT: Final = (17, 8, 1)
_SCRYPT_LIMITS: Final = ((14, 18), (8, 8), (1, 4))


@dataclass(frozen=True, slots=True)
class Entry:
    """One secret of a sealed file, with its version, counted from 1, and when it was sealed."""

    secret: Secret
    version: int
    sealed_at: datetime


def generate_key(random: Random = os.urandom) -> Secret:
    """Make a sealing key: 256 random bits, in text."""
    return Secret(_KEY_PREFIX + base64.urlsafe_b64encode(random(32)).rstrip(b"=").decode())


def is_key(key: Secret) -> bool:
    """Tell a sealing key from a passphrase."""
    return _KEY.fullmatch(key.reveal()) is not None


def seal(entries: Mapping[str, Entry], key: Secret, *, random: Random = os.urandom) -> bytes:
    """Write a sealed file, for a sealing key or a passphrase.

    Raises `InvalidInput` for more than a mebibyte, or an empty passphrase, and `MissingExtra`
    where `cryptography` is not installed.
    """
    salt = random(_SALT)
    encoded_salt = base64.b64encode(salt).decode()
    if is_key(key):
        derivation = f"hkdf-sha256 {encoded_salt}"
    else:
        cost, block, parallel = _SCRYPT
        derivation = f"scrypt {cost} {block} {parallel} {encoded_salt}"
    header = b"%s\n%s\n" % (_MAGIC, derivation.encode())
    nonce = random(_NONCE)
    cipher = _cipher(derivation, key)
    body = base64.b64encode(nonce + cipher.encrypt(nonce, _written(entries), header))
    lines = [body[at : at + _LINE] for at in range(0, len(body), _LINE)]
    sealed = header + b"\n".join(lines) + b"\n"
    if len(sealed) > MAX_SEALED:
        raise InvalidInput(f"a sealed file has at most {MAX_SEALED} octets")
    return sealed


def unseal(sealed: bytes, key: Secret) -> dict[str, Entry]:
    """Read a sealed file.

    Raises `SecretMalformed` where it is none, `SecretDenied` where the key is another or anything
    was altered, which cannot be told apart, and `MissingExtra` where `cryptography` is missing.
    """
    magic, _, rest = sealed.partition(b"\n")
    derivation, _, body = rest.partition(b"\n")
    if magic != _MAGIC or len(sealed) > MAX_SEALED:
        raise SecretMalformed("this is no sealed file, or one of a version that is not known")
    try:
        cipher = _cipher(derivation.decode("ascii"), key)
    except UnicodeDecodeError:
        raise _damaged() from None
    data = _decoded(body.replace(b"\n", b""))
    if len(data) < _NONCE + _SALT:
        raise _damaged()
    from cryptography.exceptions import InvalidTag

    header = b"%s\n%s\n" % (magic, derivation)
    try:
        written = cipher.decrypt(data[:_NONCE], data[_NONCE:], header)
    except InvalidTag:
        raise SecretDenied(
            "the sealed file does not open with this key, or was altered",
            hint="Give the key it was sealed with; a file that was altered comes from a backup.",
        ) from None
    entries = _read(written)
    # The frames of an error show what is in them.
    del written
    if entries is None:
        raise SecretMalformed("the sealed file holds what this version does not know")
    return entries


def _cipher(derivation: str, key: Secret) -> AESGCM:
    if not key:
        raise InvalidInput("the passphrase is empty")
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    except ModuleNotFoundError:
        raise MissingExtra(
            "sealed files need the package cryptography",
            hint="Install it with: pip install 'postseal[sealed]'.",
        ) from None
    match derivation.split(" "):
        case ["hkdf-sha256", salt]:
            if not is_key(key):
                raise _wrong_kind("a sealing key, which `postseal secrets new-key` makes")
            material = base64.urlsafe_b64decode(key.reveal().removeprefix(_KEY_PREFIX) + "=")
            return AESGCM(HKDF(SHA256(), 32, _salt(salt), _INFO).derive(material))
        case ["scrypt", *costs, salt]:
            if is_key(key):
                raise _wrong_kind("a passphrase")
            cost, block, parallel = _within_limits(costs)
            scrypt = Scrypt(salt=_salt(salt), length=32, n=1 << cost, r=block, p=parallel)
            return AESGCM(scrypt.derive(key.reveal().encode("utf-8", "surrogatepass")))
    raise _damaged()


def _salt(encoded: str) -> bytes:
    salt = _decoded(encoded.encode())
    if len(salt) != _SALT:
        raise _damaged()
    return salt


def _decoded(encoded: bytes) -> bytes:
    # One way of writing for each content: an altered file is not to pass for the same.
    with suppress(binascii.Error):
        data = base64.b64decode(encoded, validate=True)
        if base64.b64encode(data) == encoded:
            return data
    raise _damaged()


def _within_limits(parameters: list[str]) -> list[int]:
    numbers = [int(text) for text in parameters if re.fullmatch("[0-9]{1,2}", text)]
    if len(numbers) != len(_SCRYPT_LIMITS) or not all(
        low <= number <= high for number, (low, high) in zip(numbers, _SCRYPT_LIMITS, strict=True)
    ):
        raise SecretMalformed("the sealed file asks for a cost of scrypt that is not allowed")
    return numbers


def _written(entries: Mapping[str, Entry]) -> bytes:
    values = {
        name: [entry.secret.reveal(), entry.version, entry.sealed_at.isoformat()]
        for name, entry in sorted(entries.items())
    }
    plain = json.dumps(values).encode()
    return plain.ljust(-(-len(plain) // _BLOCK) * _BLOCK)


def _read(written: bytes) -> dict[str, Entry] | None:
    # Who holds the key wrote this; it is checked all the same, for it may be a later version.
    try:
        return {name: _entry(*entry) for name, entry in json.loads(written).items()}
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None


def _entry(value: str, version: int, sealed_at: str) -> Entry:
    return Entry(Secret(value), int(version), datetime.fromisoformat(sealed_at).astimezone(UTC))


def _damaged() -> SecretMalformed:
    return SecretMalformed("the sealed file is damaged: it is not as it was written")


def _wrong_kind(what: str) -> SecretError:
    return SecretDenied(f"the sealed file opens with {what}")
