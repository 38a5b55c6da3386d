"""Text from mail made fit for one line of a page: nothing in it breaks or turns that line."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["one_line"]

# C0 and C1 controls, line and paragraph separators, the marks that turn the direction of what
# follows (a file name can read `exe.pdf` by them), and surrogates that no UTF-8 can hold.
_UNSHOWABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def one_line(text: str, *, limit: int = 1000) -> str:
    """Make `text` one line of at most `limit` characters: no controls, nothing that turns text."""
    shown = _UNSHOWABLE.sub(" ", text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"
