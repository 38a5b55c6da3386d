"""Messages taken apart: the tree of parts, found in one pass for each level (RFC 2046 5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postseal.mail.reading.defects import Defect, DefectKind
from postseal.mail.reading.fields import read_header
from postseal.mail.reading.limits import DEFAULT_LIMITS, ReadingLimits
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.reading.parts import ReceivedPart, encoding_of, read_content_type
from postseal.mail.reading.transfer import IDENTITIES, decode_body

__all__ = ["parse"]

_LINE_FEED = 0x0A
_BEHIND_BOUNDARY = re.compile(rb"(--)?+[ \t]*+(?:\r?\n|\Z)")
_PLAIN = "text/plain"
_MESSAGE = "message/rfc822"
_MESSAGES = (_MESSAGE, "message/global")


def parse(octets: bytes, *, limits: ReadingLimits = DEFAULT_LIMITS) -> ReceivedMessage:
    """Read a message, whatever it is: nothing that the octets hold raises.

    Parts and fields are found at once, and decoded when they are looked at. What is wrong is
    listed in `defects`. Time is linear in the size, and `limits` bound what is kept. The octets
    are not copied: `bytes` of the message gives them back.
    """
    builder = _TreeBuilder(octets, limits, room=limits.max_parts)
    return ReceivedMessage(builder.part(0, len(octets), _PLAIN, 1))


class _TreeBuilder:
    """Builds the tree of one run of octets; there is `room` for so many parts."""

    __slots__ = ("_limits", "_octets", "_room")

    def __init__(self, octets: bytes, limits: ReadingLimits, *, room: int) -> None:
        self._octets = octets
        self._limits = limits
        self._room = room

    def part(self, start: int, end: int, default: str, depth: int) -> ReceivedPart:
        """Read the entity between two offsets; `default` is its type if it names none."""
        self._room -= 1
        header, body = read_header(self._octets, start, end, self._limits)
        content_type, defects = read_content_type(header, default)
        parts: list[ReceivedPart] = []
        message = None
        media_type = content_type.media_type
        is_multipart = media_type.startswith("multipart/")
        if is_multipart or media_type in _MESSAGES:
            encoding = encoding_of(header)
            if encoding not in IDENTITIES:
                defects.append(Defect(DefectKind.ENCODED_COMPOSITE, start, encoding))
            if depth >= self._limits.max_depth:
                defects.append(Defect(DefectKind.TOO_DEEP, body))
            elif is_multipart:
                boundary = content_type.get("boundary")
                default = _MESSAGE if media_type == "multipart/digest" else _PLAIN
                parts = self._parts(body, end, boundary, default, depth + 1, defects)
            elif self._room:
                message = self._message(body, end, encoding, depth + 1)
            else:
                defects.append(Defect(DefectKind.TOO_MANY_PARTS, body))
        return ReceivedPart(
            self._octets,
            span=(start, body, end),
            header=header,
            content_type=content_type,
            parts=tuple(parts),
            message=message,
            defects=tuple(defects),
            max_content_octets=self._limits.max_content_octets,
        )

    def _message(self, start: int, end: int, encoding: str, depth: int) -> ReceivedMessage:
        if encoding in IDENTITIES:
            return ReceivedMessage(self.part(start, end, _PLAIN, depth))
        # RFC 2046 5.2.1 forbids it, and mail programs do it.
        octets = decode_body(self._octets, start, end, encoding)
        builder = _TreeBuilder(octets, self._limits, room=self._room)
        root = builder.part(0, len(octets), _PLAIN, depth)
        self._room = builder._room
        return ReceivedMessage(root)

    def _parts(
        self,
        start: int,
        end: int,
        boundary: str | None,
        default: str,
        depth: int,
        defects: list[Defect],
    ) -> list[ReceivedPart]:
        if boundary is None:
            defects.append(Defect(DefectKind.MISSING_BOUNDARY, start))
            return []
        parts: list[ReceivedPart] = []
        begin: int | None = None
        for line, behind, is_last in self._delimiters(start, end, boundary):
            if begin is not None:
                if not self._room:
                    defects.append(Defect(DefectKind.TOO_MANY_PARTS, begin))
                    return parts
                # The line end before a delimiter belongs to the delimiter.
                before = line - (2 if self._octets.endswith(b"\r\n", begin, line) else 1)
                parts.append(self.part(begin, max(begin, before), default, depth))
            if is_last:
                return parts
            begin = behind
        if begin is None:
            defects.append(Defect(DefectKind.NO_PARTS, start))
            return parts
        defects.append(Defect(DefectKind.UNCLOSED_MULTIPART, end))
        if self._room:
            parts.append(self.part(begin, end, default, depth))
        return parts

    def _delimiters(self, start: int, end: int, boundary: str) -> Iterator[tuple[int, int, bool]]:
        """Yield where each delimiter line begins and ends, and whether it is the closing one."""
        octets = self._octets
        delimiter = b"--" + boundary.rstrip().encode("utf-8", "replace")
        position = start
        while (line := octets.find(delimiter, position, end)) >= 0:
            position = line + len(delimiter)
            if line > start and octets[line - 1] != _LINE_FEED:
                continue
            if found := _BEHIND_BOUNDARY.match(octets, position, end):
                position = found.end()
                yield line, position, found[1] is not None
