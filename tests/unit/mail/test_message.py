from __future__ import annotations

import io
import pickle
import re
import tracemalloc
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.address import Address
from postseal.errors import InvalidAddress, InvalidHeader, InvalidInput
from postseal.mail import Attachment, Envelope, Header, Mailbox, Message
from postseal.mail.arguments import checked_date
from postseal.mail.message import written_date

NOON = datetime(2026, 3, 1, 12, 0, 5, 999_999, timezone(timedelta(hours=-3, minutes=-30)))


class Pipe:
    """A file that can only be read onwards."""

    def __init__(self, octets: bytes) -> None:
        self._file = io.BytesIO(octets)

    def read(self, size: int, /) -> bytes:
        return self._file.read(size)


def fixed_random(count: int) -> bytes:
    return bytes(range(count))


def test_a_text_message_whole() -> None:
    message = Message(
        from_="Ada Lovelace <ada@example.com>",
        to=["bob@example.org", Mailbox("Carol", Address("carol", "example.net"))],
        cc=Address("dave", "example.net"),
        bcc="eve@example.net",
        reply_to="office@example.com",
        subject="Your invoice",
        text="Hello Bob,\n\nthe invoice follows.",
        headers=[("X-One", "1"), Header("X-Two", "2"), ("X-One", "3")],
        clock=lambda: NOON,
        random=fixed_random,
    )
    assert bytes(message).decode("ascii").split("\r\n") == [
        "Date: Sun, 01 Mar 2026 12:00:05 -0330",
        "From: Ada Lovelace <ada@example.com>",
        "Reply-To: office@example.com",
        "To: bob@example.org, Carol <carol@example.net>",
        "Cc: dave@example.net",
        "Subject: Your invoice",
        "Message-ID: <000102030405060708090a0b0c0d0e0f@example.com>",
        "X-One: 1",
        "X-Two: 2",
        "X-One: 3",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "Hello Bob,",
        "",
        "the invoice follows.",
        "",
    ]
    assert message.envelope == Envelope(
        Address("ada", "example.com"),
        (
            Address("bob", "example.org"),
            Address("carol", "example.net"),
            Address("dave", "example.net"),
            Address("eve", "example.net"),
        ),
    )


def test_a_tree_whole() -> None:
    message = Message(
        from_="a@example.com",
        to="b@example.com",
        text="text",
        html="<p>html",
        attachments=[Attachment.from_bytes(b"12", filename="a.pdf")],
        date=NOON,
        message_id="<1@example.com>",
        random=fixed_random,
    )
    token = "000102030405060708090a0b0c0d0e0f"
    assert bytes(message).decode("ascii").split("\r\n")[5:] == [
        "Content-Type: multipart/mixed;",
        f' boundary="=_mixed_{token}"',
        "",
        f"--=_mixed_{token}",
        "Content-Type: multipart/alternative;",
        f' boundary="=_alternative_{token}"',
        "",
        f"--=_alternative_{token}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "text",
        "",
        f"--=_alternative_{token}",
        "Content-Type: text/html; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "<p>html",
        "",
        f"--=_alternative_{token}--",
        "",
        f"--=_mixed_{token}",
        "Content-Type: application/pdf",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment; filename=a.pdf",
        "",
        "MTI=",
        "",
        f"--=_mixed_{token}--",
        "",
    ]


def test_each_writing_gives_the_same_octets() -> None:
    message = Message(
        from_="a@example.com",
        to="b@example.com",
        html="<p>ü",
        attachments=[Attachment.from_bytes(b"x" * 100_000, filename="a")],
    )
    assert bytes(message) == b"".join(message.chunks()) == bytes(message)
    assert message.size == len(bytes(message))
    assert bytes(pickle.loads(pickle.dumps(message))) == bytes(message)


def test_two_messages_share_no_random_token() -> None:
    one, two = (
        bytes(Message(from_="a@example.com", to="b@example.com", text="t", html="h"))
        for _ in range(2)
    )
    tokens = [re.findall(rb"[0-9a-f]{32}", octets) for octets in (one, two)]
    assert all(len(set(each)) == 2 for each in tokens)
    assert not set(tokens[0]) & set(tokens[1])


def test_the_message_id_tells_of_the_author_only() -> None:
    message = Message(from_="a@Bücher.example", to="b@example.com")
    assert re.fullmatch(r"<[0-9a-f]{32}@xn--bcher-kva\.example>", message.message_id)
    literal = Message(from_="a@[IPv6:2001:db8::1]", to="b@example.com")
    assert literal.message_id.endswith("@[IPv6:2001:db8::1]>")


