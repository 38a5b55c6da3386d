"""What every header field on the wire must be, whoever wrote it (RFC 5322 2.1.1, 2.2.3)."""

from __future__ import annotations

__all__ = ["check_field"]

_MAX_LINE = 998


def check_field(name: str, octets: bytes) -> None:
    """Raise `AssertionError` unless `octets` are the one field `name`, folded, with its CRLF."""
    assert octets.startswith(name.encode("ascii") + b":")
    assert octets.endswith(b"\r\n")
    lines = octets.removesuffix(b"\r\n").split(b"\r\n")
    for number, line in enumerate(lines):
        assert not {0x00, 0x0A, 0x0D} & set(line), "a CR, LF or NUL within a line"
        assert len(line) <= _MAX_LINE, "a line that servers cut"
        # A line that is blank would end the header section for some readers.
        assert number == 0 or (line[:1] in (b" ", b"\t") and line.strip()), "not a folded line"
