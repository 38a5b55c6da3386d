"""Content that is converted for a server which does not take it as it is (RFC 6152 3)."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import replace

from postseal.errors import PermanentlyRejected, Phase
from postseal.mail.conversion import (
    Conversion,
    ConversionPlan,
    ConversionScan,
    Converter,
    NotConvertible,
)
from postseal.send.outgoing import (
    Content,
    Outgoing,
    ReadAnew,
    ReadAnewAsync,
    can_be_read_again,
)
from postseal.smtp import Extensions
from postseal.smtp.line_endings import LineEndings, LineEndingsFilter

__all__ = ["in_7_bits", "wants_7_bits"]


def wants_7_bits(outgoing: Outgoing, extensions: Extensions) -> bool:
    """Tell whether content must, and may, be converted for a server with these extensions."""
    if outgoing.is_binary:
        is_taken = "BINARYMIME" in extensions and "CHUNKING" in extensions
    else:
        is_taken = not outgoing.is_8bit or "8BITMIME" in extensions
    return not is_taken and outgoing.conversion is not Conversion.FORBIDDEN


async def in_7_bits(outgoing: Outgoing) -> Outgoing:
    """Give the message for a server that takes 7 bits alone: its content and size, converted.

    The content is read once, to see how it can be converted, and will be again as it is sent; one
    that shows to be 7-bit is given as it is. Raises `PermanentlyRejected` of phase `mail` where it
    cannot be converted, must not be, or can be read only once.
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
        plan = await _plan(outgoing)
    except NotConvertible as error:
        raise PermanentlyRejected(
            f"the message is not 7-bit, and the server takes no other: {error.text}",
            phase=Phase.MAIL,
            enhanced_code=error.enhanced_code,
            hint=error.hint,
        ) from error
    as_7bit = replace(outgoing, is_8bit=False, is_binary=False)
    if not plan.is_needed:
        return as_7bit
    return replace(as_7bit, content=_converted(outgoing, plan), size=plan.size)


async def _plan(outgoing: Outgoing) -> ConversionPlan:
    scan, lines, content = ConversionScan(outgoing.conversion), _lines(outgoing), outgoing.content
    if isinstance(content, AsyncIterable):
        async for piece in content:
            scan.feed(lines.take(piece))
    else:
        for piece in content:
            scan.feed(lines.take(piece))
    scan.feed(lines.finish())
    return scan.finish()


def _lines(outgoing: Outgoing) -> LineEndingsFilter:
    # Text gets the line ends that DATA would give it; where it is binary, each octet counts.
    return LineEndingsFilter(LineEndings.KEEP if outgoing.is_binary else LineEndings.NORMALIZE)


def _converted(outgoing: Outgoing, plan: ConversionPlan) -> Content:
    content = outgoing.content
    if isinstance(content, AsyncIterable):
        source = content
        return ReadAnewAsync(lambda: _write_async(source, _lines(outgoing), Converter(plan)))
    pieces = content
    return ReadAnew(lambda: _write(pieces, _lines(outgoing), Converter(plan)))


def _write(
    content: Iterable[bytes], lines: LineEndingsFilter, converter: Converter
) -> Iterator[bytes]:
    for piece in content:
        yield converter.feed(lines.take(piece))
    yield converter.feed(lines.finish())
    yield converter.finish()


async def _write_async(
    content: AsyncIterable[bytes], lines: LineEndingsFilter, converter: Converter
) -> AsyncIterator[bytes]:
    async for piece in content:
        yield converter.feed(lines.take(piece))
    yield converter.feed(lines.finish())
    yield converter.finish()
