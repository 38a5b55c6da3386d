"""White space and comments between the tokens of structured fields (RFC 5322 3.2.2)."""

from __future__ import annotations

import re

__all__ = ["comment_end", "skip_space", "without_comments"]

_SPACE = re.compile(r"[ \t\r\n]*+")
_IN_COMMENT = re.compile(r"(?:[^()\\]|\\.)*+\\?", re.DOTALL)


def skip_space(text: str, position: int) -> int:
    """Give the position behind white space and comments."""
    end = len(text)
    while position < end:
        found = _SPACE.match(text, position)
        if found:
            position = found.end()
        if position == end or text[position] != "(":
            break
        position, _ = comment_end(text, position)
    return position


def comment_end(text: str, position: int) -> tuple[int, bool]:
    """Give the position behind the comment that begins here, and whether it is closed.

    One that is not goes to the end.
    """
    depth = 0
    end = len(text)
    while position < end:
        if text[position] == "(":
            depth += 1
        elif text[position] == ")":
            depth -= 1
            if not depth:
                return position + 1, True
        found = _IN_COMMENT.match(text, position + 1)
        position = found.end() if found else end
    return end, False


def without_comments(text: str) -> str:
    """Put a space in the place of each comment, in a field that has no quotes."""
    pieces = []
    start = 0
    while (opening := text.find("(", start)) >= 0:
        pieces.append(text[start:opening])
        start, _ = comment_end(text, opening)
    pieces.append(text[start:])
    return " ".join(pieces)
