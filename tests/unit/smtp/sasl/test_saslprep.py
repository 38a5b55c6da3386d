from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.smtp.sasl.saslprep import StringUse, saslprep

BOTH = pytest.mark.parametrize("use", StringUse)


@BOTH
@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        # RFC 4013 3, examples 1 to 5
        ("I\u00adX", "IX"),  # SOFT HYPHEN is mapped to nothing
        ("user", "user"),  # no transformation
        ("USER", "USER"),  # the case is kept
        ("\u00aa", "a"),  # NFKC
        ("\u2168", "IX"),  # NFKC
        # RFC 4013 2.1: other spaces become SPACE.
        ("a\u00a0b\u3000c", "a b c"),
        ("a\u200bb", "a b"),
        # Composed and decomposed look the same, and are made the same.
        ("u\u0308", "ü"),
        # RFC 3454 6: right-to-left at both ends.
        ("\u0627\u0031\u0628", "\u0627\u0031\u0628"),
        ("\u0627", "\u0627"),
    ],
)
def test_what_is_prepared(text: str, prepared: str, use: StringUse) -> None:
    assert saslprep(text, use).text == prepared
    assert not saslprep(text, use).problem


@BOTH
@pytest.mark.parametrize(
    ("text", "says"),
    [
        # RFC 4013 3, examples 6 and 7
        ("\u0007", "a control character"),
        ("\u0627\u0031", "right-to-left letters without one at its beginning and end"),
        ("\u0031\u0627", "right-to-left letters without one at its beginning and end"),
        ("\u0627a\u0628", "right-to-left and left-to-right letters together"),
        # one of each table of RFC 4013 2.3
        ("a\x00", "a control character"),
        ("a\u0085", "a control character"),
        ("\ue000", "a code point for private use"),
        ("\ufdd0", "a non-character"),
        ("\ud800", "a surrogate"),
        ("\ufffd", "a code point that is no plain text"),
        ("\u2ff0", "an ideographic description character"),
        ("\u200e", "a character that changes the display"),
        ("\U000e0001", "a tagging character"),
        # RFC 5802 5.1: nothing is left.
        ("", "nothing that SASLprep leaves"),
        ("\u00ad", "nothing that SASLprep leaves"),
    ],
)
def test_what_is_refused(text: str, says: str, use: StringUse) -> None:
    assert says in saslprep(text, use).problem
    assert saslprep(text, use).text == ""


def test_a_code_point_younger_than_the_profile() -> None:
    # RFC 3454 7: U+0221 was not assigned in Unicode 3.2; nor was any emoji beyond the plane.
    for text in ("\u0221", "\U0001f600"):
        assert saslprep(text, StringUse.QUERY).text == text
        assert "Unicode 3.2" in saslprep(text, StringUse.STORED).problem


@given(st.text(), st.sampled_from(StringUse))
def test_any_text_is_prepared_or_has_a_problem(text: str, use: StringUse) -> None:
    prepared = saslprep(text, use)
    assert bool(prepared.text) != bool(prepared.problem)
    if prepared.text:
        assert saslprep(prepared.text, use) == prepared


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1))
def test_ASCII_stays_as_it_is(text: str) -> None:
    assert saslprep(text, StringUse.STORED).text == text


def test_the_text_is_not_shown() -> None:
    assert "hunter2" not in repr(saslprep("hunter2", StringUse.STORED))
    assert "hunter2" not in repr(saslprep("hunter2\x00", StringUse.STORED))
