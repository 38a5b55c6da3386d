"""Any octets are a message that gives itself back, whose texts, names and values are UTF-8 and stay
on their line, whose parts are no larger than it, and whose defects lie within it.
"""

from __future__ import annotations

import re

from postseal.mail.reading import ReadingLimits, ReceivedMessage, parse

__all__ = ["run"]

_OFF_THE_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FEW = ReadingLimits(
    max_fields=3, max_field_octets=20, max_parts=3, max_depth=2, max_content_octets=20
)


def run(data: bytes) -> None:
    """Check the invariant, with the usual limits and with tight ones."""
    _check(parse(data), data)
    bounded = parse(data, limits=_FEW)
    _check(bounded, data)
    for part in bounded.walk():
        assert len(part.header) <= 3
        assert len(part.content) <= 20


def _check(message: ReceivedMessage, data: bytes) -> None:
    assert bytes(message) == data
    for value in (message.subject, message.message_id, *message.in_reply_to, *message.references):
        _check_line(value)
    for text in (message.text, message.html):
        if text is not None:
            text.encode("utf-8")
            assert "\r" not in text
    for mailbox in (*message.from_, *message.to, *message.cc, *message.bcc, *message.reply_to):
        _check_line(str(mailbox))
    if message.date is not None:
        assert message.date.utcoffset() is not None
    for part in message.walk():
        for field in part.header:
            _check_line(field.value)
        for value in (part.filename, part.charset, part.content_id, part.media_type):
            _check_line(value)
        part.text.encode("utf-8")
        assert len(part.content) <= len(part.source) <= len(data)
        assert all(0 <= defect.offset <= len(part.source) for defect in part.defects)
    for attachment in message.attachments:
        _check_line(attachment.filename)
        assert len(attachment.content) <= len(data)
    for defect in message.defects:
        assert 0 <= defect.offset <= len(data)
        assert "\n" not in str(defect)


def _check_line(text: str | None) -> None:
    assert text is None or not _OFF_THE_LINE.search(text)