@pytest.mark.parametrize(
    ("attachments", "text", "html", "types"),
    [
        (0, None, None, ["text/plain"]),
        (0, None, "h", ["multipart/alternative", "text/plain", "text/html"]),
        (0, None, '<img src="https://example.com/a.png">', ["text/html"]),
        (0, "t", "h", ["multipart/alternative", "text/plain", "text/html"]),
        (1, None, None, ["multipart/mixed", "application/pdf"]),
        (2, "t", None, ["multipart/mixed", "text/plain", *["application/pdf"] * 2]),
        (
            1,
            None,
            "h",
            [
                *("multipart/mixed", "multipart/alternative", "text/plain", "text/html"),
                "application/pdf",
            ],
        ),
    ],
)
def test_the_tree_fits_the_parts(
    attachments: int, text: str | None, html: str | None, types: list[str]
) -> None:
    message = Message(
        from_="a@example.com",
        to="b@example.com",
        text=text,
        html=html,
        attachments=[Attachment.from_bytes(b"%PDF", filename="a.pdf")] * attachments,
    )
    assert re.findall(r"Content-Type: ([a-z/]+)", bytes(message).decode()) == types


def test_the_sender_is_written_only_if_it_says_more() -> None:
    alone = Message(from_="a@example.com", sender="a@example.com", to="b@example.com")
    assert b"Sender:" not in bytes(alone)
    other = Message(from_="a@example.com", sender="s@example.org", to="b@example.com")
    assert b"\r\nSender: s@example.org\r\n" in bytes(other)
    assert other.envelope.sender == Address("s", "example.org")
    both = Message(
        from_=["a@example.com", "b@example.com"], sender="b@example.com", to="c@example.com"
    )
    assert b"\r\nFrom: a@example.com, b@example.com\r\nSender: b@example.com\r\n" in bytes(both)
    assert both.envelope.sender == Address("b", "example.com")


def test_what_is_missing_is_named() -> None:
    with pytest.raises(InvalidInput, match="no author"):
        Message(from_=[], to="b@example.com")
    with pytest.raises(InvalidInput, match="no recipient"):
        Message(from_="a@example.com")
    with pytest.raises(InvalidInput, match="several authors and no sender"):
        Message(from_=["a@example.com", "b@example.com"], to="c@example.com")


def test_bcc_alone_is_enough_and_stays_hidden() -> None:
    message = Message(from_="a@example.com", bcc=["Secret <b@example.net>"], text="t")
    assert message.envelope.recipients == (Address("b", "example.net"),)
    assert b"example.net" not in bytes(message)
    assert b"Secret" not in bytes(message)


def test_a_string_is_one_mailbox() -> None:
    # Or a stranger's text could add recipients of its own.
    with pytest.raises(InvalidAddress, match="Give several mailboxes as a list"):
        Message(from_="a@example.com", to="b@example.com, c@example.com")


@pytest.mark.parametrize("wrong", [b"b@example.com", [None], [["b@example.com"]]])
def test_what_is_no_mailbox_is_a_typed_error(wrong: object) -> None:
    with pytest.raises(InvalidInput, match="is no mailbox"):
        Message(from_="a@example.com", to=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        "Bcc",
        "bcc",
        "FROM",
        "To",
        "Cc",
        "Sender",
        "Reply-To",
        "Subject",
        "Date",
        "Message-Id",
        "MIME-Version",
        "Content-Type",
        "content-transfer-encoding",
        "Resent-Bcc",
    ],
)
def test_what_the_message_writes_is_no_extra_header(name: str) -> None:
    with pytest.raises(InvalidHeader, match=f"{name} is no extra header"):
        Message(from_="a@example.com", to="b@example.com", headers={name: "x"})


@pytest.mark.parametrize("break_", ["\r\nBcc: x@example.com", "\n", "\r", "\0"])
def test_nothing_breaks_out_of_its_line(break_: str) -> None:
    good: dict[str, str] = {"from_": "a@example.com", "to": "b@example.com"}
    for field in ("from_", "to", "cc", "bcc", "sender", "reply_to"):
        for text in (f"a@example.com{break_}", f"A{break_} <a@example.com>", f"a{break_}@b.c"):
            with pytest.raises(InvalidAddress):
                Message(**{**good, field: text})  # type: ignore[arg-type]
    for field in ("subject", "message_id"):
        with pytest.raises(InvalidHeader):
            Message(**good, **{field: f"<a@b>{break_}"})  # type: ignore[arg-type]
    for pair in (("X-A", f"b{break_}"), (f"X-A{break_}", "b")):
        with pytest.raises(InvalidHeader):
            Message(**good, headers=[pair])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "message_id",
    ["", "a@b", "<a>", "<a@b", "<a b@c>", "<a@b> <c@d>", "<ä@b>", "<a@b..c>", f"<{'a' * 250}@b>"],
)
def test_a_malformed_message_id_is_refused(message_id: str) -> None:
    with pytest.raises(InvalidHeader, match="is no Message-ID"):
        Message(from_="a@example.com", to="b@example.com", message_id=message_id)


