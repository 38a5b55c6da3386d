"""The message of all cases but one: 4 KiB, as mail has them."""

from __future__ import annotations

__all__ = ["RECIPIENT", "SENDER", "make_message"]

SENDER = "ada@example.com"
RECIPIENT = "bob@example.org"


def make_message() -> bytes:
    """A short header and lines of text, a few of which begin with a dot."""
    header = (
        f"From: Ada <{SENDER}>\r\nTo: Bob <{RECIPIENT}>\r\nSubject: Your invoice\r\n"
        "Date: Sun, 1 Mar 2026 12:00:00 +0000\r\nMessage-ID: <bench@example.com>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    line = "The quick brown fox jumps over the lazy dog, and nobody is any the wiser.\r\n"
    paragraph = line * 9 + ".dot\r\n"
    text = header + paragraph * (4096 // len(paragraph) + 1)
    return text[:4094].encode() + b"\r\n"
