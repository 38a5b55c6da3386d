"""Messages that are hard to read, each with the reading that the RFCs ask for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from postseal.mail import Mailbox
from postseal.mail.reading import DefectKind, Group, ReceivedMessage, parse

FOLDER = Path(__file__).resolve().parents[3] / "hard_messages"
NAMES = sorted(path.stem for path in FOLDER.glob("*.eml"))


def mailboxes(found: tuple[Mailbox, ...]) -> list[list[str]]:
    return [[each.name, str(each.address)] for each in found]


def groups(message: ReceivedMessage) -> dict[str, list[str]]:
    named = {
        name: [each.name for each in message.addresses(name).entries if isinstance(each, Group)]
        for name in ("From", "To", "Cc")
    }
    return {name: found for name, found in named.items() if found}


def attachments(message: ReceivedMessage) -> list[list[str | None]]:
    return [
        [each.filename, each.media_type, each.content.decode("latin-1")]
        for each in message.attachments
    ]


def nested(message: ReceivedMessage) -> list[str | None]:
    return [part.message.subject for part in message.walk() if part.message is not None]


READINGS: dict[str, Callable[[ReceivedMessage], object]] = {
    "attachments": attachments,
    "cc": lambda message: mailboxes(message.cc),
    "date": lambda message: None if message.date is None else message.date.isoformat(),
    "defects": lambda message: sorted(defect.kind.name for defect in message.defects),
    "from": lambda message: mailboxes(message.from_),
    "groups": groups,
    "html": lambda message: message.html,
    "in_reply_to": lambda message: list(message.in_reply_to),
    "media_type": lambda message: message.root.media_type,
    "message_id": lambda message: message.message_id,
    "nested": nested,
    "parts": lambda message: [part.media_type for part in message.walk()],
    "references": lambda message: list(message.references),
    "subject": lambda message: message.subject,
    "text": lambda message: message.text,
    "to": lambda message: mailboxes(message.to),
}


@pytest.mark.parametrize("name", NAMES)
def test_it_reads_as_the_rfcs_say(name: str) -> None:
    octets = FOLDER.joinpath(f"{name}.eml").read_bytes()
    expected = json.loads(FOLDER.joinpath(f"{name}.json").read_text(encoding="utf-8"))
    message = parse(octets)
    why = expected.pop("why")
    expected["defects"].sort()
    assert {key: READINGS[key](message) for key in expected} == expected, why
    assert bytes(message) == octets
    assert all(0 <= defect.offset <= len(octets) for defect in message.defects)


def test_there_are_many_and_each_has_its_reading() -> None:
    assert len(NAMES) >= 60
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == NAMES


def test_every_kind_of_defect_but_those_of_limits_is_among_them() -> None:
    shown = {
        kind
        for path in FOLDER.glob("*.json")
        for kind in json.loads(path.read_text(encoding="utf-8"))["defects"]
    }
    limits = {"TOO_MANY_FIELDS", "FIELD_TOO_LONG", "TOO_MANY_PARTS", "TOO_DEEP"}
    assert shown | limits | {"CONTENT_TOO_LARGE"} == {kind.name for kind in DefectKind}
