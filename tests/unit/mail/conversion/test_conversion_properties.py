"""Any message is refused or comes out the same, in 7 bits, however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.mail.conversion import Conversion, NotConvertible
from tests.parts.conversions import check_same_message, convert
from tests.parts.splits import segments

TOKENS = st.sampled_from(
    [
        b"\r\n",
        b"\r\n\r\n",
        b"--a",
        b"--b",
        b"--",
        b" \t",
        b".",
        b"From ",
        b"=",
        b"x" * 75,
        b"y" * 999,
        b"Content-Type: multipart/mixed; boundary=a\r\n",
        b"Content-Type: multipart/digest; boundary=b\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: text/plain; charset=utf-8\r\n",
        b"Content-Type: application/pdf\r\n",
        b"Content-Transfer-Encoding: 8bit\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"MIME-Version: 1.0\r\n",
        b"X-Folded: a\r\n b\r\n",
        "grüße".encode(),
        "ж".encode() * 30,
    ]
)
SOUP = st.lists(TOKENS, max_size=40).map(b"".join)


def line_of_text() -> st.SearchStrategy[bytes]:
    return st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=90
    ).map(lambda text: text.encode() + b"\r\n")


@st.composite
def leaves(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from([b"text/plain; charset=utf-8", b"text/html", b"image/png"]))
    label = draw(st.sampled_from([b"8bit", b"7bit", b"Binary", b"8bit (yes)"]))
    lines = draw(st.lists(line_of_text(), max_size=8))
    # No line begins like a delimiter: boundaries begin with a hyphen of their own.
    body = b"".join(line.replace(b"--", b"-") for line in lines)
    header = b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + label + b"\r\n\r\n"
    return header + body + draw(st.sampled_from([b"", b"no end"]))


def composites(inside: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    @st.composite
    def multipart(draw: st.DrawFn) -> bytes:
        parts = draw(st.lists(inside, min_size=1, max_size=3))
        taken = b"".join(parts).count(b"boundary=")
        boundary = b"-%d-%d" % (taken, draw(st.integers(0, 2**32)))
        delimiter = b"\r\n--" + boundary
        return (
            b"Content-Type: multipart/mixed; boundary="
            + boundary
            + b"\r\n\r\npreamble"
            + b"".join(delimiter + b"\r\n" + part for part in parts)
            + delimiter
            + b"--\r\n"
        )

    def message(entity: bytes) -> bytes:
        return b"Content-Type: message/rfc822\r\n\r\nSubject: inside\r\n" + entity

    return multipart() | inside.map(message)


MESSAGES = st.recursive(leaves(), composites, max_leaves=8)


@given(MESSAGES)
def test_well_formed_messages_are_converted_and_read_the_same(message: bytes) -> None:
    written, plan = convert(message)
    check_same_message(message, written)
    # RFC 2045 6.4, and what is 7-bit has nothing left to convert.
    again, nothing = convert(written)
    assert again == written
    assert not nothing.is_needed
    assert plan.is_needed == (written != message)


@given(SOUP)
def test_of_any_octets_what_comes_out_is_7_bit(message: bytes) -> None:
    try:
        written, _ = convert(message, Conversion.DANGEROUS_EVEN_SIGNED)
    except NotConvertible:
        return
    assert written.isascii()
    assert max(map(len, written.split(b"\r\n"))) <= 998
    assert not convert(written)[1].is_needed


@given(st.data(), SOUP | MESSAGES)
def test_whole_equals_any_cut(data: st.DataObject, message: bytes) -> None:
    cut = data.draw(segments(message))
    try:
        expected = convert(message)
    except NotConvertible:
        # Of two reasons the one that is read first is told.
        with pytest.raises(NotConvertible):
            convert(cut)
    else:
        assert convert(cut) == expected
