from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import InvalidInput
from postseal.mail.encodings import (
    BOUNDARY_START,
    TransferEncoding,
    base64_chunks,
    base64_size,
    encode_text,
)

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
BLOCKS = st.lists(
    st.sampled_from(
        ["\n", "\r", "\r\n", "From ", "--=_", ".", " ", "\t", "x" * 37, "é", "日本語", "\0", "="]
    ),
    max_size=80,
).map("".join)


def canonical(text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    if lines and not lines.endswith("\n"):
        lines += "\n"
    return lines.replace("\n", "\r\n").encode()


def decode(encoding: TransferEncoding, body: bytes) -> bytes:
    match encoding:
        case TransferEncoding.SEVEN_BIT:
            return body
        case TransferEncoding.QUOTED_PRINTABLE:
            return quopri.decodestring(body)
        case TransferEncoding.BASE64:
            return base64.b64decode(body)


@given(ANY_TEXT | BLOCKS)
def test_text_is_read_back_from_safe_lines(text: str) -> None:
    encoding, body = encode_text(text)
    assert decode(encoding, body) == canonical(text)
    limit = 998 if encoding is TransferEncoding.SEVEN_BIT else 76
    assert not body or body.endswith(b"\r\n")
    for line in body.split(b"\r\n"):
        assert len(line) <= limit
        assert not set(line) & {*range(0x09), *range(0x0A, 0x20), *range(0x7F, 0x100)}
        assert not line.startswith(b"From ")
        assert not line.startswith(b"--" + BOUNDARY_START)
        if encoding is TransferEncoding.QUOTED_PRINTABLE:
            # RFC 2045 6.7 (3)
            assert not line.endswith((b" ", b"\t"))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("", TransferEncoding.SEVEN_BIT),
        ("Hello\n\tBob", TransferEncoding.SEVEN_BIT),
        ("x" * 998, TransferEncoding.SEVEN_BIT),
        ("-- \nsignature", TransferEncoding.SEVEN_BIT),
        ("x" * 999, TransferEncoding.QUOTED_PRINTABLE),
        (("x" * 999 + "\n") + "y\n" * 999, TransferEncoding.QUOTED_PRINTABLE),
        ("Zoë is here", TransferEncoding.QUOTED_PRINTABLE),
        ("bell \a", TransferEncoding.QUOTED_PRINTABLE),
        ("From here", TransferEncoding.QUOTED_PRINTABLE),
        ("one\r\nFrom here", TransferEncoding.QUOTED_PRINTABLE),
        ("one\n--=_mixed", TransferEncoding.QUOTED_PRINTABLE),
        ("日本語", TransferEncoding.BASE64),
        ("\0" * 10, TransferEncoding.BASE64),
    ],
)
def test_chooses_by_content(text: str, encoding: TransferEncoding) -> None:
    assert encode_text(text)[0] is encoding


@pytest.mark.parametrize("width", range(70, 80))
@pytest.mark.parametrize("blank", [" ", "\t"])
def test_a_blank_at_the_end_makes_no_line_too_long(width: int, blank: str) -> None:
    text = f"ü\n{'x' * width}{blank}\nend"
    encoding, body = encode_text(text)
    assert encoding is TransferEncoding.QUOTED_PRINTABLE
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert quopri.decodestring(body) == canonical(text)


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"U\+DC80 at position 3"):
        encode_text("ab\udc80")


@given(st.lists(st.binary(max_size=200)))
def test_base64_comes_in_full_lines_however_it_is_fed(pieces: list[bytes]) -> None:
    octets = b"".join(pieces)
    encoded = b"".join(base64_chunks(pieces))
    assert encoded == base64.encodebytes(octets).replace(b"\n", b"\r\n")
    assert len(encoded) == base64_size(len(octets))
