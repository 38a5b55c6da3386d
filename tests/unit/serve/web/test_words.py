from __future__ import annotations

import email.header

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from postseal.serve.web.words import decode_charset, decode_words, one_line


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?caf=C3=A9?=", "café"),
        ("=?UTF-8?B?Y2Fmw6k=?=", "café"),
        ("=?iso-8859-1?q?caf=E9_bar?= and more", "café bar and more"),
        # RFC 2047 6.2: the space between encoded words is not shown, other space is.
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?=\r\n =?iso-8859-1?q?b?=", "ab"),
        ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        # A character in two words: against RFC 2047 5, and often seen.
        ("=?utf-8?b?8J+n?= =?utf-8?b?vg==?=", "🧾"),
        # RFC 2231 5: a language.
        ("=?utf-8*de?q?gr=C3=BC=C3=9Fe?=", "grüße"),
        # What is no encoded word stays as it stands.
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?q?a b?=", "=?utf-8?q?a b?="),
        ("=??q?a?=", "=??q?a?="),
        ("=?no-such-charset?q?a=FF?=", "a\ufffd"),
        ("=?utf-8?b?!!!?=", ""),
        # Octets, as the standard library's parser keeps them.
        ("caf\udcc3\udca9", "café"),
        ("caf\udce9", "caf\ufffd"),
        ("\ud800x", "?x"),
    ],
)
def test_encoded_words(value: str, text: str) -> None:
    assert decode_words(value) == text


# The standard library folds and strips at whatever str.splitlines and str.strip know.
WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1)


@given(st.lists(WORDS, min_size=1).map(" ".join), st.sampled_from(["utf-8", "iso-2022-jp", "big5"]))
def test_what_the_standard_library_encodes_is_decoded(text: str, charset: str) -> None:
    assume("=?" not in text)
    try:
        encoded = email.header.Header(text, charset).encode()
    except UnicodeError:
        reject()
    expected = str(email.header.make_header(email.header.decode_header(encoded)))
    assert decode_words(encoded.replace("\n", "\r\n")) == expected


@given(st.text() | st.binary().map(lambda octets: octets.decode("ascii", "surrogateescape")))
def test_nothing_raises_and_the_result_can_be_shown(value: str) -> None:
    shown = one_line(decode_words(value), limit=50)
    assert len(shown) <= 50
    assert shown.encode().decode() == shown
    assert len(shown.splitlines()) <= 1


@given(st.binary(max_size=200), st.text(max_size=20))
def test_no_charset_raises(octets: bytes, charset: str) -> None:
    assert isinstance(decode_charset(octets, charset), str)


@pytest.mark.parametrize(
    "charset", ["rot13", "zlib", "idna", "punycode", "unicode_escape", "undefined", "a\0b", "é", ""]
)
def test_codecs_that_are_no_charsets_are_not_used(charset: str) -> None:
    assert decode_charset(b"caf\xc3\xa9 \\x41", charset) == "café \\x41"


def test_what_turns_or_breaks_a_line_is_taken_out() -> None:
    assert one_line("invoice\u202efdp.exe\r\nX: y\x00\x85\u2028") == "invoice fdp.exe  X: y   "
    assert one_line("x" * 1001) == "x" * 999 + "…"
