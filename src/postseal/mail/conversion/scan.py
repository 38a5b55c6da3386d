"""The first reading of a message that is to be written in 7 bits: can it be, and what must change.

RFC 2045 2.7 says what 7-bit data is, and so what is looked for: lines of at most 998 octets, none
of them NUL or above 127, and CR and LF as CRLF alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_letters, digits
from typing import Final

from postseal.crlf import has_only_crlf
from postseal.mail.conversion.encoders import Encoder, Encoding, encoder
from postseal.mail.conversion.entities import BodyKind, Entity, Field
from postseal.mail.conversion.policy import Conversion, NotConvertible
from postseal.mail.conversion.sections import SectionReader
from postseal.mail.encodings import TransferEncoding, base64_size

__all__ = ["ConversionPlan", "ConversionScan", "Rewriting"]

_MAX_LINE: Final = 998
_BASE64: Final = (ascii_letters + digits + "+/=\r\n\t ").encode("ascii")
_VERSION: Final = b"MIME-Version: 1.0\r\n"
_LABEL: Final = "Content-Transfer-Encoding: {}\r\n"
# RFC 1428 3: nothing is known of the characters but that they are not ASCII.
_UNKNOWN_CHARSET: Final = b";\r\n charset=unknown-8bit\r\n"


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What becomes of one entity: fields that go, lines that come in their place, the body."""

    dropped: frozenset[str] = frozenset()
    added: bytes = b""
    encoding: Encoding | None = None


@dataclass(frozen=True, slots=True)
class ConversionPlan:
    """How to write a message in 7 bits: what changes, by the number of the entity in its order.

    `size` in octets is that of the converted message. Without rewritings it is 7-bit as it is.
    """

    rewritings: Mapping[int, Rewriting]
    size: int

    @property
    def is_needed(self) -> bool:
        """Whether anything has to change."""
        return bool(self.rewritings)


class ConversionScan:
    """Reads a message in pieces of any size; memory grows with its number of parts, up to 1000.

    Both methods raise `NotConvertible` as soon as it is certain that the message cannot be
    converted, or must not be by `conversion`, with the part and the reason.
    """

    def __init__(self, conversion: Conversion = Conversion.UNLESS_SIGNED) -> None:
        self._survey = _Survey()
        self._sections = SectionReader(self._survey)
        self._conversion = conversion
        self._size = 0

    def feed(self, piece: bytes) -> None:
        """Read a piece."""
        self._size += len(piece)
        self._sections.feed(piece)

    def finish(self) -> ConversionPlan:
        """Give the plan, now that all was read."""
        self._sections.finish()
        survey = self._survey
        if not survey.encoded:
            return ConversionPlan({}, self._size)
        self._check_permission()
        growth = survey.growth
        rewritings: dict[int, Rewriting] = {}
        for index, candidate in survey.candidates.items():
            rewriting = candidate.rewriting(survey.encoded.get(index))
            if rewriting is not None:
                rewritings[index] = rewriting
                growth += len(rewriting.added) - candidate.size_of(rewriting.dropped)
        return ConversionPlan(rewritings, self._size + growth)

    def _check_permission(self) -> None:
        if self._conversion is Conversion.FORBIDDEN:
            raise NotConvertible(
                "the message is not 7-bit, and must not be converted", enhanced_code="5.6.2"
            )
        signature = self._survey.signature
        if signature and self._conversion is Conversion.UNLESS_SIGNED:
            raise NotConvertible(
                f"the message is not 7-bit, and to convert it would break its {signature}",
                enhanced_code="5.6.2",
                hint="Convert before signing (RFC 6376 5.3): compose it in 7 bits.",
            )


@dataclass(slots=True)
class _Candidate:
    """An entity whose header may have to change; `holds_encoded`: its body, or one inside, does."""

    entity: Entity
    holds_encoded: bool = False
    wants_charset: bool = False

    def rewriting(self, encoding: Encoding | None) -> Rewriting | None:
        """Say what changes where the body gets this encoding."""
        entity = self.entity
        dropped: set[str] = set()
        added = _VERSION if self.holds_encoded and entity.lacks_version else b""
        label = TransferEncoding.SEVEN_BIT if entity.says_8bit else None
        if encoding is not None:
            label = encoding.label
        if label is not None:
            dropped.add("content-transfer-encoding")
            added += _LABEL.format(label).encode("ascii")
        if self.wants_charset:
            dropped.add("content-type")
            added += _with_charset(entity.content_type)
        if not added and encoding is None:
            return None
        return Rewriting(frozenset(dropped), added, encoding)

    def size_of(self, dropped: frozenset[str]) -> int:
        """Count the octets of the fields of these names."""
        fields = (self.entity.encoding, self.entity.content_type)
        return sum(len(each.octets) for each in fields if each and each.name in dropped)


def _with_charset(field: Field | None) -> bytes:
    said = b"Content-Type: text/plain" if field is None else field.octets.rstrip(b" \t\r\n;")
    return said + _UNKNOWN_CHARSET


