"""Any text is refused as InvalidInput or becomes lines of ASCII, each at most 998 octets and none
a boundary, that decode to the same text.
"""

from __future__ import annotations

import re
from base64 import b64decode
from quopri import decodestring

from fuzz.chunks import text_of
from postseal.errors import InvalidInput
from postseal.mail.encodings import BOUNDARY_START, TransferEncoding, encode_text

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant."""
    text = text_of(data)
    try:
        encoding, body = encode_text(text)
    except InvalidInput as error:
        assert str(error).isprintable()
        return
    assert body.isascii()
    assert not body or body.endswith(b"\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", body)
    for line in body.split(b"\r\n"):
        assert len(line) <= 998
        assert not line.startswith((b"--" + BOUNDARY_START, b"From "))
    # Every line ending is CRLF, and the last line has one.
    lines = re.sub("\r\n|\r|\n", "\r\n", text)
    lines += "" if not lines or lines.endswith("\r\n") else "\r\n"
    assert _decode(encoding, body).decode() == lines


def _decode(encoding: TransferEncoding, body: bytes) -> bytes:
    match encoding:
        case TransferEncoding.SEVEN_BIT:
            return body
        case TransferEncoding.QUOTED_PRINTABLE:
            return decodestring(body)
        case TransferEncoding.BASE64:
            return b64decode(body)
