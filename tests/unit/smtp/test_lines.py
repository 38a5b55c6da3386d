from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.smtp.lines import BareLineEnding, LineBuffer, LineTooLong
from tests.parts.splits import byte_by_byte, segments


def collect(pieces: list[bytes], limit: int) -> tuple[list[bytes], type[Exception] | None]:
    buffer = LineBuffer(limit)
    lines: list[bytes] = []
    try:
        for piece in pieces:
            buffer.feed(piece)
            while (line := buffer.next_line()) is not None:
                lines.append(line)
    except (BareLineEnding, LineTooLong) as fault:
        return lines, type(fault)
    return lines, None


def test_lines_come_without_their_ends() -> None:
    assert collect([b"a\r\n\r\nb"], 8) == ([b"a", b""], None)


@pytest.mark.parametrize("data", [b"a\n", b"a\rb", b"\n\r\n", b"\r\r\n", b"a\r\n\n", b"\ra\r\n"])
def test_only_crlf_ends_a_line(data: bytes) -> None:
    assert collect([data], 8)[1] is BareLineEnding
    assert collect(byte_by_byte(data), 8)[1] is BareLineEnding


def test_a_cr_at_the_end_may_still_get_its_lf() -> None:
    assert collect([b"a\r", b"\n"], 8) == ([b"a"], None)


def test_the_limit_counts_the_line_ending() -> None:
    # RFC 5321 4.5.3.1.4: "including the command word and the <CRLF>".
    assert collect([b"123456\r\n"], 8) == ([b"123456"], None)
    assert collect([b"1234567\r\n"], 8) == ([], LineTooLong)


def test_a_line_that_cannot_end_in_time_is_refused_before_it_ends() -> None:
    assert collect([b"1234567"], 8) == ([], None)
    assert collect([b"12345678"], 8) == ([], LineTooLong)
    assert collect([b"1234567\r"], 8) == ([], LineTooLong)


def test_what_is_buffered_can_be_taken_whole() -> None:
    buffer = LineBuffer(8)
    buffer.feed(b"a\r\nb\nc")
    assert buffer.next_line() == b"a"
    assert len(buffer) == 3
    assert buffer.take_all() == b"b\nc"
    assert len(buffer) == 0


@given(st.data(), st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"a", b"bcd", b"\x00"])))
def test_the_cut_does_not_matter(data: st.DataObject, parts: list[bytes]) -> None:
    stream = b"".join(parts)
    whole = collect([stream], 8)
    assert collect(byte_by_byte(stream), 8) == whole
    assert collect(data.draw(segments(stream)), 8) == whole
