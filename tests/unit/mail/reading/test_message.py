"""What a received message gives to those who look at it, and where it says that it is broken."""

from __future__ import annotations

import pytest

from postseal.address import Address
from postseal.errors import InvalidInput
from postseal.mail import Mailbox
from postseal.mail.reading import (
    Defect,
    DefectKind,
    Disposition,
    Group,
    parse,
    read_addresses,
)

LETTER = (
    b"Received: from a\r\n"
    b"Received: from b\r\n"
    b"From: Ada <ada@example.com>\r\n"
    b"To: Team: bob@example.org, carl@example.org;\r\n"
    b"Subject: Look\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=m\r\n"
    b"\r\n"
    b"--m\r\n"
    b"Content-Type: multipart/alternative; boundary=a\r\n"
    b"\r\n"
    b"--a\r\n"
    b"\r\n"
    b"plain\r\n"
    b"--a\r\n"
    b"Content-Type: multipart/related; boundary=r\r\n"
    b"\r\n"
    b"--r\r\n"
    b"Content-Type: text/html\r\n"
    b"\r\n"
    b"<img src='cid:logo@x'>\r\n"
    b"--r\r\n"
    b"Content-Type: image/png\r\n"
    b"Content-ID: <logo@x>\r\n"
    b"Content-Transfer-Encoding: base64\r\n"
    b"\r\n"
    b"iVBORw0KGgo=\r\n"
    b"--r--\r\n"
    b"--a--\r\n"
    b"--m\r\n"
    b"Content-Type: message/rfc822\r\n"
    b"Content-Disposition: attachment; filename=old.eml\r\n"
    b"\r\n"
    b"From: eve@example.net\r\n"
    b"Content-Type: image/gif; name=dot.gif\r\n"
    b"\r\n"
    b"GIF89a\r\n"
    b"--m--\r\n"
)


def test_the_header_gives_fields_in_their_order_and_by_any_case() -> None:
    header = parse(LETTER).header
    assert [field.name for field in header][:3] == ["Received", "Received", "From"]
    assert [field.value for field in header.all("RECEIVED")] == ["from a", "from b"]
    assert header.get("received") == "from a"
    assert header.get("Date") is None
    assert len(header) == 7
    subject = header.first("subject")
    assert subject is not None
    assert LETTER[subject.offset :].startswith(b"Subject: Look")
    assert LETTER[subject.value_offset :].startswith(b" Look")


def test_groups_are_seen_and_their_members_are_recipients() -> None:
    message = parse(LETTER)
    members = (
        Mailbox("", Address("bob", "example.org")),
        Mailbox("", Address("carl", "example.org")),
    )
    assert message.addresses("To").entries == (Group("Team", members),)
    assert message.to == members
    assert message.addresses("X-Absent").entries == ()
    assert message.sender is None


def test_texts_and_attachments_are_told_apart() -> None:
    message = parse(LETTER)
    assert message.text == "plain"
    assert message.html == "<img src='cid:logo@x'>"
    logo, old = message.attachments
    assert (logo.media_type, logo.content_id, logo.is_inline) == ("image/png", "logo@x", True)
    assert logo.content == b"\x89PNG\r\n\x1a\n"
    assert (old.filename, old.is_inline) == ("old.eml", False)
    assert old.message is not None
    assert [each.filename for each in old.message.attachments] == ["dot.gif"]
    assert old.part.disposition is Disposition.ATTACHMENT


def test_each_part_gives_its_octets_back() -> None:
    message = parse(LETTER)
    parts = list(message.walk())
    assert [part.media_type for part in parts] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "message/rfc822",
        "image/gif",
    ]
    for part in parts:
        assert LETTER[part.offset :].startswith(bytes(part))
        assert bytes(part).endswith(part.raw_body)
    nested = parts[6].message
    assert nested is not None
    assert bytes(nested) == parts[6].raw_body
    assert message.defects == ()


def test_nothing_of_a_message_is_in_its_representation() -> None:
    message = parse(b"Subject: secret\r\nMessage-ID: <1@x>\r\n\r\nsecret")
    assert repr(message) == "<ReceivedMessage <1@x>>"
    assert "secret" not in repr(message.root)


@pytest.mark.parametrize(
    ("octets", "kind", "at"),
    [
        (b"From: a@b.example\r\nTo: Bob, c@d.example\r\n\r\n", "MISSING_ADDRESS", b"Bob"),
        ("To: Zoë <z@b.example, ä\r\n\r\n".encode(), "UNCLOSED", b"<z@"),
        ("To: Zoë <z@b.example>, ä\r\n\r\n".encode(), "MISSING_ADDRESS", "ä".encode()),
        (b"To: a@b.example,\r\n c@d..e\r\n\r\n", "INVALID_ADDRESS", b"c@d"),
        (b"Subject: x\r\nDate: soon\r\n\r\n", "INVALID_DATE", b"Date"),
        (b"Content-Transfer-Encoding: base64\r\n\r\nAAAA*AAA", "INVALID_BASE64", b"*"),
        (
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\na=20b =XY",
            "INVALID_QUOTED_PRINTABLE",
            b"=XY",
        ),
        (b"Subject: x\r\nno field\r\nTo:\r\n\r\n", "NOT_A_FIELD", b"no field"),
    ],
)
def test_a_defect_says_where_it_is(octets: bytes, kind: str, at: bytes) -> None:
    found = [defect for defect in parse(octets).defects if defect.kind.name == kind]
    assert [defect.offset for defect in found] == [octets.index(at)]
    assert str(found[0]).startswith(found[0].kind)


def test_defects_of_a_message_within_are_among_those_of_the_whole() -> None:
    octets = LETTER.replace(b"From: eve@", b"Date: no\r\nFrom: eve ")
    assert [(each.kind.name, each.offset) for each in parse(octets).defects] == [
        ("INVALID_DATE", octets.index(b"Date: no")),
        ("MISSING_ADDRESS", octets.index(b"eve example")),
    ]


def test_many_lines_that_are_no_fields_are_one_defect() -> None:
    defects = parse(b"A: b\r\n" + b"nothing\r\n" * 1000 + b"\r\nbody").defects
    assert defects == (Defect(DefectKind.NOT_A_FIELD, len(b"A: b\r\n")),)


def test_a_mailbox_that_cannot_be_written_is_not_read() -> None:
    # Whoever answers writes it again.
    for text in ('"a\nb"@c.example', "a@b\0.example", f"{'x' * 65}@b.example", "a@b_.-example"):
        read = read_addresses(text)
        assert read.mailboxes == ()
        assert read.defects
    with pytest.raises(InvalidInput):
        Mailbox.parse('"a\nb"@c.example')
