"""Message identifiers, which hold threads together (RFC 5322 3.6.4 and 4.5.4)."""

from __future__ import annotations

import re

from postseal.mail.reading.words import printable, raw_text

__all__ = ["read_message_ids"]

_BRACKETED = re.compile(r"<([^<>]+)>")
_BLANK = re.compile(r"[ \t\r\n]+")


def read_message_ids(octets: bytes) -> tuple[str, ...]:
    """Give the identifiers in a field, each in its angle brackets and once, in their order.

    Space within one, which folding brings in, is removed; the words that old programs write
    between them are not looked at. Where nothing has brackets, words with an @ are taken.
    """
    text = raw_text(octets)
    found = [_BLANK.sub("", each) for each in _BRACKETED.findall(text)]
    if not found:
        found = [each for each in text.split() if "@" in each]
    return tuple(dict.fromkeys(f"<{printable(each)}>" for each in found if each))
