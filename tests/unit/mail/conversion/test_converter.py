"""Messages in 7 bits: the hard cases by hand, each with what must come out."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator

import pytest

from postseal.mail.conversion import Conversion, ConversionScan, Converter, NotConvertible
from tests.parts.conversions import check_same_message, convert, wire

TEXT = wire("""\
From: ada@example.com
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Es grüßt herzlich aus dem Rechenzentrum
Ada
""")


def converted(text: str, conversion: Conversion = Conversion.UNLESS_SIGNED) -> str:
    message = wire(text)
    written, _ = convert(message, conversion)
    check_same_message(message, written)
    by_octet, _ = convert((message[n : n + 1] for n in range(len(message))), conversion)
    assert by_octet == written
    return written.decode("ascii").replace("\r\n", "\n")


def refusal(text: str | bytes, conversion: Conversion = Conversion.UNLESS_SIGNED) -> NotConvertible:
    with pytest.raises(NotConvertible) as caught:
        convert(text if isinstance(text, bytes) else wire(text), conversion)
    assert caught.value.hint or conversion is Conversion.FORBIDDEN
    return caught.value


def write(converter: Converter, message: bytes) -> bytes:
    return converter.feed(message) + converter.finish()


def test_text_becomes_quoted_printable() -> None:
    written, plan = convert(TEXT)
    assert written == wire("""\
From: ada@example.com
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Es gr=C3=BC=C3=9Ft herzlich aus dem Rechenzentrum
Ada
""")
    assert plan.is_needed


def test_text_of_another_script_becomes_base64() -> None:
    written = converted("Content-Type: text/plain; charset=utf-8\n\n" + "съешь ещё\n" * 20)
    assert "\nContent-Transfer-Encoding: base64\n" in written
    assert max(map(len, written.splitlines())) == 76
    # One empty line, and a last line that ends as lines do.
    assert written.count("\n\n") == 1
    assert written.endswith("\n")


def test_what_is_7_bit_is_not_touched() -> None:
    # An 8bit label on 7-bit data says too much, and harms nobody; a signature is worth more.
    message = wire("DKIM-Signature: v=1\nContent-Transfer-Encoding: 8bit\n\nASCII\n")
    written, plan = convert(message)
    assert written == message
    assert not plan.is_needed
    assert plan.size == len(message)
    for nothing in (b"", b"\r\n", b"Subject: x", b"Subject: x\r\n"):
        assert convert(nothing)[0] == nothing


def test_a_text_that_says_nothing_about_itself() -> None:
    # RFC 1428 3 for the charset; the fields make it the MIME message that it was not (RFC 2045 4).
    assert converted("Subject: hi\n\nHello, this is a longer line to Jürgen\n") == (
        "Subject: hi\n"
        "MIME-Version: 1.0\n"
        "Content-Transfer-Encoding: quoted-printable\n"
        "Content-Type: text/plain;\n charset=unknown-8bit\n"
        "\n"
        "Hello, this is a longer line to J=C3=BCrgen\n"
    )
    written = converted("Content-Type: text/plain;\n format=flowed\n\nAn die Nachwelt: grüße\n")
    assert "\nContent-Type: text/plain;\n format=flowed;\n charset=unknown-8bit\n" in written
    # What HTML does not say outside it may say inside.
    assert "unknown-8bit" not in converted("Content-Type: text/html\n\n<p>Zwei Grüße an Bob</p>\n")


@pytest.mark.parametrize(
    "encoding", ["8BIT", " 8bit (as it was)", "\n 8bit", '"8bit"', "binary", "7bit", "8bit;"]
)
def test_odd_ways_to_name_the_encoding(encoding: str) -> None:
    written = converted(
        f"Content-TRANSFER-Encoding:{encoding}\nContent-Type: text/plain; charset=latin1\n\n"
        "A longer line of plain text, and one ü\n"
    )
    assert written.lower().count("content-transfer-encoding") == 1
    assert "\nContent-Transfer-Encoding: quoted-printable\n" in written


MULTIPART = """\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"
Content-Transfer-Encoding: 8bit

