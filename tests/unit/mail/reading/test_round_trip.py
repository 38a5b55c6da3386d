"""What was composed is read back as the same; what the standard library reads is read alike."""

from __future__ import annotations

from email import message_from_bytes, policy

from hypothesis import given
from hypothesis import strategies as st

from postseal.mail import Mailbox, Message
from postseal.mail.mailbox import mailbox_field
from postseal.mail.reading import DefectKind, Disposition, ReceivedMessage, parse, read_addresses
from tests.parts.compositions import BODIES, MAILBOXES, MESSAGES, lines_of


def written(mailboxes: tuple[Mailbox, ...]) -> list[tuple[str, str]]:
    return [(each.name, each.address.to_ascii()) for each in mailboxes]


@given(MESSAGES)
def test_what_was_composed_is_read_back(message: Message) -> None:
    octets = bytes(message)
    received = parse(octets)
    assert bytes(received) == octets
    # An attachment may be anything, whatever its charset says.
    assert {defect.kind for defect in received.defects} <= {DefectKind.UNDECODABLE_TEXT}
    assert received.subject == message.subject
    assert received.message_id == message.message_id
    assert received.date == message.date
    assert written(received.from_) == written(message.from_)
    assert written(received.to) == written(message.to)
    assert written(received.cc) == written(message.cc)
    assert written(received.reply_to) == written(message.reply_to)
    assert received.bcc == ()
    assert [
        (field.name, field.value) for field in received.header if field.name in {"X-One", "List-ID"}
    ] == [(each.name, each.value) for each in message.headers]
    text = message.text
    if text is None and message.html is None and not message.attachments:
        text = ""
    assert received.text == (None if text is None else without_mark(lines_of(text)))
    assert received.html == (None if message.html is None else without_mark(lines_of(message.html)))
    assert [(each.filename, each.media_type, each.content) for each in received.attachments] == [
        (each.filename, each.content_type.partition(";")[0], b"".join(each.content.read()))
        for each in message.attachments
    ]
    assert all(each.part.disposition is Disposition.ATTACHMENT for each in received.attachments)


def without_mark(text: str) -> str:
    """At the very beginning, U+FEFF is a mark and no text (RFC 3629 6)."""
    return text.removeprefix("\ufeff")


@given(MESSAGES)
def test_the_standard_library_finds_the_same_parts(message: Message) -> None:
    octets = bytes(message)
    theirs = list(message_from_bytes(octets, policy=policy.default).walk())
    ours = list(parse(octets).walk())
    assert [part.media_type for part in ours] == [part.get_content_type() for part in theirs]
    assert [part.filename for part in ours] == [part.get_filename() for part in theirs]
    for our, their in zip(ours, theirs, strict=True):
        assert our.charset == their.get_content_charset()
        assert str(our.disposition or "") == (their.get_content_disposition() or "")
        if not our.is_multipart:
            assert our.content == their.get_payload(decode=True)


@given(st.lists(MAILBOXES, max_size=5))
def test_address_lists_are_read_back(mailboxes: list[Mailbox]) -> None:
    field = mailbox_field("To", mailboxes).decode("utf-8").partition(":")[2]
    read = read_addresses(field)
    assert written(read.mailboxes) == written(tuple(mailboxes))
    assert read.defects == ()


@given(st.text(), st.integers(0, 200))
def test_any_text_is_an_address_list_with_defects_within(text: str, cut: int) -> None:
    read = read_addresses(f"Ada <ada@example.com>, {text}"[:cut])
    assert all(0 <= defect.offset <= cut for defect in read.defects)
    for mailbox in read.mailboxes:
        assert Mailbox.parse(str(mailbox)).address == mailbox.address


@given(st.binary())
def test_any_octets_are_a_message(octets: bytes) -> None:
    message = parse(octets)
    assert bytes(message) == octets
    check_all_that_is_read(message, len(octets))


@given(MESSAGES, st.data())
def test_a_damaged_message_is_a_message(message: Message, data: st.DataObject) -> None:
    octets = bytearray(bytes(message))
    for _ in range(data.draw(st.integers(1, 5))):
        position = data.draw(st.integers(0, len(octets)))
        length = data.draw(st.integers(0, 30))
        octets[position : position + length] = data.draw(st.binary(max_size=20))
    damaged = parse(bytes(octets))
    assert bytes(damaged) == bytes(octets)
    check_all_that_is_read(damaged, len(octets))


@given(BODIES)
def test_plain_text_needs_no_header(text: str) -> None:
    body = text.encode("utf-8")
    assert parse(b"\r\n" + body).root.raw_body == body


def check_all_that_is_read(message: ReceivedMessage, size: int) -> None:
    """Nothing has line breaks where a line was read, and nothing is larger than the message."""
    for text in (message.subject, message.message_id, *message.references, *message.in_reply_to):
        assert text is None or not {"\r", "\n", "\0"} & set(text)
    for text in (message.text, message.html):
        assert text is None or "\r" not in text
    for field in message.header:
        assert not {"\r", "\n", "\0"} & set(field.value)
        field.value.encode("utf-8")
    for part in message.walk():
        assert len(part.content) <= size
        part.text.encode("utf-8")
        assert part.filename is None or not {"\r", "\n", "\0"} & set(part.filename)
    for attachment in message.attachments:
        assert len(attachment.content) <= size
    for mailbox in (*message.from_, *message.to, *message.cc, *message.reply_to):
        str(mailbox).encode("utf-8")
    assert all(0 <= defect.offset <= size for defect in message.defects)
