"""What no header may hold, and how an error shows the place of it."""

from __future__ import annotations

import re

from postseal.errors import InvalidHeader

__all__ = ["excerpt", "refuse_controls"]

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


def excerpt(text: str, position: int = 0) -> str:
    """Show the surroundings of a position in `text`, in printable ASCII."""
    start = max(0, position - _AROUND)
    end = position + 2 * _AROUND
    before = "..." if start else ""
    after = "..." if end < len(text) else ""
    return f"{before}{text[start:end]!a}{after}"
