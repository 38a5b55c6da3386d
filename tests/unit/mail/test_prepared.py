from __future__ import annotations

from pathlib import Path

import pytest

from postseal import Address, Attachment, Envelope, Message
from postseal.errors import InvalidInput
from postseal.mail.conversion import Conversion
from postseal.mail.prepared import PreparedMessage
from postseal.send import Outgoing

ENVELOPE = Envelope(None, (Address.parse("bob@example.org"),))
EIGHT_BIT = "Subject: x\r\n\r\nGrüße\r\n".encode()


def test_a_composed_message_is_prepared_as_it_is_written() -> None:
    message = Message(from_="ada@example.com", to="bob@example.org", bcc="c@example.org", text="x")
    prepared = PreparedMessage.from_message(message)
    assert prepared == PreparedMessage(message.envelope, bytes(message))
    assert bytes(prepared) == bytes(message)


def test_addresses_that_are_not_ascii_are_announced() -> None:
    message = Message(from_="ädä@example.com", to="bob@example.org", text="x")
    assert PreparedMessage.from_message(message).is_internationalized


def test_octets_above_127_are_announced_or_refused() -> None:
    with pytest.raises(InvalidInput, match="octets above 127") as caught:
        PreparedMessage(ENVELOPE, EIGHT_BIT)
    assert "is_8bit=True" in (caught.value.hint or "")
    assert PreparedMessage(ENVELOPE, EIGHT_BIT, is_8bit=True).is_8bit


def test_an_attachment_that_is_gone_is_told_of_at_once(tmp_path: Path) -> None:
    path = tmp_path / "gone.txt"
    path.write_bytes(b"soon gone")
    message = Message(
        from_="ada@example.com",
        to="bob@example.org",
        text="x",
        attachments=[Attachment.from_path(path)],
    )
    path.unlink()
    with pytest.raises(InvalidInput, match=r"gone\.txt"):
        PreparedMessage.from_message(message)


def test_it_is_sent_as_it_is_or_not_at_all() -> None:
    outgoing = Outgoing.of(PreparedMessage(ENVELOPE, EIGHT_BIT, is_8bit=True))
    assert outgoing.conversion is Conversion.FORBIDDEN
    assert outgoing.size == len(EIGHT_BIT)
    assert outgoing.is_8bit


def test_its_words_are_not_shown() -> None:
    assert "secret" not in repr(PreparedMessage(ENVELOPE, b"Subject: secret\r\n\r\n"))
