"""Data that nobody can read or change: the integrity-protected packets (RFC 9580 5.13)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from postseal.mail.openpgp.ciphers import AEAD_NONCES, AES_KEY_SIZES, aead, aes_cfb, hkdf
from postseal.mail.openpgp.faults import CannotDecrypt
from postseal.mail.openpgp.packets import PacketType
from postseal.mail.openpgp.session_keys import SessionKey
from postseal.mail.seal_status import DecryptionStatus

__all__ = ["cipher_name", "opened_data"]

_BLOCK: Final = 16
_MDC: Final = b"\xd3\x14"
_SALT: Final = 32
_TAG: Final = 16
_MAX_CHUNK: Final = 16


def opened_data(body: bytes, session: SessionKey) -> bytes:
    """Decrypt a packet of version 1 or 2 after a proof that nobody changed it.

    Raises `CannotDecrypt`: DAMAGED where the proof fails, be it for a wrong key or another octet,
    and REFUSED for a version or mode that is not known here.
    """
    version = body[0] if body else 0
    # Each version takes its own session keys (RFC 9580 5.1): else one could be made the other.
    if version == 1 and session.cipher is not None:
        return _version_1(body[1:], session.key)
    if version == 2 and session.cipher is None:
        return _version_2(body, session.key)
    raise CannotDecrypt(
        f"sealed data of version {version} do not go with the session key",
        DecryptionStatus.REFUSED,
    )


def cipher_name(session: SessionKey) -> str:
    """Name the cipher of the message."""
    return f"AES-{len(session.key) * 8}"


def _version_1(sealed: bytes, key: bytes) -> bytes:
    """Undo CFB, and compare the hash behind the data (RFC 9580 5.13.1)."""
    opened = aes_cfb(key, bytes(_BLOCK), sealed)
    start, end = _BLOCK + 2, len(opened) - len(_MDC) - 20
    digest = hashlib.sha1(opened[:-20], usedforsecurity=False).digest()
    if (
        end < start
        or opened[end : end + 2] != _MDC
        or not hmac.compare_digest(digest, opened[-20:])
    ):
        raise _damaged()
    return opened[start:end]


def _version_2(body: bytes, session_key: bytes) -> bytes:
    """Open each chunk, and the tag that counts them (RFC 9580 5.13.2)."""
    from cryptography.exceptions import InvalidTag

    if len(body) < 4 + _SALT + _TAG:
        raise _damaged()
    cipher, mode, coded_size = body[1:4]
    if cipher not in AES_KEY_SIZES or mode not in AEAD_NONCES or coded_size > _MAX_CHUNK:
        raise CannotDecrypt(
            f"cipher {cipher} in mode {mode} is not known here", DecryptionStatus.REFUSED
        )
    info = bytes((0xC0 | PacketType.SEIPD,)) + body[:4]
    key_size, nonce_size = AES_KEY_SIZES[cipher], AEAD_NONCES[mode] - 8
    if len(session_key) != key_size:
        raise _damaged()
    derived = hkdf(
        session_key,
        hash_name="SHA256",
        size=key_size + nonce_size,
        salt=body[4 : 4 + _SALT],
        info=info,
    )
    opener, nonce = aead(mode, derived[:key_size]), derived[key_size:]
    chunk_size = (1 << coded_size + 6) + _TAG
    pieces = []
    end = len(body) - _TAG
    position, count = 4 + _SALT, 0
    try:
        while position < end:
            chunk = body[position : min(position + chunk_size, end)]
            pieces.append(opener.decrypt(nonce + count.to_bytes(8), chunk, info))
            position += len(chunk)
            count += 1
        data = b"".join(pieces)
        opener.decrypt(nonce + count.to_bytes(8), body[end:], info + len(data).to_bytes(8))
    except (InvalidTag, ValueError):
        raise _damaged() from None
    return data


def _damaged() -> CannotDecrypt:
    return CannotDecrypt("the message was changed, or is for another key")
