"""Any HTML becomes a text that is empty or ends with one line end, has no blank at the end of a
line, and is the same each time.
"""

from __future__ import annotations

from fuzz.chunks import text_of
from postseal.mail.text_from_html import text_from_html

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant."""
    html = text_of(data)
    text = text_from_html(html)
    assert not text or (text.endswith("\n") and not text.endswith("\n\n"))
    assert all(line == line.rstrip() for line in text.split("\n"))
    assert text_from_html(html) == text
