"""Encoded words, and the other ways in which a field says what ASCII cannot (RFC 2047, RFC 6532).

Reading is generous where senders are: words side by side without space, within other words, with
spaces, without padding, with a character cut in two, in quotes. What comes out never holds a
control character, so that it cannot break out of a line wherever it is shown or written.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp

from postseal.mail.reading.charsets import decode, decode_unlabelled

__all__ = ["decode_field", "decode_words", "has_stray_octets", "printable", "raw_text", "unfold"]

# The text holds no "=?", except where a "=" stands before the closing "?=": so the scans from two
# openings never overlap, and time is linear.
_WORD = re.compile(
    r"=\?([^?\s=]{1,64})\?([bBqQ])\?((?:[^?=]|=(?!\?(?!=))|\?(?!=))*+)\?=", re.DOTALL
)
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_FOLD = re.compile(r"\r?\n(?=[ \t])|\r?\n\Z")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SURROGATE = re.compile("[\udc80-\udcff]")


def raw_text(octets: bytes) -> str:
    """Give octets of a header as text from which each octet can be had back (PEP 383)."""
    return octets.decode("utf-8", "surrogateescape")


def has_stray_octets(text: str) -> bool:
    """Whether `raw_text` found octets that are not UTF-8."""
    return _SURROGATE.search(text) is not None


def unfold(text: str) -> str:
    """Remove the line ends of folding (RFC 5322 2.2.3)."""
    return _FOLD.sub("", text) if "\n" in text else text


def decode_field(octets: bytes) -> str:
    """Give the value of an unstructured field as a reader sees it, on one line."""
    return decode_words(unfold(raw_text(octets)).strip(" \t\r\n"))


def decode_words(text: str) -> str:
    """Decode the encoded words in unfolded text; all else stays.

    Tabs become spaces, and other controls U+FFFD. Octets that are not UTF-8 are taken for
    Windows-1252.
    """
    return printable(_decoded(text) if "=?" in text else text)


def printable(text: str) -> str:
    """Replace in decoded text what could break out of a line or be written nowhere."""
    if text.isprintable():
        return text
    if has_stray_octets(text):
        text = decode_unlabelled(text.encode("utf-8", "surrogateescape"))[0]
    return _CONTROL.sub("\ufffd", text.replace("\t", " "))


def _decoded(text: str) -> str:
    pieces: list[str] = []
    # Neighbouring words of one charset are decoded together: senders cut characters in two.
    pending: list[bytes] = []
    charset = ""
    end = 0
    for found in _WORD.finditer(text):
        between = text[end : found.start()]
        # RFC 2231 5: a language may follow the charset.
        label = found[1].partition("*")[0].lower()
        if pending and (label != charset or between.strip(" \t\r\n")):
            pieces.append(_settled(pending, charset))
            pending = []
        # RFC 2047 6.2: space between two encoded words is not shown.
        if not end or between.strip(" \t\r\n"):
            pieces.append(between)
        pending.append(_from_q(found[3]) if found[2] in "qQ" else _from_b(found[3]))
        charset = label
        end = found.end()
    if pending:
        pieces.append(_settled(pending, charset))
    pieces.append(text[end:])
    return "".join(pieces)


def _settled(pending: list[bytes], charset: str) -> str:
    octets = b"".join(pending)
    text, defect = decode(octets, charset)
    if defect and len(pending) > 1:
        # Charsets with states begin anew in each word, so each may be right alone.
        apart = [decode(each, charset) for each in pending]
        if not any(fault for _, fault in apart):
            return "".join(each for each, _ in apart)
    return text


def _from_q(text: str) -> bytes:
    octets = text.replace(" ", "_").encode("utf-8", "surrogateescape")
    return a2b_qp(octets, header=True)


def _from_b(text: str) -> bytes:
    # RFC 2045 6.8: padding ends the data.
    digits = _NOT_BASE64.sub("", text.partition("=")[0])
    # A single digit at the end says less than an octet.
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    try:
        return a2b_base64(digits + "=" * (-len(digits) % 4))
    except Error:
        return b""
