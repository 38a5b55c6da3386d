"""Pins: the public keys that a server may have, by their hash (RFC 7469 2.4)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from postseal.errors import InvalidSetting
from postseal.tls.certificates import read_certificate

__all__ = ["NoBackupPin", "Pin"]

# `sha256//` is how curl writes it, `pin-sha256="..."` how RFC 7469 did.
_WRITTEN: Final = re.compile(
    r'(?:sha256//?([A-Za-z0-9+/]{43}=)|pin-sha256="([A-Za-z0-9+/]{43}=)")\Z'
)
_EXAMPLE: Final = "Write it as sha256/ and the 44 characters of the hash in Base64."


class NoBackupPin(UserWarning):
    """One pin alone: when that key is lost or renewed, nothing can be sent any more."""


@dataclass(frozen=True, slots=True)
class Pin:
    """The SHA-256 of a SubjectPublicKeyInfo in DER: it outlives renewals that keep the key."""

    digest: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `sha256/` and Base64. Raises `InvalidSetting` for anything else."""
        written = _WRITTEN.match(text)
        if written is None:
            raise InvalidSetting(f"{text[:80]!a} is not a pin of a public key", hint=_EXAMPLE)
        encoded = written[1] or written[2]
        digest = base64.b64decode(encoded)
        # Of the last character's bits two belong to no octet; only one way to write them counts.
        if base64.b64encode(digest).decode() != encoded:
            raise InvalidSetting(f"{text!a} is not a pin of a public key", hint=_EXAMPLE)
        return cls(digest)

    @classmethod
    def of_key(cls, public_key_info: bytes) -> Self:
        """Give the pin of a SubjectPublicKeyInfo in DER."""
        return cls(sha256(public_key_info).digest())

    @classmethod
    def of_certificate(cls, der: bytes) -> Self:
        """Give the pin of a certificate's key; raise `CertificateRejected` where it has none."""
        return cls.of_key(read_certificate(der).public_key_info)

    def __str__(self) -> str:
        return f"sha256/{base64.b64encode(self.digest).decode()}"
