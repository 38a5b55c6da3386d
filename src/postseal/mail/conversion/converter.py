"""The second reading of a message: it is written in 7 bits as a plan says."""

from __future__ import annotations

from collections.abc import Sequence

from postseal.mail.conversion.encoders import Encoder, encoder
from postseal.mail.conversion.entities import Entity, Field
from postseal.mail.conversion.policy import NotConvertible
from postseal.mail.conversion.scan import ConversionPlan, Rewriting
from postseal.mail.conversion.sections import SectionReader

__all__ = ["Converter"]

_UNCHANGED = Rewriting()


class Converter:
    """Writes a message in 7 bits, piece by piece, as a plan made of the same octets says.

    Both methods raise `NotConvertible` where the octets turn out to be others: nothing that was
    written before may then be used.
    """

    def __init__(self, plan: ConversionPlan) -> None:
        self._plan = plan
        self._writer = _Writer(plan)
        self._sections = SectionReader(self._writer)
        self._size = 0

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of the message; give what can be written."""
        self._sections.feed(piece)
        return self._checked(self._writer.take())

    def finish(self) -> bytes:
        """Give the rest."""
        self._sections.finish()
        rest = self._checked(self._writer.take())
        if self._size != self._plan.size:
            raise _other_octets()
        return rest

    def _checked(self, octets: bytes) -> bytes:
        self._size += len(octets)
        if not octets.isascii() or self._size > self._plan.size:
            raise _other_octets()
        return octets


class _Writer:
    """The handler of the second reading."""

    def __init__(self, plan: ConversionPlan) -> None:
        self._rewritings = plan.rewritings
        self._written: list[bytes] = []
        self._encoder: Encoder | None = None

    def take(self) -> bytes:
        """Give what was written since the last time."""
        octets = b"".join(self._written)
        self._written.clear()
        return octets

    def header(self, entity: Entity, fields: Sequence[Field], end: bytes) -> None:
        rewriting = self._rewritings.get(entity.place.index, _UNCHANGED)
        self._written += [each.octets for each in fields if each.name not in rewriting.dropped]
        self._written += [rewriting.added, end]
        self._encoder = None if rewriting.encoding is None else encoder(rewriting.encoding)

    def body(self, octets: bytes) -> None:
        self._written.append(octets if self._encoder is None else self._encoder.feed(octets))

    def body_end(self, *, ends_message: bool) -> None:
        if self._encoder is not None:
            self._written.append(self._encoder.finish(ends_message=ends_message))
            self._encoder = None

    def between(self, _: Entity, octets: bytes) -> None:
        self._written.append(octets)


def _other_octets() -> NotConvertible:
    return NotConvertible(
        "the content changed between its two readings",
        enhanced_code="5.6.5",
        hint="Send it again once nobody writes to it any more.",
    )