What nobody reads
--b
Content-Type: multipart/alternative; boundary=inner
Content-Transfer-Encoding: binary

--inner
Content-Type: text/plain; charset=utf-8

--bookmark: a line that begins like a boundary, für dich
--b2
--inner  not alone on its line
From here on
--inner \t
Content-Type: text/html; charset=us-ascii

<p>plain</p>
--inner--
--b
Content-Type: application/octet-stream
Content-Transfer-Encoding: 8bit

äöü

--b
Content-Disposition: attachment
--b--
What nobody reads either
"""


def test_multiparts_are_walked_and_stay_as_they_are() -> None:
    written = converted(MULTIPART)
    assert written.split("\n", 3)[2] == "Content-Transfer-Encoding: 7bit"
    # The line end before a delimiter is not the part's; the empty line before it is one.
    assert "\nw6TDtsO8DQo=\n--b\n" in written
    assert "<p>plain</p>\n--inner--\n--b\n" in written
    assert "f=C3=BCr dich" in written
    assert written.count("quoted-printable") == 1
    assert "Content-Disposition: attachment\n--b--\nWhat nobody reads either\n" in written


def test_messages_inside_are_messages_themselves() -> None:
    written = converted("""\
MIME-Version: 1.0
Content-Type: multipart/digest; boundary=d

--d

Subject: first

Ein Gruß von ganz weit draußen, and some more
--d
Content-Type: message/rfc822
Content-Transfer-Encoding: 8bit

MIME-Version: 1.0
Content-Type: message/rfc822
Content-Transfer-Encoding: 8bit

DKIM-Signature: of a message that nobody will check
Content-Type: text/plain; charset=utf-8