@pytest.mark.parametrize(
    ("date", "line"),
    [
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), "Thu, 31 Dec 2026 23:59:59 +0000"),
        (NOON, "Sun, 01 Mar 2026 12:00:05 -0330"),
        # RFC 5322 3.3 has no seconds in an offset.
        (
            datetime(1900, 1, 2, 0, 0, tzinfo=timezone(timedelta(minutes=53, seconds=28))),
            "Mon, 01 Jan 1900 23:06:32 +0000",
        ),
    ],
)
def test_writes_the_date(date: datetime, line: str) -> None:
    message = Message(from_="a@example.com", to="b@example.com", date=date)
    assert bytes(message).startswith(f"Date: {line}\r\n".encode())


@given(
    st.datetimes(
        min_value=datetime(1900, 1, 2),  # noqa: DTZ001
        timezones=st.integers(-1439, 1439).map(lambda east: timezone(timedelta(minutes=east))),
    )
)
def test_writes_every_date_as_the_standard_library_does(date: datetime) -> None:
    assert written_date(checked_date(date)) == format_datetime(date)


def test_an_author_is_read_the_same_each_time() -> None:
    for _ in range(2):
        message = Message(from_="Ada <ada@example.com>", to="b@example.com")
        assert message.from_ == (Mailbox("Ada", Address("ada", "example.com")),)
        with pytest.raises(InvalidAddress, match="after the address at position 14"):
            Message(from_="a@example.com, b@example.com", to="b@example.com")


def test_an_impossible_date_is_refused() -> None:
    for date, says in (
        (datetime(2026, 1, 1), "no offset from UTC"),  # noqa: DTZ001
        (datetime(1899, 12, 31, tzinfo=UTC), "before 1900"),
    ):
        with pytest.raises(InvalidInput, match=says):
            Message(from_="a@example.com", to="b@example.com", date=date)


def test_only_local_parts_make_headers_other_than_ascii() -> None:
    plain = Message(
        from_="Jürgen <j@bücher.example>", to="b@example.com", subject="日本", text="Grüße"
    )
    assert not plain.needs_smtputf8
    assert bytes(plain).isascii()
    message = Message(from_="jürgen@bücher.example", to="b@example.com", text="Grüße")
    assert message.needs_smtputf8
    assert "\r\nFrom: jürgen@xn--bcher-kva.example\r\n".encode() in bytes(message)
    hidden = Message(from_="a@example.com", to="b@example.com", bcc="jürgen@example.com")
    assert not hidden.needs_smtputf8
    assert hidden.envelope.needs_smtputf8


def test_a_message_does_not_change() -> None:
    message = Message(from_="a@example.com", to="b@example.com")
    with pytest.raises(FrozenInstanceError):
        message.subject = "x"  # type: ignore[misc]
    other = replace(message, subject="New", to=(Mailbox.parse("c@example.com"),))
    assert other.message_id == message.message_id
    assert other.envelope.recipients == (Address("c", "example.com"),)
    assert b"\r\nSubject: New\r\n" in bytes(other)


def test_its_representation_keeps_the_content_to_itself() -> None:
    message = Message(
        from_="a@example.com", to="b@example.com", subject="code", text="code", html="code"
    )
    assert "code" not in repr(message)
    assert message.message_id in repr(message)


def test_a_file_that_can_be_read_once_leaves_the_size_open() -> None:
    attachment = Attachment.from_file(Pipe(b"x" * 1000), filename="a")
    message = Message(from_="a@example.com", to="b@example.com", attachments=[attachment])
    assert message.size is None
    assert len(bytes(message)) > 1000
    # Before anything is written, not in the middle.
    with pytest.raises(InvalidInput, match="was read already"):
        message.chunks()


def test_a_vanished_file_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    message = Message(
        from_="a@example.com", to="b@example.com", attachments=[Attachment.from_path(path)]
    )
    path.unlink()
    with pytest.raises(InvalidInput, match="No such file"):
        message.chunks()


def test_memory_does_not_grow_with_a_file(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    size = 50 * 1024 * 1024
    with path.open("wb") as file:
        file.truncate(size)
    tracemalloc.start()
    try:
        message = Message(
            from_="a@example.com",
            to="b@example.com",
            text="See the file.",
            attachments=[Attachment.from_path(path)],
        )
        written = sum(map(len, message.chunks()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert written == message.size
    assert written > size * 4 // 3
    assert peak < 4 * 1024 * 1024
