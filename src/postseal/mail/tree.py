"""Which parts a body has and how they are nested: mixed around related around alternative.

The alternatives stand from the plainest to the richest, as RFC 2046 5.1.4 wants them; files keep
the order in which they are given.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postseal.errors import InvalidHeader, InvalidInput
from postseal.mail._text import excerpt
from postseal.mail.flowed import TextLayout, flowed
from postseal.mail.mime import Part, multipart, text_part

if TYPE_CHECKING:
    from postseal.mail.message import Message

__all__ = ["body_of", "check_report_type"]

_REPORT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,31}\Z")


def body_of(message: Message, *, text: str | None, token: str) -> Part:
    """Lay out all that a message says, in each form that a reader may choose, and its files.

    `text` is its text or what stands for it; `token` is for boundaries and Content-IDs: 32
    hexadecimal digits. Raises `InvalidInput` for what has no form to stand in for it, or nothing
    to belong to.
    """
    _check(message)
    part = _with_images(message, text, token)
    files = message.attachments
    if message.calendar is not None:
        # Readers without a calendar of their own offer the file, and so does Outlook to save.
        files = (*files, message.calendar.as_attachment())
    if not files:
        return part or text_part("plain", "")
    parts = [part] if part else []
    parts += [Part(file.part_fields("attachment"), (file,)) for file in files]
    if message.report_type is None:
        return multipart("mixed", parts, token=token)
    parameters = f" report-type={message.report_type};"
    return multipart("report", parts, token=token, parameters=parameters)


def _check(message: Message) -> None:
    if message.amp is not None and message.html is None:
        raise InvalidInput("the message has AMP and no HTML", hint="Most readers show the HTML.")
    if message.calendar is not None and message.text is None and message.html is None:
        raise InvalidInput(
            "the message has a calendar object and no text",
            hint="Say in text what it is about: not every reader has a calendar.",
        )
    if message.inline_images and message.html is None:
        raise InvalidInput(
            "the message has inline images and no HTML to show them",
            hint="Give them as attachments.",
        )
    # RFC 6522 3: a part for people, then one for programs.
    if message.report_type is not None and (
        (message.text is None and message.html is None)
        or len(message.attachments) != 1
        or message.calendar is not None
    ):
        raise InvalidInput(
            "a report has a text and one attachment",
            hint="Give the text for people, and the report as the attachment.",
        )


def _with_images(message: Message, text: str | None, token: str) -> Part | None:
    if not message.inline_images:
        return _alternatives(message, text, message.html, token)[0]
    from postseal.mail.inline_images import content_ids, with_content_ids

    identifiers = content_ids(message.inline_images, token)
    html = with_content_ids(message.html or "", identifiers)
    part, media_type = _alternatives(message, text, html, token)
    parts = [part] if part else []
    for image in message.inline_images:
        content_id = f"Content-ID: <{identifiers[image.filename]}>\r\n".encode("ascii")
        parts.append(Part(image.part_fields("inline") + content_id, (image,)))
    return multipart("related", parts, token=token, parameters=f' type="{media_type}";')


def _alternatives(
    message: Message, text: str | None, html: str | None, token: str
) -> tuple[Part | None, str]:
    """Give the alternatives as one part, if there are any, and its media type."""
    parts: list[Part] = []
    media_type = "text/html"
    if text is not None:
        media_type = "text/plain"
        if message.text_layout is TextLayout.FLOWED:
            parts.append(text_part("plain", flowed(text), parameters="; format=flowed"))
        else:
            parts.append(text_part("plain", text))
    if message.amp is not None:
        # Before the HTML: some readers show the last part, whatever it is.
        parts.append(text_part("x-amp-html", message.amp))
    if html is not None:
        parts.append(text_part("html", html))
    if message.calendar is not None:
        method = f"; method={message.calendar.method}"
        parts.append(text_part("calendar", message.calendar.text, parameters=method))
    if len(parts) > 1:
        return multipart("alternative", parts, token=token), "multipart/alternative"
    return (parts[0] if parts else None), media_type


def check_report_type(report_type: str) -> None:
    """Raise `InvalidHeader` for what is no plain word in lower case."""
    if not _REPORT_TYPE.match(report_type):
        raise InvalidHeader(f"{excerpt(report_type)} is no report type", hint="Write it as tlsrpt.")