Ein Gruß von ganz weit draußen, and some more
--d--
""")
    # RFC 2045 6.4: what holds other entities has no encoding of its own.
    assert written.count("Content-Transfer-Encoding: 7bit\n") == 2
    assert written.count("Content-Transfer-Encoding: quoted-printable\n") == 2
    assert written.count("MIME-Version: 1.0\n") == 4
    assert "message that nobody will check\nContent-Type" in written


def test_octets_that_are_no_lines_become_base64() -> None:
    message = (
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\na\rb\nc\0d\r\r\n"
    )
    written, _ = convert(message)
    assert written.endswith(b"base64\r\n\r\nYQ1iCmMAZA0NCg==\r\n")
    check_same_message(message, written)


def test_long_lines_are_cut_where_that_changes_nothing() -> None:
    written = converted(f"Content-Type: text/html\n\n{'x + 1 ' * 4000}\n")
    assert "quoted-printable" in written
    assert max(map(len, written.splitlines())) == 76
    digits = "QUJD" * 500
    written = converted(f"Content-Transfer-Encoding: base64\n\n{digits}\n")
    # It was base64 already, and says so already.
    assert written.startswith("Content-Transfer-Encoding: base64\nMIME-Version: 1.0\n\nQUJD")
    assert max(map(len, written.splitlines())) == 76
    # In binary content its lines may end in any way; they end in CRLF afterwards.
    message = b"Content-Transfer-Encoding: base64\r\nMIME-Version: 1.0\r\n\r\nQUJD\nQUJD\r\n"
    assert convert(message)[0] == message.replace(b"D\nQ", b"DQ")
    error = refusal(f"Content-Transfer-Encoding: base64\n\n{digits}*\n")
    assert "is base64 by its header, and it has a line of more than 998" in error.text
    assert convert(wire(f"\n{'x' * 998}\n"))[1].is_needed is False
    assert convert(wire(f"\n{'x' * 999}\n"))[1].is_needed is True


def test_a_text_without_an_end_gets_none() -> None:
    for length in (60, 72, 73, 74, 75, 76, 5000):
        message = TEXT + b"x" * length + b" "
        written, _ = convert(message)
        check_same_message(message, written)
        assert written.endswith(b"=\r\n")
        assert max(map(len, written.split(b"\r\n"))) <= 76


def test_uuencoded_text_is_text() -> None:
    written = converted("\nHier ist die Datei:\nbegin 644 a\n#86)C\n`\nend\n")
    assert "begin 644 a\n" in written


@pytest.mark.parametrize("kind", ["signed", "encrypted"])
def test_what_is_signed_in_its_structure_is_never_touched(kind: str) -> None:
    inner = "--s\n\nGrüße\n--s--\n"
    header = f"Content-Type: multipart/{kind}; boundary=s\n\n"
    for policy in Conversion:
        error = refusal(header + inner, policy)
        assert f"the message is multipart/{kind}, which no relay may change" in error.text
        assert "8-bit" in error.text
        assert error.enhanced_code == "5.6.3"
    around = f"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nÄ\n--b\n{header}"
    written = converted(around + inner.replace("üß", "ue") + "--b--\n")
    assert inner.replace("üß", "ue") in written


@pytest.mark.parametrize(
    "field", ["DKIM-Signature", "arc-message-signature", "DomainKey-Signature"]
)
def test_the_signature_of_a_domain_is_broken_only_when_asked(field: str) -> None:
    text = f"{field}: a=rsa-sha256\n\nGrüße an alle, die das hier lesen\n"
    error = refusal(text)
    assert f"would break its {field.lower()}" in error.text
    assert error.enhanced_code == "5.6.2"
    assert error.hint is not None
    assert "RFC 6376 5.3" in error.hint
    assert "quoted-printable" in converted(text, Conversion.DANGEROUS_EVEN_SIGNED)


def test_nothing_is_converted_where_that_is_forbidden() -> None:
    assert refusal("\nä\n", Conversion.FORBIDDEN).enhanced_code == "5.6.2"
    assert not convert(b"\r\na\r\n", Conversion.FORBIDDEN)[1].is_needed


PART = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst\n--b\n"


@pytest.mark.parametrize(
    ("text", "words", "code"),
    [
        ("Subject: Grüße\n\nx\n", "the message has 8-bit octets in its header", "5.6.9"),
        (PART + "X: ä\n\nx\n--b--\n", "part 2 has 8-bit octets in its header", "5.6.9"),
        (PART + "X: \0\n\nx\n--b--\n", "part 2 has a NUL", "5.6.3"),
        (f"X: {'x' * 1000}\n\nä\n", "has an overlong line in its header section", "5.6.3"),
        (
            "Content-Type: message/partial; id=a; number=1\n\nä\n",
            "is 'message/partial', which must not be encoded (RFC 2046 5.2)",
            "5.6.3",
        ),
        (
            PART + "Content-Type: message/external-body; access-type=x\n\nä\n--b--\n",
            "part 2 is 'message/external-body'",
            "5.6.3",
        ),
        ("Content-Type: message/delivery-status\n\nä\n", "must not be encoded", "5.6.3"),
        (
            "Content-Transfer-Encoding: x-uuencode\n\nä\n",
            "is encoded by its header as 'x-uuencode', and it has 8-bit",
            "5.6.3",
        ),
        ("Content-Transfer-Encoding: quoted-printable\n\nä\n", "'quoted-printable'", "5.6.3"),
        ("Content-Transfer-Encoding: base64\n\nä\n", "is base64 by its header", "5.6.3"),
        (
            "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\nä\n",
            "is encoded by its header as 'base64'",
            "5.6.3",
        ),
        ("Content-Type: multipart/mixed\n\nä\n", "multipart without a valid boundary", "5.6.3"),
        (
            f"Content-Type: multipart/mixed; boundary={'b' * 71}\n\nä\n",
            "multipart without a valid boundary",
            "5.6.3",
        ),
        (
            "Content-Type: text/plain\nContent-Type: text/html\n\nä\n",
            "has more than one content-type field",
            "5.6.3",
        ),
        (
            f"Content-Type: text/plain; a={'x' * 5000}\n\nä\n".replace("xxx", "\n x"),
            "has an overlong content-type field",
            "5.6.3",
        ),
        (
            "Content-Type: multipart/mixed; boundary=b\n\nä\n--b--\n",
            "the message has 8-bit octets between or around its parts",
            "5.6.3",
        ),
        (PART + "\nx\n--b--\nä\n", "between or around its parts", "5.6.3"),
        (
            PART + "Content-Type: multipart/mixed; boundary=b\n\nä\n--b--\n",
            "part 2 has the boundary of a multipart around it",
            "5.6.3",
        ),
        ("no field\n\nä\n", "has a line in its header section that is no field", "5.6.3"),
        ("Subject: x\n ä", "ends within its header section", "5.6.3"),
        ("X: y\n" * 60_000 + "\nä\n", "has a header section of more than 262144", "5.6.3"),
        ("X: y\n" + "x" * 300_000, "has an overlong line in its header section", "5.6.3"),
        (
            "Content-Type: message/rfc822\n\n" * 40 + "\nä\n",
            "is nested more than 32 levels deep",
            "5.6.3",
        ),
        (
            "Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 1000 + "--b\n\nä\n",
            "lies behind the first 1000 parts, and it has 8-bit octets",
            "5.6.3",
        ),
    ],
)
def test_what_cannot_be_converted_is_refused(text: str, words: str, code: str) -> None:
    message = wire(text)
    error = refusal(message)
    assert words in error.text
    assert error.enhanced_code == code
    assert str(error).isprintable()
    in_pieces = [message[n : n + 7] for n in range(0, len(message), 7)]
    with pytest.raises(NotConvertible, match=re.escape(words)):
        convert(in_pieces)


def test_the_same_without_8_bits_passes_untouched() -> None:
    for text in (
        "no field\n\nx\n",
        "Content-Type: message/rfc822\n\n" * 40 + "\nx\n",
        "Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 1200 + "--b--\n",
        "X: y\n" * 60_000 + "\nx\n",
    ):
        message = wire(text)
        written, plan = convert(message)
        assert written == message
        assert not plan.is_needed


def test_RFC_6532_messages_are_leaves_that_may_be_encoded() -> None:
    # RFC 6532 3.7
    message = wire("Content-Type: message/global\n\nSubject: Grüße\n\nGrüße\n")
    written, _ = convert(message)
    assert b"Content-Transfer-Encoding: base64\r\n" in written
    assert written.isascii()


def test_content_that_changes_between_its_readings_is_not_sent() -> None:
    scan = ConversionScan()
    scan.feed(TEXT)
    plan = scan.finish()
    for other in (TEXT.replace(b"Ada", b"Ava\r\nAda"), TEXT[:-5], b"\r\n\xff\r\n"):
        with pytest.raises(NotConvertible, match="changed between its two readings"):
            write(Converter(plan), other)


def test_memory_does_not_grow_with_the_message() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
        yield from [TEXT * 400] * 100
        # One line, and octets that are no lines at all.
        yield b"\r\n--b\r\n\r\n"
        yield from [b"\xe4" * 65_536] * 50
        yield b"\r\n--b\r\nContent-Type: image/png\r\n\r\n"
        yield from [bytes(range(256)) * 256] * 50
        yield b"\r\n--b--\r\n"

    tracemalloc.start()
    try:
        scan = ConversionScan()
        for piece in pieces():
            scan.feed(piece)
        converter = Converter(scan.finish())
        size = sum(len(converter.feed(piece)) for piece in pieces()) + len(converter.finish())
        assert size > 12_000_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
