"""What reports for programs have in common: blocks of fields, and the message that they are about.

RFC 3464 2.1 and RFC 5965 3.1 write them as header sections; RFC 6522 puts them into a multipart.
"""

from __future__ import annotations

from collections.abc import Iterator

from postseal.mail.reading.fields import HeaderSection, read_header
from postseal.mail.reading.limits import DEFAULT_LIMITS
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.reading.parser import parse
from postseal.mail.reading.parts import ReceivedPart

__all__ = ["field_blocks", "own_parts", "reported_message", "without_type"]

_MAX_BLOCKS = 1000
# The second pair is of RFC 6533.
_HEADERS = ("text/rfc822-headers", "message/global-headers", "text/rfc822-header")


def own_parts(part: ReceivedPart) -> Iterator[ReceivedPart]:
    """Yield the parts of a message, without those of messages in it."""
    yield part
    for each in part.parts:
        yield from own_parts(each)


def field_blocks(content: bytes) -> Iterator[HeaderSection]:
    """Yield the blocks of fields with empty lines between them, 1000 at most."""
    position = 0
    for _ in range(_MAX_BLOCKS):
        block, behind = read_header(content, position, len(content), DEFAULT_LIMITS)
        if behind <= position:
            return
        position = behind
        if len(block):
            yield block


def reported_message(root: ReceivedPart) -> ReceivedMessage | None:
    """Give the message that a report encloses, whole or by its header (RFC 6522 3)."""
    for part in own_parts(root):
        if part.message is not None:
            return part.message
        if part.media_type in _HEADERS:
            return parse(part.content)
    return None


def without_type(value: str | None) -> str | None:
    """Give what stands behind the type in `rfc822; somebody@example.org` (RFC 3464 2.1.2)."""
    if value is None:
        return None
    kind, semicolon, text = value.partition(";")
    return (text if semicolon else kind).strip().removeprefix("<").removesuffix(">") or None
