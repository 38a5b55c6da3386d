"""Content that is converted for a server which does not take it as it is (RFC 6152 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

from postseal.errors import PermanentlyRejected, Phase
from postseal.mail.conversion.policy import Conversion, NotConvertible
from postseal.send.outgoing import (
    Content,
    Outgoing,
    ReadAnewAsync,
    can_be_read_again,
    pieces_of,
)
from postseal.smtp.line_endings import LineEndings, LineEndingsFilter

if TYPE_CHECKING:
    from postseal.mail.conversion.scan import ConversionPlan
    from postseal.smtp.extensions import Extensions

__all__ = ["converted", "in_7_bits", "lines_of", "wants_7_bits"]


def wants_7_bits(outgoing: Outgoing, extensions: Extensions) -> bool:
    """Tell whether content must, and may, be converted for a server with these extensions."""
    if outgoing.is_binary:
        is_taken = "BINARYMIME" in extensions and "CHUNKING" in extensions
    else:
        is_taken = not outgoing.is_8bit or "8BITMIME" in extensions
    return not is_taken and outgoing.conversion is not Conversion.FORBIDDEN


async def in_7_bits(outgoing: Outgoing) -> Outgoing:
    """Give the message for a server that takes 7 bits alone; see `converted`.

    Raises `PermanentlyRejected` of phase `mail` where it cannot be converted, must not be, or can
    be read only once.
    """
    if not can_be_read_again(outgoing.content):
        raise PermanentlyRejected(
            "the message is not 7-bit, the server takes no other, and the content can be read "
            "only once: it would have to be read to be converted, and again to be sent",
            phase=Phase.MAIL,
            enhanced_code="5.6.3",
            hint="Give the content as a list.",
        )
    try:
        return await converted(outgoing)
    except NotConvertible as error:
        raise PermanentlyRejected(
            f"the message is not 7-bit, and the server takes no other: {error.text}",
            phase=Phase.MAIL,
            enhanced_code=error.enhanced_code,
            hint=error.hint,
        ) from error


async def converted(outgoing: Outgoing) -> Outgoing:
    """Give the message in 7 bits: its content, which begins anew with each reading, and its size.

    The content is read once, to see how it can be converted, and will be again as it is sent; one
    that shows to be 7-bit is given as it is. Raises `NotConvertible`.
    """
    # Nearly all servers take 8 bits, and what is composed has none.
    from postseal.mail.conversion.scan import ConversionScan

    scan, lines = ConversionScan(outgoing.conversion), lines_of(outgoing)
    async for piece in pieces_of(outgoing.content):
        scan.feed(lines.take(piece))
    scan.feed(lines.finish())
    plan = scan.finish()
    as_7bit = replace(outgoing, is_8bit=False, is_binary=False)
    if not plan.is_needed:
        return as_7bit
    content = ReadAnewAsync(lambda: _written(outgoing.content, lines_of(outgoing), plan))
    return replace(as_7bit, content=content, size=plan.size)


def lines_of(outgoing: Outgoing) -> LineEndingsFilter:
    """Give what makes of its line ends what arrives: those that DATA gives to text."""
    return LineEndingsFilter(LineEndings.KEEP if outgoing.is_binary else LineEndings.NORMALIZE)


async def _written(
    content: Content, lines: LineEndingsFilter, plan: ConversionPlan
) -> AsyncIterator[bytes]:
    from postseal.mail.conversion.converter import Converter

    converter = Converter(plan)
    async for piece in pieces_of(content):
        yield converter.feed(lines.take(piece))
    yield converter.feed(lines.finish())
    yield converter.finish()
