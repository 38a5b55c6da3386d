"""A message as one JSON object: its fields as a person gives them, its files in base64."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable

from postseal.errors import InvalidInput
from postseal.json_place import JSONPlace, read_json
from postseal.mail._text import excerpt
from postseal.mail.attachment import Attachment
from postseal.mail.calendar import Calendar
from postseal.mail.flowed import TextLayout
from postseal.mail.marks import AutoSubmitted, Priority
from postseal.mail.message import Message, MissingText

__all__ = ["message_from_json", "message_to_json"]

_KEYS = frozenset(
    {
        *("from_", "sender", "reply_to", "to", "cc", "bcc", "subject", "date", "message_id"),
        *("text", "text_layout", "missing_text", "amp", "html", "calendar"),
        *("inline_images", "attachments", "report_type", "in_reply_to", "references"),
        *("list_unsubscribe", "auto_submitted", "priority", "headers", "tags", "metadata"),
    }
)


def message_to_json(message: Message, *, max_octets: int) -> str:
    """Write a message; `Message.to_json` has the contract."""
    files = (*message.inline_images, *message.attachments)
    octets = _read_files(files, max_octets)
    images = len(message.inline_images)
    calendar = message.calendar
    fields: dict[str, object] = {
        "from_": [str(each) for each in message.from_],
        "sender": None if message.sender is None else str(message.sender),
        "reply_to": [str(each) for each in message.reply_to],
        "to": [str(each) for each in message.to],
        "cc": [str(each) for each in message.cc],
        "bcc": [str(each) for each in message.bcc],
        "subject": message.subject,
        "date": message.date.isoformat(),
        "message_id": message.message_id,
        "text": message.text,
        "text_layout": message.text_layout,
        "missing_text": message.missing_text,
        "amp": message.amp,
        "html": message.html,
        "calendar": calendar and {"text": calendar.text, "filename": calendar.filename},
        "inline_images": octets[:images],
        "attachments": octets[images:],
        "report_type": message.report_type,
        "in_reply_to": message.in_reply_to,
        "references": message.references,
        "list_unsubscribe": message.list_unsubscribe,
        "auto_submitted": message.auto_submitted,
        "priority": message.priority,
        "headers": [(each.name, each.value) for each in message.headers],
        "tags": message.tags,
        "metadata": message.metadata,
    }
    return json.dumps(fields)


def message_from_json(text: str | bytes, *, max_octets: int) -> Message:
    """Read a message; `Message.from_json` has the contract."""
    if len(text) > max_octets:
        raise InvalidInput(
            f"the JSON has {len(text)} characters, more than {max_octets}",
            hint="Say in max_octets if that is meant.",
        )
    root = read_json(text, "message")
    root.check_keys(_KEYS)
    return Message(
        from_=root.get("from_").texts(),
        sender=root.get("sender").optional_text(),
        reply_to=root.get("reply_to").texts(),
        to=root.get("to").texts(),
        cc=root.get("cc").texts(),
        bcc=root.get("bcc").texts(),
        subject=root.get("subject").optional_text(),
        date=root.get("date").date(),
        message_id=root.get("message_id").optional_text(),
        text=root.get("text").optional_text(),
        text_layout=root.get("text_layout").word(TextLayout) or TextLayout.FIXED,
        missing_text=root.get("missing_text").word(MissingText) or MissingText.FROM_HTML,
        amp=root.get("amp").optional_text(),
        html=root.get("html").optional_text(),
        calendar=_calendar(root.get("calendar")),
        inline_images=map(_file, root.get("inline_images").items()),
        attachments=map(_file, root.get("attachments").items()),
        report_type=root.get("report_type").optional_text(),
        in_reply_to=root.get("in_reply_to").texts(),
        references=root.get("references").texts(),
        list_unsubscribe=root.get("list_unsubscribe").texts(),
        auto_submitted=root.get("auto_submitted").word(AutoSubmitted),
        priority=root.get("priority").word(Priority),
        headers=root.get("headers").pairs(),
        tags=root.get("tags").texts(),
        metadata=root.get("metadata").pairs(),
    )


def _read_files(files: Iterable[Attachment], max_octets: int) -> list[dict[str, str]]:
    left = max_octets
    found = []
    for file in files:
        octets = bytearray()
        for piece in file.pieces():
            octets += piece
            if len(octets) > left:
                raise InvalidInput(
                    f"the attachments have more than {max_octets} octets together, "
                    f"up to {excerpt(file.filename)}",
                    hint="Say in max_octets if that is meant.",
                )
        left -= len(octets)
        found.append(
            {
                "filename": file.filename,
                "content_type": file.content_type,
                "content": b64encode(octets).decode("ascii"),
            }
        )
    return found


def _file(place: JSONPlace) -> Attachment:
    place.check_keys(("filename", "content_type", "content"))
    return Attachment.from_bytes(
        place.get("content").octets(),
        filename=place.get("filename").text(),
        content_type=place.get("content_type").optional_text(),
    )


def _calendar(place: JSONPlace) -> Calendar | None:
    if place.value is None:
        return None
    place.check_keys(("text", "filename"))
    return Calendar(place.get("text").text(), place.get("filename").optional_text() or "invite.ics")
