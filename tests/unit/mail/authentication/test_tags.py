from __future__ import annotations

import pytest

from postseal.mail.authentication import InvalidTagList
from postseal.mail.authentication.tags import base64_octets, read_number, read_tags


def test_white_space_and_folds_around_and_in_values() -> None:
    tags = read_tags(b" v = 1 ;\r\n\tb=AB\r\n C D;n=;a_1=x=y ; \r\n")
    assert tags == {"v": "1", "b": "AB C D", "n": "", "a_1": "x=y"}
    assert base64_octets({"b": "AQ\t ID"}, "b") == b"\x01\x02\x03"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("v=1; v=1", "comes twice"),
        ("v=1;; a=2", "no tag"),
        ("v", "no tag"),
        ("1v=2", "no tag"),
        ("=2", "no tag"),
        ("v=1\r\nx=2", "control character"),
        ("v=\x00", "control character"),
        (b"v=\xff", "UTF-8"),
        (";".join(f"a{number}=1" for number in range(65)), "more than 64"),
        ("v=" + "1" * 65_536, "more than 65536"),
    ],
)
def test_what_is_no_tag_list(text: str | bytes, words: str) -> None:
    with pytest.raises(InvalidTagList, match=words):
        read_tags(text)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1" * 13, "\u0661"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(InvalidTagList, match="no number"):
        read_number({"t": text}, "t", digits=12)


@pytest.mark.parametrize("text", ["A", "AB=C", "A*==", "AAA\u00e9"])
def test_what_is_no_base64(text: str) -> None:
    with pytest.raises(InvalidTagList, match="base64"):
        base64_octets({"b": text}, "b")
