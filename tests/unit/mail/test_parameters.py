from __future__ import annotations

from email import message_from_bytes, policy
from email.utils import collapse_rfc2231_value

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import InvalidHeader
from postseal.mail.parameters import ContentType, parameterized_field

ANY_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=255)


@pytest.mark.parametrize(
    ("filename", "line"),
    [
        ("a.pdf", "attachment; filename=a.pdf"),
        ("a b.pdf", 'attachment; filename="a b.pdf"'),
        ('a"b.pdf', "attachment; filename*=utf-8''a%22b.pdf"),
        ("a\\b.pdf", "attachment; filename*=utf-8''a%5Cb.pdf"),
        ("", 'attachment; filename=""'),
        ("é.pdf", "attachment; filename*=utf-8''%C3%A9.pdf"),
        ("=?x?=.pdf", "attachment; filename*=utf-8''%3D%3Fx%3F%3D.pdf"),
        ("50%", 'attachment; filename="50%"'),
    ],
)
def test_writes_a_parameter(filename: str, line: str) -> None:
    written = parameterized_field("Content-Disposition", "attachment", [("filename", filename)])
    assert written == f"Content-Disposition: {line}\r\n".encode("ascii")


def test_a_long_value_is_continued_between_characters() -> None:
    written = parameterized_field("Content-Disposition", "attachment", [("filename", "日" * 20)])
    assert written == (
        b"Content-Disposition: attachment;\r\n"
        b" filename*0*=utf-8''" + b"%E6%97%A5" * 6 + b";\r\n"
        b" filename*1*=" + b"%E6%97%A5" * 7 + b";\r\n"
        b" filename*2*=" + b"%E6%97%A5" * 7 + b"\r\n"
    )


@given(ANY_TEXT, ANY_TEXT)
def test_parameters_are_read_back(filename: str, other: str) -> None:
    written = parameterized_field(
        "Content-Disposition", "attachment", [("filename", filename), ("other", other)]
    )
    assert all(len(line) <= 78 for line in written.split(b"\r\n"))
    # What fits in one line is in one.
    unfolded = written.replace(b"\r\n ", b" ")
    assert (len(unfolded) <= 80) == (unfolded == written)
    message = message_from_bytes(written + b"\r\n", policy=policy.compat32)
    for name, value in (("filename", filename), ("other", other)):
        found = message.get_param(name, header="content-disposition")
        assert found is not None
        assert collapse_rfc2231_value(found) == value


def test_a_parameter_holds_no_control() -> None:
    with pytest.raises(InvalidHeader, match="filename of Content-Disposition holds"):
        parameterized_field("Content-Disposition", "attachment", [("filename", "a\r\nb")])


@pytest.mark.parametrize(
    ("text", "media_type", "parameters"),
    [
        ("text/plain", "text/plain", ()),
        (" Text/HTML ;charset=UTF-8", "text/html", (("charset", "UTF-8"),)),
        ('a/b; x="1; \\"2\\""; Y=z ', "a/b", (("x", '1; "2"'), ("y", "z"))),
        ("application/vnd.ms-excel", "application/vnd.ms-excel", ()),
        ('a/b; x=""', "a/b", (("x", ""),)),
    ],
)
def test_reads_a_content_type(
    text: str, media_type: str, parameters: tuple[tuple[str, str], ...]
) -> None:
    assert ContentType.parse(text) == ContentType(media_type, parameters)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "text/",
        "/plain",
        "te xt/plain",
        "tëxt/plain",
        "text/plain;",
        "text/plain; x",
        "text/plain; x=",
        "text/plain x=1",
        'text/plain; x="1',
        "text/plain; x=y z",
        "text/plain\r\nBcc: x",
    ],
)
def test_refuses_what_is_no_content_type(text: str) -> None:
    with pytest.raises(InvalidHeader):
        ContentType.parse(text)
