"""A message taken apart as it comes: header sections, bodies of leaves, and what stands between.

What comes out, in its order, is what went in, octet by octet, whatever the pieces.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, unique
from typing import Final, NamedTuple, Protocol

from postseal.mail.conversion.entities import (
    BodyKind,
    Entity,
    Field,
    Place,
    is_field_start,
    read_entity,
)

__all__ = ["Handler", "SectionReader"]

_MAX_HEADER: Final = 256 * 1024
_MAX_ENTITIES: Final = 1000
_MAX_DEPTH: Final = 32
# RFC 5322 2.1.1; a delimiter with more blanks behind it is none.
_MAX_LINE: Final = 998
_BLOCK: Final = 64 * 1024
_OVERLONG_LINE: Final = "has an overlong line in its header section"

_CRLF: Final = b"\r\n"
_CANDIDATE: Final = b"\r\n--"
_CANDIDATE_START: Final = re.compile(rb"(?:\r|\r\n|\r\n-)\Z")


class Handler(Protocol):
    """Takes the sections of a message in their order."""

    def header(self, entity: Entity, fields: Sequence[Field], end: bytes) -> None:
        """Take a whole header section; `end` is the empty line behind it, where there is one."""

    def body(self, octets: bytes) -> None:
        """Take a piece of the body of the leaf whose header came last; it ends within no CRLF."""

    def body_end(self, *, ends_message: bool) -> None:
        """Take note that the leaf's body is whole."""

    def between(self, entity: Entity, octets: bytes) -> None:
        """Take what a multipart holds beside its parts: delimiters, preamble and epilogue."""


@unique
class _Area(Enum):
    HEADER = "header"
    LEAF = "leaf"
    BETWEEN = "between"


class _Delimiter(NamedTuple):
    """What a line is that stands between parts: of which level, and whether it is the last."""

    level: int
    is_close: bool


class _Level:
    """A multipart whose parts are being read."""

    __slots__ = ("delimiter", "entity", "parts")

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.delimiter = b"--" + entity.boundary
        self.parts = 0

    @property
    def close_delimiter(self) -> bytes:
        return self.delimiter + b"--"


