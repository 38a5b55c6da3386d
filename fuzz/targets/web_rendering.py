"""Whatever a message holds, it is rendered: bounded lists, texts that are UTF-8, and names and
values without controls, marks that turn text, or a way out of a folder.
"""

from __future__ import annotations

import re

from postseal.serve.web.disposition import attachment_disposition
from postseal.serve.web.rendering import Attachment, Window, render

__all__ = ["run"]

_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONTENT_TYPE = re.compile(r"[!-~]+/[!-~]+\Z")


def run(data: bytes) -> None:
    """Check the invariant: the first octet says whether the message goes on behind the window."""
    rendering = render(Window(data[1:], is_whole=data[:1] != b"-"))
    assert len(rendering.headers) <= 200
    assert len(rendering.attachments) <= 100
    for header in rendering.headers:
        _check_line(header.name)
        _check_line(header.value)
    for text in (rendering.text, rendering.html, *rendering.notes):
        if text is not None:
            text.encode()
            assert "\x00" not in text
    for number, attachment in enumerate(rendering.attachments, start=1):
        assert attachment.number == number
        _check_attachment(attachment)


def _check_attachment(attachment: Attachment) -> None:
    _check_line(attachment.filename)
    assert attachment.filename
    assert not attachment.filename.startswith(".")
    assert not {"/", "\\"} & set(attachment.filename)
    assert len(attachment.filename.encode()) <= 200
    assert _CONTENT_TYPE.match(attachment.content_type)
    disposition = attachment_disposition(attachment.filename)
    assert disposition.isascii()
    assert disposition.isprintable()


def _check_line(text: str) -> None:
    text.encode()
    assert not _UNSHOWABLE.search(text)
