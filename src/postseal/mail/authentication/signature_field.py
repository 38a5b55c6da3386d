"""A signature field as it is written: short lines, and nothing that a relay would fold again.

The text that is signed and the text that is sent differ in the octets of b= alone; its place is
fixed before they are known.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Sequence
from typing import Final

__all__ = ["signature_field", "with_signature"]

_LINE_LENGTH: Final = 78
_FOLD = "\r\n\t"


def signature_field(name: str, tags: Sequence[tuple[str, str]]) -> bytes:
    """Write a field whose last tag is an empty b=; `with_signature` puts the signature there.

    Lines are folded between tags, and within the value of h= at its colons (RFC 6376 3.5).
    """
    lines = []
    line = f"{name}:"
    for tag, value in tags:
        space = " "
        for piece in _pieces(tag, value):
            # With the tab before it, and no tab before the first.
            if len(line) + len(space) + len(piece) >= _LINE_LENGTH:
                lines.append(line)
                line = piece
            else:
                line += space + piece
            space = ""
    lines += (line, "b=")
    return f"{_FOLD.join(lines)}\r\n".encode("ascii")


def with_signature(field: bytes, signature: bytes) -> bytes:
    """Put a signature into the empty b= at the end of a field."""
    text = b2a_base64(signature, newline=False)
    # The first line has "\tb=" before it, later ones a tab and a space.
    lines = [text[at : at + 72] for at in range(0, len(text), 72)]
    return b"%b%b\r\n" % (field.removesuffix(b"\r\n"), b"\r\n\t ".join(lines))


def _pieces(tag: str, value: str) -> list[str]:
    text = f"{tag}={value};"
    return text.replace(":", ":\0").split("\0") if tag == "h" else [text]
