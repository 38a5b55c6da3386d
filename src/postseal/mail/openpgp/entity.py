"""The MIME entities of OpenPGP: a multipart of two parts, one of them armored (RFC 3156)."""

from __future__ import annotations

from typing import Final

from postseal.defaults import RandomSource
from postseal.mail.mime import Part, multipart

__all__ = ["armored_part", "multipart_entity"]

_TOKEN_OCTETS: Final = 16


def multipart_entity(
    subtype: str, parts: tuple[Part, Part], *, parameters: str, random: RandomSource
) -> bytes:
    """Write an entity of RFC 1847 with its header."""
    root = multipart(subtype, parts, token=random(_TOKEN_OCTETS).hex(), parameters=parameters)
    return b"".join(
        (root.fields, b"\r\n", *(each for each in root.body if isinstance(each, bytes)))
    )


def armored_part(fields: bytes, armored: bytes) -> Part:
    """Make a part of armor, which the engine writes with the line ends of the machine."""
    return Part(fields, (armored.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),))
