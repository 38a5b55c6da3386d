"""Tags and metadata in header fields, for programs that can say them nowhere else.

`X-Tags` is a list with commas, `X-Metadata` a JSON object of texts. They are words between an
application and its mail service, and are taken out of what is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.message import EmailMessage

from postseal.errors import InvalidHeader

__all__ = ["take_metadata", "take_tags"]


def take_tags(email: EmailMessage) -> tuple[str, ...]:
    """Take the tags out of a message."""
    fields = email.get_all("X-Tags", [])
    del email["X-Tags"]
    tags = (tag.strip() for field in fields for tag in str(field).split(","))
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def take_metadata(email: EmailMessage) -> Mapping[str, str]:
    """Take the metadata out of a message. Raises `InvalidHeader` for what is no object of texts."""
    metadata: dict[str, str] = {}
    fields = email.get_all("X-Metadata", [])
    del email["X-Metadata"]
    for field in fields:
        try:
            read: object = json.loads(str(field))
        except ValueError:
            read = None
        if not isinstance(read, dict) or not all(isinstance(one, str) for one in read.values()):
            raise InvalidHeader(
                "X-Metadata is no JSON object of texts", hint='Write it as {"order": "17"}.'
            )
        metadata |= read
    return metadata
