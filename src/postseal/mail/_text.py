"""What no header or text may hold, and how an error shows the place of it."""

from __future__ import annotations

import re

from postseal.errors import InvalidHeader, InvalidInput

__all__ = ["excerpt", "refuse_controls", "utf8_octets"]

# C0 and C1 controls, the line separators of Unicode, and lone surrogates, which UTF-8 cannot hold.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_AROUND = 24


def refuse_controls(text: str, what: str) -> None:
    """Raise `InvalidHeader` if `text` could end or damage the line it is written on."""
    # Printable in Python's sense excludes all of them, and is found out faster.
    if text.isprintable():
        return
    if found := _CONTROL.search(text):
        position = found.start()
        raise InvalidHeader(
            f"{what} holds the control character U+{ord(found[0]):04X} "
            f"at position {position + 1}: {excerpt(text, position)}",
            hint="Remove it, or put a space in its place.",
        )


def utf8_octets(text: str, what: str) -> bytes:
    """Encode a text; raises `InvalidInput` for a lone surrogate, which no encoding can write."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{what} holds the lone surrogate U+{ord(text[error.start]):04X} "
            f"at position {error.start + 1}",
            hint="It was decoded wrongly; decode its source with errors='replace'.",
        ) from None


def excerpt(text: str, position: int = 0) -> str:
    """Show the surroundings of a position in `text`, in printable ASCII."""
    start = max(0, position - _AROUND)
    end = position + 2 * _AROUND
    before = "..." if start else ""
    after = "..." if end < len(text) else ""
    return f"{before}{text[start:end]!a}{after}"
