"""Transfer encodings, undone: the octets that a body stands for (RFC 2045 6, uuencode)."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp, a2b_uu

from postseal.mail.reading.defects import DefectKind

__all__ = ["IDENTITIES", "body_defect", "decode_body", "decode_uuencoded"]

IDENTITIES = frozenset(("", "7bit", "8bit", "binary"))
"""The encodings that change nothing (RFC 2045 6.2)."""

# What senders call uuencode, which no RFC names.
_UUENCODED = frozenset(("x-uuencode", "x-uue", "uuencode", "uue"))
# RFC 2045 6.7 (3): white space at the end of a line was added on the way.
_TRAILING_SPACE = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")
_SPACES_AT_END = (b" \r\n", b"\t\r\n", b" \n", b"\t\n")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\r\n\t ]")
_BASE64_DIGIT = re.compile(rb"[A-Za-z0-9+/]")
_NO_DIGITS = bytes(octet for octet in range(256) if not _BASE64_DIGIT.match(bytes((octet,))))
_PADDING = re.compile(rb"=[=\s]*+")
_NOT_QUOTED_PRINTABLE = re.compile(rb"=(?![0-9A-F]{2}|[ \t]*+\r?\n|[ \t]*+\Z)")
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\n]*+\n", re.MULTILINE)


def decode_body(octets: bytes, start: int, end: int, encoding: str) -> bytes:
    """Undo the encoding of the octets from `start` to `end`; never larger than these.

    What cannot be right is skipped, as RFC 2045 6.7 and 6.8 ask; `body_defect` tells of it. An
    unknown encoding leaves all as it is.
    """
    if encoding == "base64":
        return _from_base64(octets, start, end)
    if encoding == "quoted-printable":
        view = memoryview(octets)[start:end]
        if octets.endswith((b" ", b"\t"), start, end) or any(
            octets.find(spaces, start, end) >= 0 for spaces in _SPACES_AT_END
        ):
            return a2b_qp(_TRAILING_SPACE.sub(b"", view))
        return a2b_qp(view)
    body = octets[start:end]
    if encoding in _UUENCODED:
        begin = _UU_BEGIN.search(body)
        return decode_uuencoded(body[begin.end() if begin else 0 :])[0]
    return body


def body_defect(
    octets: bytes, start: int, end: int, encoding: str
) -> tuple[DefectKind, int] | None:
    """Say the first thing that is wrong with encoded octets, and where."""
    if encoding in IDENTITIES:
        return None
    if encoding == "base64":
        padding = _PADDING.search(octets, start, end)
        data_end = padding.start() if padding else end
        found = _NOT_BASE64.search(octets, start, data_end)
        if padding and not found:
            found = _BASE64_DIGIT.search(octets, padding.end(), end)
        if found:
            return DefectKind.INVALID_BASE64, found.start()
        digits = data_end - start - sum(octets.count(each, start, data_end) for each in b"\r\n\t ")
        pads = octets.count(b"=", data_end, end)
        return (DefectKind.INVALID_BASE64, data_end) if (digits + pads) % 4 else None
    if encoding == "quoted-printable":
        found = _NOT_QUOTED_PRINTABLE.search(octets, start, end)
        return (DefectKind.INVALID_QUOTED_PRINTABLE, found.start()) if found else None
    if encoding in _UUENCODED:
        found = _UU_BEGIN.search(octets, start, end)
        if found and decode_uuencoded(octets[found.end() : end])[1]:
            return None
        return DefectKind.INVALID_UUENCODE, start
    return DefectKind.UNKNOWN_ENCODING, start


def decode_uuencoded(lines: bytes) -> tuple[bytes, bool]:
    """Decode what stands behind a `begin` line; say whether all was well up to `end`.

    Zeros at the end of a line are spaces, which may be gone, and are put back; but all together is
    never larger than `lines`.
    """
    pieces: list[bytes] = []
    left = len(lines)
    is_regular = True
    for line in filter(None, lines.splitlines()):
        if line.rstrip() == b"end":
            return b"".join(pieces), is_regular
        try:
            piece = a2b_uu(line)
        except Error:
            is_regular = False
            # Some encoders say one group too many or pad in their own ways.
            characters = ((line[0] - 0x20) & 63) * 4 // 3 + 2
            try:
                piece = a2b_uu(line[:characters])
            except Error:
                continue
        left -= len(piece)
        if left < 0:
            break
        pieces.append(piece)
    return b"".join(pieces), False


def _from_base64(octets: bytes, start: int, end: int) -> bytes:
    view = memoryview(octets)[start:end]
    try:
        return a2b_base64(view)
    except Error:
        # The end is missing: the last octets that are whole can still be had.
        digits = bytes(view).partition(b"=")[0].translate(None, _NO_DIGITS)
        digits = digits[: len(digits) - (len(digits) % 4 == 1)]
        return a2b_base64(digits + b"=" * (-len(digits) % 4))
