from __future__ import annotations

import base64
import quopri
import re
from email import message_from_bytes, policy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postseal.errors import InvalidHeader
from postseal.mail import Header

ANY_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=400)
# Long runs of few kinds of characters find the edges of lines.
BLOCKS = st.lists(
    st.sampled_from([" ", "a", "word ", " ü", "日本", "📬", "=?", "?=", " " * 70, "x" * 80, "_"]),
    max_size=60,
).map("".join)
ENCODED_WORD = re.compile(rb"=\?utf-8\?([qb])\?([^?\s]*)\?=")


def read(line: bytes) -> str:
    """Decode a field as the standard library does."""
    message = message_from_bytes(line + b"\r\n", policy=policy.default)
    assert message.keys() == ["Subject"]
    assert not message.defects
    return str(message["Subject"])


@given(ANY_TEXT | BLOCKS)
@example("")
@example(" ")
@example(" " * 3000)
@example(" lead")
@example("trail ")
@example("a" + " " * 100 + "b")
@example("x" * 3000)
@example("=?utf-8?q?fake?=")
@example("é" * 2000)
def test_every_value_is_read_back(value: str) -> None:
    line = bytes(Header("Subject", value))
    assert line.isascii()
    assert read(line) == value


@given(st.text("aß =?_日📬", max_size=40) | BLOCKS)
@example("Your invoice für März")
@example("日本 in one line, and words behind it")
def test_what_needs_no_folding_is_written_as_folding_would_write_it(value: str) -> None:
    header = Header("Subject", value)
    short = header._in_one_line()
    assert short is None or short == header._folded()


def test_a_short_value_takes_the_short_way() -> None:
    header = Header("Subject", "Your Rückerstattung has come")
    written = "Subject: Your =?utf-8?q?R=C3=BCckerstattung?= has come\r\n"
    assert header._in_one_line() == written
    assert bytes(header) == written.encode("ascii")


@given(ANY_TEXT | BLOCKS)
def test_lines_and_encoded_words_keep_their_limits(value: str) -> None:
    line = bytes(Header("Subject", value))
    assert line.endswith(b"\r\n")
    lines = line[:-2].split(b"\r\n")
    assert b"\r" not in b"".join(lines)
    assert b"\n" not in b"".join(lines)
    for number, each in enumerate(lines):
        # RFC 5322 2.1.1, and 3.2.2: no line of a folded field is blank.
        assert len(each) <= 998
        assert number == 0 or (each[:1] == b" " and each.strip())
        words = list(ENCODED_WORD.finditer(each))
        # RFC 2047 2.
        assert not words or len(each) <= 76
        for word in words:
            assert len(word[0]) <= 75
            decoded = (
                base64.b64decode(word[2], validate=True)
                if word[1] == b"b"
                else quopri.decodestring(word[2], header=True)
            )
            # RFC 2047 5: no character is split between two words.
            assert decoded.decode("utf-8")


def test_folds_at_78_only_at_spaces() -> None:
    value = " ".join(f"word{n:03}" for n in range(40))
    line = bytes(Header("X-Words", value))
    assert line.replace(b"\r\n", b"") == f"X-Words: {value}".encode()
    assert {len(each) for each in line.split(b"\r\n")[:-2]} <= set(range(70, 79))


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain", "plain"),
        ("", ""),
        (
            "[list] Noël et Zoë-and-the-others soon",
            "[list] =?utf-8?q?No=C3=ABl_et_Zo=C3=AB-and-the-others?= soon",
        ),
        ("日本", "=?utf-8?b?5pel5pys?="),
        ("see =?q?abcdefghijkl now", "see =?utf-8?q?=3D=3Fq=3Fabcdefghijkl?= now"),
    ],
)
def test_encodes_from_the_first_to_the_last_word_that_needs_it(value: str, line: str) -> None:
    assert bytes(Header("Subject", value)) == f"Subject: {line}\r\n".encode("ascii")


@pytest.mark.parametrize("character", ["\r", "\n", "\0", "\t", "\x1b", "\x7f", "\x85", "\u2029"])
def test_a_value_holds_no_control(character: str) -> None:
    with pytest.raises(InvalidHeader, match=f"Subject holds .*U\\+{ord(character):04X} at posi"):
        Header("Subject", f"Hello{character}Bcc: eve@example.com")


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidHeader, match=r"U\+D800 at position 1"):
        Header("Subject", "\ud800")


@pytest.mark.parametrize(
    "name", ["", "A:", "A B", "A\r\nBcc", "A\n", "\0", "Ä", "A" * 77, "\t", "A\x7f"]
)
def test_a_name_is_printable_ascii_without_colon(name: str) -> None:
    with pytest.raises(InvalidHeader):
        Header(name, "value")


def test_a_value_that_no_server_takes_is_refused() -> None:
    with pytest.raises(InvalidHeader, match="5000000 characters"):
        Header("Subject", "x" * 5_000_000)
    with pytest.raises(InvalidHeader, match="takes more than"):
        bytes(Header("Subject", "日" * 60_000))


@given(st.text(min_size=1), st.text())
def test_no_header_leaves_its_line(name: str, value: str) -> None:
    try:
        line = bytes(Header(name, value))
    except InvalidHeader:
        return
    assert line.startswith(name.encode("ascii") + b": ")
    assert not re.search(rb"\n(?! )", line[:-1])
