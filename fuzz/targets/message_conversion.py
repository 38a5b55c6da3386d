"""Any octets, however they are cut, are refused as a message that cannot be converted, or come out
as 7-bit data of the size that was foretold, in which nothing is left to convert.
"""

from __future__ import annotations

from fuzz.chunks import cuts
from postseal.mail.conversion import Conversion, ConversionScan, Converter, NotConvertible

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses the cut."""
    choice, message = data[0] if data else 0, data[1:]
    outcomes = {_converted(pieces) for pieces in cuts(choice, message)}
    assert len(outcomes) == 1, "the cut makes a difference"
    (written,) = outcomes
    if written is not None:
        assert written.isascii()
        assert max(map(len, written.split(b"\r\n"))) <= 998
        assert _converted([written]) == written


def _converted(pieces: list[bytes]) -> bytes | None:
    scan = ConversionScan(Conversion.DANGEROUS_EVEN_SIGNED)
    try:
        for piece in pieces:
            scan.feed(piece)
        plan = scan.finish()
    except NotConvertible as error:
        assert str(error).isprintable()
        return None
    converter = Converter(plan)
    written = b"".join([*map(converter.feed, pieces), converter.finish()])
    assert len(written) == plan.size
    return written
