"""Text of strangers without what a terminal, a page or a parser would obey.

What is printable in Python's sense is also a character of XML 1.0 (section 2.2).
"""

from __future__ import annotations

__all__ = ["one_line", "terminal_safe"]


def terminal_safe(text: str) -> str:
    r"""Write what is neither printable nor the end of a line as its number, such as ``\x1b``."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def one_line(text: str) -> str:
    """Write a text as `terminal_safe` does, on a single line."""
    return " ".join(terminal_safe(text).split())