class SectionReader:
    """Takes a message in pieces and tells a handler what it is made of.

    CRLF alone ends a line. What cannot be read with certainty, or lies behind a bound (a header of
    256 KiB, 32 levels, 1000 parts), is handed on as a leaf whose body is `BodyKind.FIXED`.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._levels: list[_Level] = []
        # The whole line of each delimiter that may come, and the level that it belongs to.
        self._delimiters: dict[bytes, _Delimiter] = {}
        self._area = _Area.HEADER
        self._buffer = b""
        self._entities = 0
        self._at_body_start = False
        self._begin_entity(Place(0, "", 0, None, starts_message=True))

    def feed(self, piece: bytes) -> None:
        """Take a piece of any size."""
        for start in range(0, len(piece), _BLOCK):
            self._buffer += piece[start : start + _BLOCK]
            self._read(is_end=False)

    def finish(self) -> None:
        """Take note that this was all."""
        self._read(is_end=True)
        if self._area is _Area.HEADER:
            if self._buffer:
                self._give_up("ends within its header section")
                self._read(is_end=True)
            else:
                self._end_header(b"")
        self._end_leaf(ends_message=True)

    # A reader of one area returns when it needs more octets or has come into another area.

    def _read(self, *, is_end: bool) -> None:
        while True:
            area, before = self._area, len(self._buffer)
            if area is _Area.HEADER:
                self._read_header()
            else:
                self._read_body(is_end=is_end)
            if self._area is area and len(self._buffer) == before:
                return

    def _read_header(self) -> None:
        buffer = self._buffer
        start = 0
        while (end := buffer.find(_CRLF, start)) >= 0:
            line = buffer[start:end]
            start = end + len(_CRLF)
            if not line:
                self._buffer = buffer[start:]
                self._end_header(_CRLF)
                return
            if found := self._delimiter(line):
                self._buffer = buffer[start:]
                self._end_header(b"")
                self._end_leaf(ends_message=False)
                self._pass_delimiter(found, line + _CRLF)
                return
            is_continuation = line[:1] in (b" ", b"\t") and bool(self._lines)
            self._header_size += len(line) + len(_CRLF)
            if reason := self._objection(line, is_continuation=is_continuation):
                self._buffer = buffer[end - len(line) :]
                self._give_up(reason)
                return
            if is_continuation:
                self._lines[-1].append(line + _CRLF)
            else:
                self._lines.append([line + _CRLF])
        self._buffer = buffer[start:]
        if len(self._buffer) > _MAX_LINE + len(_CRLF):
            self._give_up(_OVERLONG_LINE)

    def _objection(self, line: bytes, *, is_continuation: bool) -> str:
        if len(line) > _MAX_LINE:
            return _OVERLONG_LINE
        if self._header_size > _MAX_HEADER:
            return f"has a header section of more than {_MAX_HEADER} octets"
        if not is_continuation and not is_field_start(line):
            return "has a line in its header section that is no field"
        return ""

    def _read_body(self, *, is_end: bool) -> None:
        buffer = self._buffer
        if not self._delimiters:
            kept = 0 if is_end or not buffer.endswith(b"\r") else 1
            self._emit(len(buffer) - kept)
            return
        position = 0
        while True:
            if self._at_body_start:
                if len(buffer) < 2 and not is_end and b"--".startswith(buffer):
                    return
                self._at_body_start = False
                line_start = content_end = 0
                if not buffer.startswith(b"--"):
                    continue
            else:
                content_end = buffer.find(_CANDIDATE, position)
                if content_end < 0:
                    break
                line_start = content_end + len(_CRLF)
            line_end = buffer.find(_CRLF, line_start)
            if line_end < 0:
                if len(buffer) - line_start <= _MAX_LINE and not is_end:
                    self._at_body_start = not line_start
                    self._emit(content_end)
                    return
                line_end = len(buffer)
            if found := self._delimiter(buffer[line_start:line_end]):
                self._emit(content_end)
                self._end_leaf(ends_message=False)
                behind = line_end - content_end + len(_CRLF)
                octets, self._buffer = self._buffer[:behind], self._buffer[behind:]
                self._pass_delimiter(found, octets)
                return
            position = line_end
        held = None if is_end else _CANDIDATE_START.search(buffer, max(0, len(buffer) - 3))
        self._emit(held.start() if held else len(buffer))

    def _emit(self, end: int) -> None:
        octets, self._buffer = self._buffer[:end], self._buffer[end:]
        if not octets:
            return
        if self._area is _Area.LEAF:
            self._handler.body(octets)
        else:
            self._handler.between(self._around, octets)

    def _delimiter(self, line: bytes) -> _Delimiter | None:
        if len(line) > _MAX_LINE or not line.startswith(b"--"):
            return None
        return self._delimiters.get(line.rstrip(b" \t"))

    # What comes next.

    def _begin_entity(self, place: Place) -> None:
        self._place = place
        self._entities += 1
        self._lines: list[list[bytes]] = []
        self._header_size = 0
        self._area = _Area.HEADER
        if self._entities > _MAX_ENTITIES:
            # The rest is one body: parts without end would take time without end.
            self._levels.clear()
            self._set_delimiters()
            self._give_up(f"lies behind the first {_MAX_ENTITIES} parts")
        elif place.depth > _MAX_DEPTH:
            self._give_up(f"is nested more than {_MAX_DEPTH} levels deep")

    def _give_up(self, reason: str) -> None:
        self._handler.header(Entity.fixed(self._place, reason), (), b"")
        self._buffer = b"".join(b"".join(lines) for lines in self._lines) + self._buffer
        self._begin_leaf()

    def _end_header(self, end: bytes) -> None:
        fields = [Field.of(b"".join(lines)) for lines in self._lines]
        entity = read_entity(self._place, fields)
        if entity.kind is BodyKind.MULTIPART and self._is_ambiguous(entity):
            entity = Entity.fixed(self._place, "has the boundary of a multipart around it")
        self._handler.header(entity, fields, end)
        if entity.kind is BodyKind.MULTIPART:
            self._levels.append(_Level(entity))
            self._set_delimiters()
            self._begin_between(entity)
        elif entity.kind is BodyKind.MESSAGE and end:
            self._begin_entity(self._place_inside(entity))
        else:
            self._begin_leaf()

    def _is_ambiguous(self, entity: Entity) -> bool:
        level = _Level(entity)
        return level.delimiter in self._delimiters or level.close_delimiter in self._delimiters

    def _place_inside(self, entity: Entity, part: int = 0) -> Place:
        place = entity.place
        number = ".".join(filter(None, (place.number, str(part or ""))))
        return Place(
            self._entities,
            number,
            place.depth + 1,
            entity,
            starts_message=not part,
            # RFC 2046 5.1.5
            default_type="message/rfc822" if part and entity.is_digest else "text/plain",
        )

    def _begin_leaf(self) -> None:
        self._area = _Area.LEAF
        self._at_body_start = True

    def _end_leaf(self, *, ends_message: bool) -> None:
        if self._area is _Area.LEAF:
            self._handler.body_end(ends_message=ends_message)

    def _begin_between(self, entity: Entity) -> None:
        self._around = entity
        self._area = _Area.BETWEEN
        self._at_body_start = True

    def _pass_delimiter(self, delimiter: _Delimiter, octets: bytes) -> None:
        level = self._levels[delimiter.level]
        self._handler.between(level.entity, octets)
        del self._levels[delimiter.level + (0 if delimiter.is_close else 1) :]
        self._set_delimiters()
        if delimiter.is_close:
            self._begin_between(level.entity)
        else:
            level.parts += 1
            self._begin_entity(self._place_inside(level.entity, level.parts))

    def _set_delimiters(self) -> None:
        self._delimiters = {}
        for number, level in enumerate(self._levels):
            self._delimiters[level.delimiter] = _Delimiter(number, is_close=False)
            self._delimiters[level.close_delimiter] = _Delimiter(number, is_close=True)
