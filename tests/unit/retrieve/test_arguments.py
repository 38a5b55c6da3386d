from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import InvalidInput
from postseal.retrieve.arguments import check_argument, decode_folder, encode_folder, quote

PRINTABLE = st.text(min_size=1, max_size=50).filter(str.isprintable)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("INBOX", '"INBOX"'),
        # RFC 3501 5.1.3: English, Chinese and Japanese in one name.
        ("~peter/mail/台北/日本語", '"~peter/mail/&U,BTFw-/&ZeVnLIqe-"'),
        ("Entwürfe", '"Entw&APw-rfe"'),
        ("Tom & Jerry", '"Tom &- Jerry"'),
        ('a "b" \\ c', '"a \\"b\\" \\\\ c"'),
        # Beyond the plane of two octets: a surrogate pair in UTF-16.
        ("😀", '"&2D3eAA-"'),
        ("[Gmail]/Sent Mail", '"[Gmail]/Sent Mail"'),
    ],
)
def test_names_of_folders(name: str, written: str) -> None:
    assert encode_folder(name) == written


@given(PRINTABLE)
def test_a_folder_is_read_as_it_was_written(name: str) -> None:
    written = encode_folder(name)
    assert written.isascii()
    assert written.isprintable()
    unquoted = written[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    assert decode_folder(unquoted) == name


@pytest.mark.parametrize("text", ["&", "&-&", "&!-", "&AA-", "&2D0-", "plain"])
def test_a_broken_name_is_left_as_it_is(text: str) -> None:
    assert decode_folder(text) == text.replace("&-", "&")


@pytest.mark.parametrize("bad", ["", "a\r\nb", "a\tb", "a\x7fb", "\ud800", "x" * 1100])
def test_what_is_no_folder(bad: str) -> None:
    with pytest.raises(InvalidInput):
        encode_folder(bad)


@given(st.text(max_size=50))
def test_a_quoted_string_ends_where_it_is_meant_to(text: str) -> None:
    if not text.isascii() or any(one < " " or one == "\x7f" for one in text):
        with pytest.raises(InvalidInput):
            quote(text, "it")
        return
    written = quote(text, "it")
    assert "\r" not in written
    assert "\n" not in written
    # RFC 3501 9: a quote or backslash inside stands behind a backslash.
    inside = written[1:-1].replace("\\\\", "").replace('\\"', "")
    assert '"' not in inside
    assert "\\" not in inside


@pytest.mark.parametrize("bad", ["a\r", "\n", "\0", "\t", "\x7f", "\udcff", "é" * 513])
def test_what_is_no_argument(bad: str) -> None:
    with pytest.raises(InvalidInput):
        check_argument(bad, "it")
