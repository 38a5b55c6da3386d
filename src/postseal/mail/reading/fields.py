"""The header section of a part: its fields in their order, as they stand (RFC 5322 2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from postseal.mail.reading.defects import Defect, DefectKind
from postseal.mail.reading.limits import ReadingLimits
from postseal.mail.reading.words import decode_field

__all__ = ["HeaderSection", "ReceivedField", "read_header"]

# A name, what may stand before the colon (RFC 5322 4.5), and the value with its folded lines.
_FIELD = re.compile(rb"([!-9;-~]++)([ \t]*+):([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?")
_LINE_END = re.compile(rb"\r?\n")
_EMPTY_LINE = re.compile(rb"\n\r?\n")


@dataclass(frozen=True, slots=True)
class ReceivedField:
    """A field as it arrived: its name, and its value behind the colon, folded, without line end.

    `offset` is where the field begins in the message, and `value_offset` where its value does.
    """

    name: str
    octets: bytes
    offset: int
    value_offset: int

    @property
    def value(self) -> str:
        """The value as a reader sees it: unfolded, encoded words decoded, without controls."""
        return decode_field(self.octets)


class HeaderSection:
    """The fields of a message or part, in their order; names are alike in any case."""

    __slots__ = ("_by_name", "defects", "fields")

    def __init__(self, fields: tuple[ReceivedField, ...], defects: tuple[Defect, ...]) -> None:
        self.fields = fields
        self.defects = defects
        self._by_name: dict[str, list[ReceivedField]] = {}
        for field in fields:
            self._by_name.setdefault(field.name.lower(), []).append(field)

    def all(self, name: str) -> tuple[ReceivedField, ...]:
        """Give all fields of this name, the uppermost first."""
        return tuple(self._by_name.get(name.lower(), ()))

    def first(self, name: str) -> ReceivedField | None:
        """Give the uppermost field of this name."""
        found = self._by_name.get(name.lower())
        return found[0] if found else None

    def get(self, name: str) -> str | None:
        """Give the value of the uppermost field of this name, as a reader sees it."""
        field = self.first(name)
        return field.value if field else None

    def __iter__(self) -> Iterator[ReceivedField]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)


def read_header(
    octets: bytes, start: int, end: int, limits: ReadingLimits
) -> tuple[HeaderSection, int]:
    """Read the fields from `start` on; give them and the offset at which the body begins.

    The section ends at the first empty line. A line that is no field is left out, unless there
    is no empty line at all: then the body begins there.
    """
    fields: list[ReceivedField] = []
    defects: list[Defect] = []
    position = start
    # Where the last line ended that is no field: neighbours are one defect.
    astray = -1
    has_end: bool | None = None
    match = _FIELD.match
    while position < end:
        if found := match(octets, position, end):
            if len(fields) == limits.max_fields:
                defects.append(Defect(DefectKind.TOO_MANY_FIELDS, position))
                position = _behind_empty_line(octets, position, end) or end
                break
            name, space, value = found.groups()
            value = value.removesuffix(b"\r")
            if space:
                defects.append(Defect(DefectKind.SPACE_BEFORE_COLON, position))
            if len(value) > limits.max_field_octets:
                defects.append(Defect(DefectKind.FIELD_TOO_LONG, position))
                value = value[: limits.max_field_octets]
            fields.append(ReceivedField(name.decode("ascii"), value, position, found.start(3)))
            position = found.end()
            continue
        if empty := _LINE_END.match(octets, position, end):
            position = empty.end()
            break
        if has_end is None:
            has_end = _behind_empty_line(octets, position, end) is not None
        if not fields and octets.startswith((b"From ", b">From "), position, end):
            defects.append(Defect(DefectKind.MBOX_LINE, position))
        elif not has_end:
            defects.append(Defect(DefectKind.MISSING_SEPARATOR, position))
            break
        elif position != astray:
            defects.append(Defect(DefectKind.NOT_A_FIELD, position))
        position = astray = _behind_line(octets, position, end)
    return HeaderSection(tuple(fields), tuple(defects)), position


def _behind_line(octets: bytes, position: int, end: int) -> int:
    found = octets.find(b"\n", position, end)
    return end if found < 0 else found + 1


def _behind_empty_line(octets: bytes, position: int, end: int) -> int | None:
    found = _EMPTY_LINE.search(octets, position, end)
    return found.end() if found else None
