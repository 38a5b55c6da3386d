"""Reading is bounded in what it keeps, and takes time and memory in line with the size."""

from __future__ import annotations

import tracemalloc
from base64 import encodebytes
from binascii import b2a_uu
from collections.abc import Callable

import pytest

from postseal.errors import InvalidInput
from postseal.mail.reading import DefectKind, ReadingLimits, ReceivedMessage, parse
from postseal.mail.reports import read_delivery_report

MULTIPART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
MEGABYTES = 5_000_000


def kinds(message: ReceivedMessage) -> list[DefectKind]:
    return [defect.kind for defect in message.defects]


def test_fields_are_counted() -> None:
    message = parse(b"A: 1\r\nB: 2\r\nC: 3\r\n\r\nbody", limits=ReadingLimits(max_fields=2))
    assert [field.name for field in message.header] == ["A", "B"]
    assert message.text == "body"
    assert message.defects[0].kind is DefectKind.TOO_MANY_FIELDS
    assert message.defects[0].offset == len(b"A: 1\r\nB: 2\r\n")


def test_fields_are_measured() -> None:
    limits = ReadingLimits(max_field_octets=5)
    message = parse(b"Subject: abcdefg\r\nX: y\r\n\r\nbody", limits=limits)
    assert message.subject == "abcd"
    assert message.header.get("x") == "y"
    assert kinds(message) == [DefectKind.FIELD_TOO_LONG]


def test_parts_are_counted_on_all_levels() -> None:
    inner = (
        b"Content-Type: multipart/mixed; boundary=c\r\n\r\n" + b"--c\r\n\r\nx\r\n" * 4 + b"--c--"
    )
    octets = MULTIPART + (b"--b\r\n" + inner + b"\r\n") * 3 + b"--b--"
    assert len(list(parse(octets).walk())) == 16
    message = parse(octets, limits=ReadingLimits(max_parts=8))
    assert len(list(message.walk())) == 8
    assert set(kinds(message)) == {DefectKind.TOO_MANY_PARTS}


def test_a_message_within_counts_as_well() -> None:
    octets = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n"
    message = parse(octets, limits=ReadingLimits(max_parts=1))
    assert message.root.message is None
    assert kinds(message) == [DefectKind.TOO_MANY_PARTS]


def test_levels_are_counted() -> None:
    octets = b"Content-Type: message/rfc822\r\n\r\n" * 10 + b"Subject: innermost\r\n\r\nx"
    assert len(list(parse(octets).walk())) == 11
    message = parse(octets, limits=ReadingLimits(max_depth=5))
    assert len(list(message.walk())) == 5
    assert kinds(message) == [DefectKind.TOO_DEEP]


def test_base64_within_base64_does_not_get_around_the_levels() -> None:
    octets = b"x"
    for _ in range(10):
        head = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        octets = head + encodebytes(octets)
    assert len(list(parse(octets, limits=ReadingLimits(max_depth=4)).walk())) == 4


def test_base64_does_not_get_around_the_count_of_parts() -> None:
    inner = MULTIPART + b"--b\r\n\r\nx\r\n" * 20 + b"--b--"
    head = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    octets = MULTIPART + (b"--b\r\n" + head + encodebytes(inner) + b"\r\n") * 5 + b"--b--"
    assert len(list(parse(octets).walk())) == 111
    assert len(list(parse(octets, limits=ReadingLimits(max_parts=30)).walk())) == 30


def test_content_is_measured_decoded() -> None:
    limits = ReadingLimits(max_content_octets=4)
    for encoding, body in (("base64", b"SGVsbG8="), ("8bit", b"Hello"), ("x-rot", b"Hello")):
        head = f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode()
        message = parse(head + body, limits=limits)
        assert message.root.content == b"Hell"
        assert DefectKind.CONTENT_TOO_LARGE in kinds(message)
        whole = parse(head + body, limits=ReadingLimits(max_content_octets=5))
        assert whole.root.content == b"Hello"
        assert DefectKind.CONTENT_TOO_LARGE not in kinds(whole)


def test_a_limit_is_a_number_above_nothing() -> None:
    with pytest.raises(InvalidInput, match="max_depth"):
        ReadingLimits(max_depth=0)


