"""Text of strangers made fit for a terminal and for a line of a log."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str, *, keep: str = "") -> str:
    r"""Write what is not printable, apart from the characters in `keep`, as `\x1b` and the like.

    That takes in control characters, which command terminals and begin lines of logs, and those
    that turn the direction of writing around (Unicode TR 36, 3.5).
    """
    if text.isprintable():
        return text
    return "".join(
        one
        if one.isprintable() or one in keep
        else one.encode("unicode_escape", "surrogatepass").decode("ascii")
        for one in text
    )
