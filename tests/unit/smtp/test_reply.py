"""Replies on the wire: read whole and safe to print, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import LocalProtocolError, RemoteProtocolError
from postseal.smtp.reply import Reply, ReplyParser
from tests.parts.splits import byte_by_byte, segments


def parse(*pieces: bytes) -> list[Reply]:
    parser = ReplyParser()
    replies = []
    for piece in pieces:
        parser.feed(piece)
        while (reply := parser.next_reply()) is not None:
            replies.append(reply)
    return replies


@pytest.mark.parametrize(
    ("wire", "reply"),
    [
        (b"250 OK\r\n", Reply(250, ("OK",))),
        # RFC 5321 4.2: the text is optional, and so is the space where there is none.
        (b"220\r\n", Reply(220)),
        (b"220 \r\n", Reply(220)),
        (b"250-a\r\n250-\r\n250 b\r\n", Reply(250, ("a", "", "b"))),
        # A last line without its space ends the reply too.
        (b"250-a\r\n250\r\n", Reply(250, ("a", ""))),
        (b"250 2.1.5 OK\r\n", Reply(250, ("OK",), "2.1.5")),
        (b"550 5.1.1\r\n", Reply(550, ("",), "5.1.1")),
        (b"550-5.7.1 a\r\n550 5.7.1 b\r\n", Reply(550, ("a", "b"), "5.7.1")),
        # Stripped by the server: the line has no text, not the text "5.7.1".
        (b"550-5.7.1 a\r\n550-5.7.1\r\n550 5.7.1 b\r\n", Reply(550, ("a", "", "b"), "5.7.1")),
        (b"550-5.7.1\r\n550 5.7.1 b\r\n", Reply(550, ("", "b"), "5.7.1")),
        # RFC 2034 4: one code for the reply; a line with another keeps what it says.
        (b"550-5.7.1 a\r\n550 5.7.2 b\r\n", Reply(550, ("a", "5.7.2 b"), "5.7.1")),
        (b"550-5.7.1 a\r\n550 5.7.11 b\r\n", Reply(550, ("a", "5.7.11 b"), "5.7.1")),
        # RFC 2034 4: the class must be that of the reply.
        (b"250 5.1.1 OK\r\n", Reply(250, ("5.1.1 OK",))),
        (b"354 2.0.0 go\r\n", Reply(354, ("2.0.0 go",))),
        # No status codes: too many digits, too few parts, an address, digits of another script.
        (b"250 2.1234.0 x\r\n", Reply(250, ("2.1234.0 x",))),
        (b"250 2.1 x\r\n", Reply(250, ("2.1 x",))),
        (b"250 2.2.2.2 x\r\n", Reply(250, ("2.2.2.2 x",))),
        ("250 2.١.0 x\r\n".encode(), Reply(250, ("2.١.0 x",))),
        ("250 übermäßig\r\n".encode(), Reply(250, ("übermäßig",))),
    ],
)
def test_reads_a_reply(wire: bytes, reply: Reply) -> None:
    assert parse(wire) == [reply]
    assert parse(*byte_by_byte(wire)) == [reply]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # P06: escape sequences would run in the terminal that shows a log.
        (b"\x1b[2Jgone", "\\x1b[2Jgone"),
        (b"a\x00b", "a\\x00b"),
        (b"a\tb", "a b"),
        # P07: what is no UTF-8 is shown as the octets it is.
        (b"caf\xe9", "caf\\xe9"),
        # A line separator would make two lines of one; an override turns the rest around.
        ("a\u2028b".encode(), "a\\x2028b"),
        ("a\u202eb".encode(), "a\\x202eb"),
        ("a\u0085b".encode(), "a\\x85b"),
    ],
)
def test_the_text_can_be_printed(text: bytes, shown: str) -> None:
    assert parse(b"250 " + text + b"\r\n") == [Reply(250, (shown,))]


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        # P05: codes that are none.
        (b"25 OK\r\n", "no SMTP reply"),
        (b"2500 OK\r\n", "no SMTP reply"),
        (b"25O OK\r\n", "no SMTP reply"),
        (b"150 OK\r\n", "no SMTP reply"),
        (b"650 OK\r\n", "no SMTP reply"),
        (b"290 OK\r\n", "no SMTP reply"),
        (b"250OK\r\n", "no SMTP reply"),
        (b"250_OK\r\n", "no SMTP reply"),
        (b" 250 OK\r\n", "no SMTP reply"),
        (b"\xb2\xb5\xb0 OK\r\n", "no SMTP reply"),
        (b"\r\n", "no SMTP reply"),
        (b"HTTP/1.1 400 Bad Request\r\n", "'HTTP/1.1 400 Bad Request' is no SMTP reply"),
        # P04: which of the two would count?
        (b"250-a\r\n550 b\r\n", "mixes the codes 250 and 550"),
        # P03: a CR or LF alone ends a line for some and not for others.
        (b"250 a\n", "bare CR or LF"),
        (b"250 a\r250 b\r\n", "bare CR or LF"),
        (b"250 a\r\r\n", "bare CR or LF"),
    ],
)
def test_what_is_no_reply_is_the_servers_fault(wire: bytes, says: str) -> None:
    for pieces in ([wire], byte_by_byte(wire)):
        with pytest.raises(RemoteProtocolError, match=says):
            parse(*pieces)


def test_a_fault_is_shown_short_and_printable() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse(b"\x1b[31m" + b"x" * 1000 + b"\r\n")
    assert caught.value.text.isprintable()
    assert len(caught.value.text) < 150


@pytest.mark.parametrize("lines", [(), ("a\r\nb",), ("ok", "\n"), ("\x00",), ("\u2028",)])
def test_a_reply_to_be_sent_is_the_lines_it_is_meant_to_be(lines: tuple[str, ...]) -> None:
    # Else a name that a client chose could put lines of its own into our answers.
    with pytest.raises(LocalProtocolError, match="cannot be the text of a reply"):
        Reply(250, lines)


def test_a_reply_reads_as_one_line() -> None:
    reply = Reply(550, ("no such", "", "user"), "5.1.1")
    assert str(reply) == "550 5.1.1 no such user"
    assert reply.text == "no such user"
    assert str(Reply(220)) == "220"


def test_the_first_digit_decides() -> None:
    assert [Reply(code).is_positive for code in (250, 299, 354, 450, 550)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert [Reply(code).is_temporary for code in (250, 354, 400, 499, 500)] == [
        False,
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("wire", "is_empty"),
    [
        (b"", True),
        (b"250 a\r\n", True),
        (b"250-a\r\n250 b\r\n", True),
        (b"2", False),
        (b"250 a\r\n\x16", False),
        # The line is gone from the buffer, but the reply is not whole.
        (b"250-a\r\n", False),
    ],
)
def test_it_is_known_whether_anything_is_left_behind_a_reply(wire: bytes, is_empty: bool) -> None:
    parser = ReplyParser()
    parser.feed(wire)
    parser.next_reply()
    assert parser.is_empty is is_empty


TEXT = st.text(st.characters(codec="utf-8"), max_size=30).filter(str.isprintable)


@given(
    st.data(),
    st.sampled_from([220, 250, 354, 421, 550]),
    st.lists(TEXT, min_size=1, max_size=5),
    st.booleans(),
)
def test_what_is_written_is_read(
    data: st.DataObject, code: int, lines: list[str], has_status: bool
) -> None:
    status = f"{code // 100}.1.0" if has_status and code != 354 else None
    if status is None:
        # A text that begins like a status would be read as one.
        lines = [f"-{line}" for line in lines]
    reply = Reply(code, tuple(lines), status)
    wire = reply.encode()
    assert parse(wire) == [reply]
    assert parse(*data.draw(segments(wire))) == [reply]
    # RFC 5321 4.2.1: each line but the last has the hyphen.
    written = wire.decode().split("\r\n")[:-1]
    assert [line[3] for line in written] == ["-"] * (len(lines) - 1) + [" "]