def field(name: bytes, piece: bytes) -> Callable[[int], bytes]:
    return lambda size: name + b": " + piece * (size // len(piece)) + b"\r\n\r\n"


def body(head: bytes, piece: bytes) -> Callable[[int], bytes]:
    return lambda size: head + b"\r\n" + piece * (size // len(piece))


NO_LIMIT = ReadingLimits(max_field_octets=MEGABYTES, max_parts=MEGABYTES, max_fields=MEGABYTES)
# Inputs that cost a square of their size in readers that go back.
PATHOLOGICAL = {
    "encoded words that never end": field(b"Subject", b"=?a?q?"),
    "encoded words without end": field(b"Subject", b"=?a?q?b=?"),
    "comments that are never closed": field(b"From", b"("),
    "comments beside addresses": field(b"From", b"(a)b@c.d,"),
    "quotes that are never closed": field(b"From", b'"\\'),
    "brackets": field(b"From", b"<"),
    "routes": field(b"From", b"<@"),
    "literals": field(b"From", b"a@["),
    "dots": field(b"From", b"a . "),
    "groups": field(b"From", b"a:"),
    "parameters": field(b"Content-Type", b"x/y; a=b"),
    "parameters without semicolons": field(b"Content-Type", b"x/y a=b "),
    "quotes in parameters": field(b"Content-Type", b'x/y; a="\\"'),
    "spaces in parameters": field(b"Content-Disposition", b"x; a=b   "),
    "brackets of identifiers": field(b"References", b"<x "),
    "comments in a date": field(b"Date", b"("),
    "folds": field(b"Subject", b"\n "),
    "fields": lambda size: b"a:\n" * (size // 3),
    "lines that are no fields": lambda size: b"a\n" * (size // 2) + b"\n",
    "boundaries in one line": body(MULTIPART, b"--b"),
    "boundaries that are none": body(MULTIPART, b"--bb\n"),
    "empty parts": body(MULTIPART, b"--b\n"),
    "levels": lambda size: MULTIPART.replace(b"\r\n\r\n", b"\r\n\r\n--b\r\n") * (size // 50),
    "messages in messages": lambda size: b"Content-Type: message/rfc822\n\n" * (size // 30),
    "spaces at line ends": body(b"Content-Transfer-Encoding: quoted-printable\r\n", b" " * 50),
    "soft breaks": body(b"Content-Transfer-Encoding: quoted-printable\r\n", b"= "),
    "padding": body(b"Content-Transfer-Encoding: base64\r\n", b"="),
    "begin lines": body(b"", b"begin 644 x\n"),
    "begin and end lines": body(b"", b"begin 644 x\nend\n"),
    "shifts": body(b"Content-Type: text/plain; charset=hz\r\n", b"~{"),
    "blocks of a report": body(b"Content-Type: message/delivery-status\r\n", b"a: b\n\n"),
    "empty lines of a report": body(b"Content-Type: message/delivery-status\r\n", b"\n"),
}


@pytest.mark.parametrize("name", PATHOLOGICAL)
@pytest.mark.timeout(60)
def test_time_does_not_grow_with_the_square(name: str) -> None:
    # They take a second or two; a square would take hours.
    octets = PATHOLOGICAL[name](200_000)
    message = parse(octets, limits=NO_LIMIT)
    for part in message.walk():
        assert len(part.content) <= len(octets)
        assert part.filename is None or len(part.filename) <= len(octets)
    assert all(0 <= defect.offset <= len(octets) for defect in message.defects)
    assert len(message.text or "") <= len(octets)
    assert len(message.references) <= len(octets)
    read_delivery_report(message)


@pytest.mark.parametrize("name", ["boundaries in one line", "begin lines", "padding", "fields"])
def test_five_megabytes_of_it_are_read_with_the_usual_limits(name: str) -> None:
    message = parse(PATHOLOGICAL[name](MEGABYTES))
    assert len(message.defects) <= 2002
    assert len(message.attachments) <= 1


def test_a_large_attachment_is_decoded_without_a_copy_of_the_message() -> None:
    lines = b"QUJD" * 19 + b"\r\n"
    part = b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    octets = MULTIPART + part + lines * (8_000_000 // len(lines)) + b"\r\n--b--\r\n"
    tracemalloc.start()
    try:
        content = parse(octets).attachments[0].content
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert content.startswith(b"ABC")
    # With the message itself, less than twice its size: what is decoded, and little more.
    assert peak < 0.8 * len(octets)


def test_uuencoded_lines_are_no_longer_than_they_are() -> None:
    # Spaces at their ends are zeros that were taken off on the way. A line of one character says
    # that it had 45 of them.
    plain = bytes(range(45)) * 4 + b"a" + bytes(44)
    lines = b"".join(b2a_uu(plain[at : at + 45]).rstrip() + b"\r\n" for at in range(0, 225, 45))
    body = b"begin 644 a.bin\r\n%s`\r\nend\r\n"
    (whole,) = parse(b"\r\n" + body % lines).attachments
    assert whole.content == plain
    field = b"Content-Transfer-Encoding: x-uuencode\r\n\r\n"
    message = parse(field + body % (b"M\r\n" * 100_000))
    assert len(message.root.content) <= 300_017
    assert kinds(message) == [DefectKind.INVALID_UUENCODE]
    assert not parse(b"\r\n" + body % (b"M\r\n" * 100)).attachments
