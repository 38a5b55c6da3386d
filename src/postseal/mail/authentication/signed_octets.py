"""The octets that a signature is made over: the chosen header fields, then the field itself.

RFC 6376 3.7 and 5.4.2; ARC-Message-Signature and ARC-Seal are hashed by the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from postseal.mail.authentication.canonical import Canonicalization, canonical_field
from postseal.mail.authentication.raw_message import RawField

__all__ = ["choose_fields", "signed_octets", "without_signature"]

# The value of b= from the equals sign to the end of the tag, white space around it included.
_SIGNATURE = re.compile(rb"((?:^[^:]*:|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


def choose_fields(fields: Sequence[RawField], names: Iterable[str]) -> list[RawField]:
    """Choose the fields that h= names, of several with one name the last first (RFC 6376 5.4.2).

    A name without a field left stands for one that must not be there, and adds nothing.
    """
    by_name: dict[str, list[RawField]] = {}
    for field in fields:
        by_name.setdefault(field.name, []).append(field)
    return [left.pop() for name in names if (left := by_name.get(name))]


def without_signature(octets: bytes) -> bytes:
    """Empty the b= of a signature field (RFC 6376 3.7)."""
    return _SIGNATURE.sub(rb"\1", octets.removesuffix(b"\r\n"), count=1) + b"\r\n"


def signed_octets(chosen: Iterable[RawField], own: bytes, form: Canonicalization) -> bytes:
    """Give what is signed: the fields in their order, then the own field with its b= empty."""
    pieces = [canonical_field(field.octets, form) for field in chosen]
    pieces.append(canonical_field(own, form).removesuffix(b"\r\n"))
    return b"".join(pieces)