class _Survey:
    """The handler of the first reading: measures each body, and remembers what must change."""

    def __init__(self) -> None:
        self.candidates: dict[int, _Candidate] = {}
        self.encoded: dict[int, Encoding] = {}
        self.growth = 0
        self.signature = ""
        self._leaf: _Leaf
        self._between = _Measure()

    def header(self, entity: Entity, fields: Sequence[Field], end: bytes) -> None:
        measure = _Measure()
        for field in fields:
            measure.add(field.octets)
        if measure.is_8bit:
            raise NotConvertible(
                f"{entity.place} has 8-bit octets in its header, which nothing converts",
                enhanced_code="5.6.9",
                hint="Only a server with SMTPUTF8 and 8BITMIME takes them (RFC 6532).",
            )
        if fault := measure.fault:
            raise _refusal(f"{entity.place} has {fault} in its header")
        if not entity.place.index:
            self.signature = entity.signature
        if entity.kind is not BodyKind.FIXED:
            self.candidates[entity.place.index] = _Candidate(entity)
        self._leaf = _Leaf(entity)
        self._between = _Measure()

    def body(self, octets: bytes) -> None:
        self._leaf.add(octets)

    def body_end(self, *, ends_message: bool) -> None:
        leaf = self._leaf
        chosen = leaf.finish(ends_message=ends_message)
        if chosen is None:
            return
        entity = leaf.entity
        self.encoded[entity.place.index], growth = chosen
        self.growth += growth
        is_unnamed = entity.wants_charset and leaf.measure.is_8bit
        self.candidates[entity.place.index].wants_charset = is_unnamed
        around: Entity | None = entity
        while around is not None:
            self.candidates[around.place.index].holds_encoded = True
            around = around.place.parent

    def between(self, entity: Entity, octets: bytes) -> None:
        self._between.add(octets)
        if fault := self._between.fault:
            raise _refusal(f"{entity.place} has {fault} between or around its parts")


class _Measure:
    """What keeps octets from being 7-bit data, however they are cut."""

    __slots__ = ("_run", "is_8bit", "is_binary", "is_overlong")

    def __init__(self) -> None:
        self.is_8bit = False
        self.is_binary = False
        self.is_overlong = False
        self._run = 0

    def add(self, octets: bytes) -> None:
        """Read a piece, which ends within no CRLF."""
        self.is_8bit = self.is_8bit or not octets.isascii()
        if not self.is_binary:
            self.is_binary = b"\0" in octets or not has_only_crlf(octets)
        if not self.is_overlong:
            self._measure_lines(octets)

    @property
    def fault(self) -> str | None:
        """The first thing that is wrong, in words."""
        if self.is_8bit:
            return "8-bit octets"
        if self.is_binary:
            return "a NUL, or a CR or LF that ends no line"
        return f"a line of more than {_MAX_LINE} octets" if self.is_overlong else None

    def _measure_lines(self, octets: bytes) -> None:
        first, *others = octets.split(b"\r\n")
        self._run += len(first)
        self.is_overlong = self._run > _MAX_LINE
        if others:
            self._run = len(others[-1])
            self.is_overlong = self.is_overlong or max(map(len, others)) > _MAX_LINE


class _Leaf:
    """A body while it is read: its measure, and its sizes in the encodings that it may get."""

    __slots__ = ("_encoded", "_encoder", "_is_firm", "_octets", "entity", "measure")

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.measure = _Measure()
        self._octets = 0
        # Whether nothing may be done about a fault.
        self._is_firm = entity.kind is BodyKind.FIXED
        self._encoded = 0
        self._encoder: Encoder | None = None
        if entity.kind is BodyKind.TEXT:
            self._encoder = encoder(Encoding.QUOTED_PRINTABLE)
        elif entity.kind is BodyKind.BASE64:
            self._encoder = encoder(Encoding.BASE64_IN_LINES)

    def add(self, octets: bytes) -> None:
        """Read a piece."""
        self._octets += len(octets)
        measure, kind = self.measure, self.entity.kind
        measure.add(octets)
        if kind is BodyKind.BASE64:
            # What is no digit is skipped by one reader and ends the body for the next.
            self._is_firm = self._is_firm or bool(octets.translate(None, _BASE64))
        if self._is_firm and (fault := measure.fault):
            raise _refusal(f"{self.entity.place} {self.entity.reason}, and it has {fault}")
        if measure.is_binary and kind is BodyKind.TEXT:
            # Quoted-printable knows of no line ends but those of text.
            self._encoder = None
        if self._encoder is not None:
            self._encoded += len(self._encoder.feed(octets))

    def finish(self, *, ends_message: bool) -> tuple[Encoding, int] | None:
        """Choose the encoding of a body that needs one, and tell by how much it makes it grow."""
        if not self.measure.fault:
            return None
        in_base64 = base64_size(self._octets) - (0 if ends_message else len(b"\r\n"))
        encoding = Encoding.BASE64
        if self._encoder is not None:
            self._encoded += len(self._encoder.finish(ends_message=ends_message))
            if self.entity.kind is BodyKind.BASE64:
                encoding = Encoding.BASE64_IN_LINES
            elif self._encoded <= in_base64:
                encoding = Encoding.QUOTED_PRINTABLE
        size = in_base64 if encoding is Encoding.BASE64 else self._encoded
        return encoding, size - self._octets


def _refusal(text: str) -> NotConvertible:
    return NotConvertible(
        text,
        enhanced_code="5.6.3",
        hint="Send it to a server that offers 8BITMIME, or encode it before it is sent.",
    )
