"""SASLprep (RFC 4013): one form for user names and passwords that look the same to who types them.

It is the profile of stringprep (RFC 3454) that knows Unicode 3.2: whatever was assigned later is
"unassigned" here, passed on in queries and refused in what is stored.
"""

from __future__ import annotations

import stringprep
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final
from unicodedata import ucd_3_2_0

__all__ = ["Prepared", "StringUse", "saslprep"]


@unique
class StringUse(Enum):
    """What the string is for, which decides on unassigned code points (RFC 3454 7)."""

    QUERY = "to be looked up"
    STORED = "to be stored, or hashed"


# RFC 4013 2.3, as far as the mapping leaves any: each table with what it holds.
_PROHIBITED: Final[tuple[tuple[Callable[[str], bool], str], ...]] = (
    (stringprep.in_table_c12, "a space that is no SPACE"),
    (stringprep.in_table_c21_c22, "a control character"),
    (stringprep.in_table_c3, "a code point for private use"),
    (stringprep.in_table_c4, "a non-character"),
    (stringprep.in_table_c5, "a surrogate"),
    (stringprep.in_table_c6, "a code point that is no plain text"),
    (stringprep.in_table_c7, "an ideographic description character"),
    (stringprep.in_table_c8, "a character that changes the display"),
    (stringprep.in_table_c9, "a tagging character"),
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The outcome: `text` to go on with, or `problem`, what of the rules was broken."""

    text: str = field(default="", repr=False)
    problem: str = ""


def saslprep(text: str, use: StringUse) -> Prepared:
    """Prepare `text`; what was prepared once does not change when prepared again.

    A problem are prohibited output (RFC 4013 2.3), mixed writing directions (2.4), unassigned
    code points in a string that is `STORED` (2.5), and a text of which nothing is left (RFC 5802
    5.1). It names the rule and not the text, and nothing is raised: the text may be a password,
    and the frames of an error would hold it.
    """
    prepared = ucd_3_2_0.normalize("NFKC", "".join(map(_mapped, text)))
    problem = _prohibited(prepared, use) or _mixed_directions(prepared)
    if not prepared:
        problem = "nothing that SASLprep leaves"
    return Prepared(problem=f"it holds {problem} (RFC 4013)") if problem else Prepared(prepared)


def _prohibited(text: str, use: StringUse) -> str:
    for character in text:
        for is_in, what in _PROHIBITED:
            if is_in(character):
                return what
        if use is StringUse.STORED and stringprep.in_table_a1(character):
            return "a code point that Unicode 3.2 does not know"
    return ""


def _mapped(character: str) -> str:
    # RFC 4013 2.1
    if stringprep.in_table_c12(character):
        return " "
    return "" if stringprep.in_table_b1(character) else character


def _mixed_directions(text: str) -> str:
    # RFC 3454 6
    if not any(map(stringprep.in_table_d1, text)):
        return ""
    if any(map(stringprep.in_table_d2, text)):
        return "right-to-left and left-to-right letters together"
    if stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1]):
        return ""
    return "right-to-left letters without one at its beginning and end"
