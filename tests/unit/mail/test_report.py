"""A message that is a report: a part for people, and one for programs (RFC 6522)."""

from __future__ import annotations

import pytest

from postseal.errors import InvalidHeader, InvalidInput
from postseal.mail import Attachment, Message

REPORT = Attachment.from_bytes(b"{}", filename="report.json", content_type="application/x+json")


def message(
    *, report_type: str, text: str | None = "Look.", attachments: tuple[Attachment, ...] = (REPORT,)
) -> Message:
    return Message(
        from_="a@example.org",
        to="b@example.org",
        text=text,
        attachments=attachments,
        report_type=report_type,
    )


def test_a_report_says_its_type_and_keeps_the_order_of_its_parts() -> None:
    octets = bytes(message(report_type="tlsrpt"))
    assert b"\r\nContent-Type: multipart/report; report-type=tlsrpt;\r\n boundary=" in octets
    assert octets.index(b"Content-Type: text/plain") < octets.index(b"application/x+json")


@pytest.mark.parametrize("word", ["", "TLSRPT", 'x"', "x; y=z", "x\r\ny", "x" * 33, "-x"])
def test_a_report_type_is_a_plain_word(word: str) -> None:
    with pytest.raises(InvalidHeader, match="no report type"):
        message(report_type=word)


def test_a_report_has_two_parts() -> None:
    for text, attachments in ((None, (REPORT,)), ("Look.", ()), ("Look.", (REPORT, REPORT))):
        with pytest.raises(InvalidInput, match="a text and one attachment"):
            message(report_type="tlsrpt", text=text, attachments=attachments)
