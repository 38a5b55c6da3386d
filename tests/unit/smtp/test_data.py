"""The body on the wire: one end of data, no bare CR or LF, and the same octets at both ends."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.smtp.data import DataReader, DataWriter
from postseal.smtp.line_endings import LineEndings, LineEndingsFilter
from tests.parts.false_ends import END, FALSE_ENDS
from tests.parts.splits import byte_by_byte, segments

# What can go wrong is made of these; other octets are only there to separate them.
BODIES = st.one_of(
    st.lists(
        st.sampled_from(
            [b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"a", b"\x00", b"\xff", *FALSE_ENDS]
        )
    ).map(b"".join),
    st.binary(max_size=200),
)


def write(pieces: list[bytes]) -> bytes:
    writer = DataWriter()
    return b"".join([writer.write(piece) for piece in pieces]) + writer.finish()


class Read(NamedTuple):
    """What was read: the frame, and what the filter behind it says of the content."""

    finished: bool
    fault: str | None


def read(pieces: list[bytes]) -> tuple[bytes, bytes, Read]:
    reader = DataReader()
    content = LineEndingsFilter(LineEndings.REJECT)
    decoded = rest = b""
    for piece in pieces:
        if reader.finished:
            rest += piece
        else:
            more, behind = reader.read(piece)
            decoded += content.take(more)
            rest += behind
    if reader.finished:
        decoded += content.finish()
    return decoded, rest, Read(reader.finished, content.fault)


def normalised(body: bytes) -> bytes:
    """The body as RFC 5321 2.3.8 wants it: each line ended, by CRLF."""
    text = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return text if not text or text.endswith(b"\r\n") else text + b"\r\n"


@pytest.mark.parametrize(
    ("body", "wire"),
    [
        (b"", b".\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a\r\n\r\n", b"a\r\n\r\n.\r\n"),
        # RFC 5321 4.5.2: a line that begins with a dot gets another.
        (b".", b"..\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"..\r\n", b"...\r\n.\r\n"),
        (b"a.b\r\n", b"a.b\r\n.\r\n"),
        (b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
        # RUSTSEC-2021-0069: the line behind an empty one begins with a dot as well.
        (b"a\r\n\r\n.\r\nb", b"a\r\n\r\n..\r\nb\r\n.\r\n"),
        # A bare CR or LF becomes what the sender most likely meant.
        (b"a\nb\n", b"a\r\nb\r\n.\r\n"),
        (b"a\rb\r", b"a\r\nb\r\n.\r\n"),
        (b"\r\r\n", b"\r\n\r\n.\r\n"),
        (b"\n.\n", b"\r\n..\r\n.\r\n"),
    ],
)
def test_writes_a_body(body: bytes, wire: bytes) -> None:
    assert write([body]) == wire
    assert write(byte_by_byte(body)) == wire
    decoded, rest, reader = read([wire + b"QUIT\r\n"])
    assert (decoded, rest, reader.fault) == (normalised(body), b"QUIT\r\n", None)


@pytest.mark.parametrize(
    "pieces",
    [
        # I07: the boundary falls inside the line ending, or between it and the dot.
        [b"a\r", b"\n.b"],
        [b"a\r\n", b".b"],
        [b"a\r", b"", b"\n", b"", b".b"],
    ],
)
def test_a_boundary_hides_no_dot(pieces: list[bytes]) -> None:
    assert write(pieces) == b"a\r\n..b\r\n.\r\n"


def test_a_cr_at_the_very_end_is_a_line_ending() -> None:
    assert write([b"a\r\n\r"]) == b"a\r\n\r\n.\r\n"
    assert write([b"\r"]) == b"\r\n.\r\n"


@given(st.data(), BODIES)
def test_a_written_body_ends_once_and_holds_only_crlf(data: st.DataObject, body: bytes) -> None:
    wire = write(data.draw(segments(body)))
    assert wire == write([body])
    # The line before the body ended with CRLF, so a dot may end it at once.
    assert (b"\r\n" + wire).count(END) == 1
    assert wire.endswith(b".\r\n")
    assert wire.count(b"\r") == wire.count(b"\n") == wire.count(b"\r\n")


@given(st.data(), BODIES)
def test_what_is_written_is_read(data: st.DataObject, body: bytes) -> None:
    wire = write([body])
    behind = data.draw(st.sampled_from([b"", b"MAIL FROM:<>\r\n", b".\r\n", b"\r\n.\r\n"]))
    decoded, rest, reader = read(data.draw(segments(wire + behind)))
    assert decoded == normalised(body)
    assert rest == behind
    assert reader.finished
    assert reader.fault == ("a NUL" if b"\x00" in body else None)


@given(st.data(), BODIES)
def test_a_foreign_body_is_read_alike_however_it_is_cut(data: st.DataObject, wire: bytes) -> None:
    whole, rest, reader = read([wire])
    for pieces in (byte_by_byte(wire), data.draw(segments(wire))):
        decoded, behind, other = read(pieces)
        assert (decoded, behind) == (whole, rest)
        assert (other.finished, other.fault) == (reader.finished, reader.fault)


@pytest.mark.parametrize("false_end", FALSE_ENDS)
def test_only_crlf_dot_crlf_is_an_end(false_end: bytes) -> None:
    wire = b"a" + false_end + b"b\r\n.\r\n"
    for pieces in ([wire], byte_by_byte(wire)):
        decoded, rest, reader = read(pieces)
        assert reader.finished
        assert rest == b""
        assert decoded.endswith(b"b\r\n")
        assert reader.fault is not None


def test_a_dot_is_taken_off_only_where_one_was_put_on() -> None:
    assert read([b"..\r\n.a\r\nb.\r\n.\r\n"])[0] == b".\r\na\r\nb.\r\n"


def test_a_body_that_has_not_ended_is_handed_on_as_far_as_it_is_certain() -> None:
    reader = DataReader()
    assert reader.read(b"abc\r\n.") == (b"abc", b"")
    assert not reader.finished
    assert reader.read(b"d") == (b"\r\nd", b"")


def test_the_worse_fault_is_told() -> None:
    # Smuggling is an attack, a NUL most often an accident; the order must not matter.
    for wire in (b"a\x00\r\nb\nc\r\n.\r\n", b"b\nc\r\na\x00\r\n.\r\n"):
        for pieces in ([wire], byte_by_byte(wire)):
            assert read(pieces)[2].fault == "a bare CR or LF"
