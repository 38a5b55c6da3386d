"""Authentication-Results, with the examples of RFC 8601 Appendix B in our own words."""

from __future__ import annotations

import authres  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.mail.authentication import (
    AuthenticationResults,
    InvalidResults,
    MethodResult,
    Property,
    ResultWord,
)

FULL = AuthenticationResults(
    "mx.example.com",
    (
        MethodResult(
            "dkim",
            ResultWord.PASS,
            properties=(
                Property("header", "d", "example.com"),
                Property("header", "b", "Ab+/cd=="),
            ),
        ),
        MethodResult(
            "spf",
            ResultWord.FAIL,
            "not one of ours",
            (Property("smtp", "mailfrom", "ada@example.com"),),
        ),
        MethodResult("dmarc", ResultWord.NONE),
    ),
)


def test_what_is_written() -> None:
    assert bytes(FULL) == (
        b"Authentication-Results: mx.example.com;\r\n"
        b'\tdkim=pass header.d=example.com header.b="Ab+/cd==";\r\n'
        b'\tspf=fail reason="not one of ours" smtp.mailfrom=ada@example.com;\r\n'
        b"\tdmarc=none\r\n"
    )
    assert bytes(AuthenticationResults("mx.example.com")) == (
        b"Authentication-Results: mx.example.com; none\r\n"
    )


def test_what_is_written_is_read() -> None:
    assert AuthenticationResults.parse(FULL.payload()) == FULL
    nothing = AuthenticationResults("mx.example.com")
    assert AuthenticationResults.parse(nothing.payload()) == nothing


def test_authres_reads_the_same() -> None:
    read = authres.AuthenticationResultsHeader.parse(bytes(FULL).decode().replace("\r\n", "\n"))
    assert read.authserv_id == "mx.example.com"
    assert [(one.method, one.result) for one in read.results] == [
        ("dkim", "pass"),
        ("spf", "fail"),
        ("dmarc", "none"),
    ]
    assert [(one.name, one.value) for one in read.results[0].properties] == [
        ("d", "example.com"),
        ("b", "Ab+/cd=="),
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("example.org 1; none", AuthenticationResults("example.org")),
        ("example.org;", AuthenticationResults("example.org")),
        ("example.org", AuthenticationResults("example.org")),
        (
            ' (a (nested) comment) "example org" (v) 1 ; (x) SPF / 1 = (\\)) Pass ;',
            AuthenticationResults("example org", (MethodResult("spf", "pass"),)),
        ),
        (
            "b.example; dkim\r\n =\tpass (ok) header . d = (c) example.com header.b=A=;none=none",
            AuthenticationResults(
                "b.example",
                (
                    MethodResult(
                        "dkim",
                        "pass",
                        None,
                        (Property("header", "d", "example.com"), Property("header", "b", "A=")),
                    ),
                    MethodResult("none", "none"),
                ),
            ),
        ),
        (
            'x; auth=pass smtp.auth="a \\"b\\""@example.com reason=odd policy.x-y=/p?q',
            AuthenticationResults(
                "x",
                (
                    MethodResult(
                        "auth",
                        "pass",
                        "odd",
                        (
                            Property("smtp", "auth", 'a "b"@example.com'),
                            Property("policy", "x-y", "/p?q"),
                        ),
                    ),
                ),
            ),
        ),
    ],
)
def test_what_others_write(text: str, wanted: AuthenticationResults) -> None:
    assert AuthenticationResults.parse(text) == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "authserv-id is missing"),
        ("; spf=pass", "authserv-id is missing"),
        ("x 2; spf=pass", "version '2'"),
        ("x; spf/2=pass", "version '2' of spf"),
        ("x; spf", "'=' is missing"),
        ("x; spf=", "a result is missing"),
        ("x; =pass", "a method is missing"),
        ("x; spf=pass;; dkim=pass", "a method is missing"),
        ("x; spf=pass smtp", "'.' is missing"),
        ("x; spf=pass smtp.mailfrom", "'=' is missing"),
        ("x; spf=pass smtp.mailfrom=", "a value is missing"),
        ('x; spf=pass reason="a', "quoted string has no end"),
        ("x (; spf=pass", "comment has no end"),
        ("x " + "(" * 40, "nested too deeply"),
        ("x; spf=pass reason=a\x00b", "control character"),
        ("x\r\ny; none", "a version is missing|'' is"),
        ("x" + "; a=b" * 201, "more than 200"),
        ("x" * 70_000, "more than 65536"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidResults, match=words):
        AuthenticationResults.parse(text)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "\x00", "\ud800", "\u2028", "\x7f"])
def test_nothing_that_ends_a_line_can_be_written(value: str) -> None:
    with pytest.raises(InvalidResults):
        Property("smtp", "mailfrom", value)
    with pytest.raises(InvalidResults):
        MethodResult("spf", "pass", value)
    with pytest.raises(InvalidResults):
        AuthenticationResults(value)


@pytest.mark.parametrize("keyword", ["", "a b", "-a", "a-", "a;b", "\u00e4"])
def test_keywords_are_keywords(keyword: str) -> None:
    with pytest.raises(InvalidResults):
        MethodResult(keyword, "pass")
    with pytest.raises(InvalidResults):
        Property("smtp", keyword, "x")


values = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), max_size=30)
keywords = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)


@given(
    service=values.filter(bool),
    methods=st.lists(
        st.builds(
            MethodResult,
            keywords,
            keywords,
            st.none() | values,
            st.lists(
                st.builds(Property, keywords.filter("reason".__ne__), keywords, values), max_size=3
            ).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
)
def test_anything_that_can_be_written_is_read_back(
    service: str, methods: tuple[MethodResult, ...]
) -> None:
    results = AuthenticationResults(service, methods)
    assert AuthenticationResults.parse(results.payload()) == results
    assert bytes(results).count(b"\r\n") == 1 + bytes(results).count(b"\r\n\t")
