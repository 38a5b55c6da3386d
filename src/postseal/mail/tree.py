"""Which parts a body has and how they are nested: mixed around related around alternative.

The alternatives stand from the plainest to the richest, as RFC 2046 5.1.4 wants them; files keep
the order in which they are given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from postseal.errors import InvalidHeader, InvalidInput
from postseal.mail._text import excerpt
from postseal.mail.attachment import Attachment
from postseal.mail.calendar import Calendar
from postseal.mail.flowed import TextLayout, flowed
from postseal.mail.inline_images import content_ids, with_content_ids
from postseal.mail.mime import Part, attachment_part, image_part, multipart, text_part

__all__ = ["Bodies", "check_report_type"]

_REPORT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,31}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """All that a message says, in each form that a reader may choose, and the files with it."""

    text: str | None
    text_layout: TextLayout
    amp: str | None
    html: str | None
    calendar: Calendar | None
    inline_images: tuple[Attachment, ...]
    attachments: tuple[Attachment, ...]
    report_type: str | None

    def to_part(self, token: str) -> Part:
        """Lay the parts out; `token` is for boundaries and Content-IDs: 32 hexadecimal digits.

        Raises `InvalidInput` for what has no form to stand in for it, or nothing to belong to.
        """
        self._check()
        part = self._with_images(token)
        files = self.attachments
        if self.calendar is not None:
            # Readers without a calendar of their own offer the file, and so does Outlook to save.
            files = (*files, self.calendar.as_attachment())
        if not files:
            return part or text_part("plain", "")
        parts = [*([part] if part else []), *map(attachment_part, files)]
        if self.report_type is None:
            return multipart("mixed", parts, token=token)
        parameters = f" report-type={self.report_type};"
        return multipart("report", parts, token=token, parameters=parameters)

    def _check(self) -> None:
        if self.amp is not None and self.html is None:
            raise InvalidInput(
                "the message has AMP and no HTML", hint="Most readers show the HTML."
            )
        if self.calendar is not None and self.text is None and self.html is None:
            raise InvalidInput(
                "the message has a calendar object and no text",
                hint="Say in text what it is about: not every reader has a calendar.",
            )
        if self.inline_images and self.html is None:
            raise InvalidInput(
                "the message has inline images and no HTML to show them",
                hint="Give them as attachments.",
            )
        # RFC 6522 3: a part for people, then one for programs.
        if self.report_type is not None and (
            (self.text is None and self.html is None)
            or len(self.attachments) != 1
            or self.calendar is not None
        ):
            raise InvalidInput(
                "a report has a text and one attachment",
                hint="Give the text for people, and the report as the attachment.",
            )

    def _with_images(self, token: str) -> Part | None:
        if not self.inline_images:
            return self._alternatives(self.html, token)[0]
        identifiers = content_ids(self.inline_images, token)
        html = with_content_ids(self.html or "", identifiers)
        part, media_type = self._alternatives(html, token)
        images = [image_part(each, identifiers[each.filename]) for each in self.inline_images]
        parts = [*([part] if part else []), *images]
        return multipart("related", parts, token=token, parameters=f' type="{media_type}";')

    def _alternatives(self, html: str | None, token: str) -> tuple[Part | None, str]:
        """Give the alternatives as one part, if there are any, and its media type."""
        parts: list[Part] = []
        media_type = "text/html"
        if self.text is not None:
            media_type = "text/plain"
            if self.text_layout is TextLayout.FLOWED:
                parts.append(text_part("plain", flowed(self.text), parameters="; format=flowed"))
            else:
                parts.append(text_part("plain", self.text))
        if self.amp is not None:
            # Before the HTML: some readers show the last part, whatever it is.
            parts.append(text_part("x-amp-html", self.amp))
        if html is not None:
            parts.append(text_part("html", html))
        if self.calendar is not None:
            method = f"; method={self.calendar.method}"
            parts.append(text_part("calendar", self.calendar.text, parameters=method))
        if len(parts) > 1:
            return multipart("alternative", parts, token=token), "multipart/alternative"
        return (parts[0] if parts else None), media_type


def check_report_type(report_type: str) -> None:
    """Raise `InvalidHeader` for what is no plain word in lower case."""
    if not _REPORT_TYPE.match(report_type):
        raise InvalidHeader(f"{excerpt(report_type)} is no report type", hint="Write it as tlsrpt.")
