from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import PolicyUnavailable, TLSResultType
from postseal.tls.mta_sts import (
    MAX_AGE,
    MAX_POLICY_SIZE,
    MTAStsMode,
    MTAStsPolicy,
    MTAStsRecord,
    policy_host,
    record_name,
)

GOOD = b"version: STSv1\r\nmode: enforce\r\nmx: mx.example.com\r\nmax_age: 86400\r\n"


# -- the record (RFC 8461 3.1) --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=STSv1; id=20160831085700Z;", "20160831085700Z"),
        ("v=STSv1;id=1", "1"),
        ("v=STSv1; id=1 ;", "1"),
        ("v=STSv1;\tid=1\t;\t", "1"),
        ("v=STSv1; id=" + "a" * 32, "a" * 32),
        # Fields that nobody knows, in any order.
        ("v=STSv1; x-new=(yes); id=1", "1"),
        ("v=STSv1; id=1; a.b_c-d=e:f", "1"),
        # RFC 8461 3.2: the first counts.
        ("v=STSv1; id=first; id=second", "first"),
    ],
)
def test_a_record_is_read(text: str, expected: str) -> None:
    assert MTAStsRecord.parse(text).id == expected
    assert MTAStsRecord.among([text]) == MTAStsRecord(expected)


@pytest.mark.parametrize(
    "text",
    [
        "v=STSv1;",
        "v=STSv1; id=;",
        "v=STSv1; id=" + "a" * 33,
        "v=STSv1; id=with-hyphen",
        "v=STSv1; id=ä",
        "v=STSv1; id=1; ;",
        "v=STSv1;; id=1",
        "v=STSv1; id=1;;",
        "v=STSv1; id",
        "v=STSv1; id=1; x=a b",
        "v=STSv1; id=1; x=a=b",
        "v=STSv1; id=1; x=",
        "v=STSv1; id=1; " + "x" * 33 + "=1",
        "v=STSv1; id=1; _x=1",
        "v=STSv1; ID=1",
        "v=STSv1; id = 1",
        "v=STSv1; id=1\n",
        "v=STSv1; id=1\x00",
    ],
)
def test_a_record_that_breaks_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(PolicyUnavailable) as caught:
        MTAStsRecord.among([text])
    assert caught.value.result_type is TLSResultType.STS_POLICY_INVALID
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["v=spf1 -all"],
        ["v=STSv2; id=1"],
        ["V=STSv1; id=1"],
        [" v=STSv1; id=1"],
        ["v=STSv1"],
        ["v=STSv1 ; id=1"],
        ["v=STSv10; id=1"],
    ],
)
def test_what_does_not_begin_like_a_record_is_none(texts: list[str]) -> None:
    assert MTAStsRecord.among(texts) is None


def test_other_texts_beside_the_record_do_not_matter() -> None:
    assert MTAStsRecord.among(["v=spf1", "v=STSv1; id=1", "v=STSv2;"]) == MTAStsRecord("1")


def test_several_records_are_no_record() -> None:
    with pytest.raises(PolicyUnavailable, match="2 MTA-STS records"):
        MTAStsRecord.among(["v=STSv1; id=1", "v=STSv1; id=1"])


# -- the policy (RFC 8461 3.2) --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "policy"),
    [
        (GOOD, MTAStsPolicy(MTAStsMode.ENFORCE, ("mx.example.com",), 86400)),
        (GOOD.replace(b"\r", b""), MTAStsPolicy(MTAStsMode.ENFORCE, ("mx.example.com",), 86400)),
        (GOOD[:-2], MTAStsPolicy(MTAStsMode.ENFORCE, ("mx.example.com",), 86400)),
        # The order is free, spaces behind the colon and the value too; names are of any case.
        (
            b"max_age:1\nmx:  *.EXAMPLE.com \t\nmode:\ttesting  \nversion:STSv1",
            MTAStsPolicy(MTAStsMode.TESTING, ("*.example.com",), 1),
        ),
        (
            b"version: STSv1\nmode: none\nmax_age: 0\n",
            MTAStsPolicy(MTAStsMode.NONE, (), 0),
        ),
        # Several mx count all, of everything else the first does.
        (
            GOOD.replace(b"enforce", b"testing")
            + GOOD.replace(b"STSv1", b"STSv9").replace(b"mx.example.com", b"b.example"),
            MTAStsPolicy(MTAStsMode.TESTING, ("mx.example.com", "b.example"), 86400),
        ),
        # What nobody knows is no fault.
        (
            GOOD + "x-new: gr\u00fc\u00df dich: \U0001f98e\nMX: not an mx\n".encode(),
            MTAStsPolicy(MTAStsMode.ENFORCE, ("mx.example.com",), 86400),
        ),
        # RFC 8461 3.2: maximum value of 31557600.
        (
            GOOD.replace(b"86400", b"31557601"),
            MTAStsPolicy(MTAStsMode.ENFORCE, ("mx.example.com",), MAX_AGE),
        ),
        (
            GOOD.replace(b"86400", b"9999999999"),
            MTAStsPolicy(MTAStsMode.ENFORCE, ("mx.example.com",), MAX_AGE),
        ),
        (
            GOOD.replace(b"mx.example.com", b"xn--mller-kva.example"),
            MTAStsPolicy(MTAStsMode.ENFORCE, ("xn--mller-kva.example",), 86400),
        ),
    ],
)
def test_a_policy_is_read(body: bytes, policy: MTAStsPolicy) -> None:
    assert MTAStsPolicy.parse(body) == policy
    assert MTAStsPolicy.parse(policy.write()) == policy


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"version: STSv1\r\n", b""),
        (b"mode: enforce\r\n", b""),
        (b"mx: mx.example.com\r\n", b""),
        (b"max_age: 86400\r\n", b""),
        (b"STSv1", b"STSv2"),
        (b"STSv1", b"stsv1"),
        (b"version", b"Version"),
        (b"enforce", b"Enforce"),
        (b"enforce", b"report"),
        (b"86400", b"-1"),
        (b"86400", b"+1"),
        (b"86400", b"1.5"),
        (b"86400", b"1 week"),
        (b"86400", b"12345678901"),
        (b"86400", "\u0661".encode()),
        (b"86400", b""),
        (b"mx.example.com", b"*"),
        (b"mx.example.com", b"*."),
        (b"mx.example.com", b"*.*.example.com"),
        (b"mx.example.com", b"mx*.example.com"),
        (b"mx.example.com", b"mx.*.com"),
        (b"mx.example.com", b".example.com"),
        (b"mx.example.com", b"mx..example.com"),
        (b"mx.example.com", b"mx.example.com."),
        (b"mx.example.com", b"-mx.example.com"),
        (b"mx.example.com", b"mx_1.example.com"),
        (b"mx.example.com", b"a.example, b.example"),
        (b"mx.example.com", "m\u00fcller.example".encode()),
        (b"mx.example.com", b"a" * 64 + b".example"),
        (b"mx.example.com", b".".join([b"a" * 60] * 5)),
        # Lines that are no field make the policy none.
        (b"mode:", b"\r\nmode:"),
        (b"mode:", b" mode:"),
        (b"mode:", b"mode :"),
        (b"mode: ", b"mode "),
        (b"mode:", b"# comment\r\nmode:"),
        (b"mode:", b"x:\r\nmode:"),
        (b"mode:", b"x: a\x00b\r\nmode:"),
        (b"mode:", b"x: a\tb\r\nmode:"),
        (b"mode:", b"x: a\xffb\r\nmode:"),
        (b"mode:", b"_x: a\r\nmode:"),
        (b"mode:", b"x" * 33 + b": a\r\nmode:"),
        (b"\r\n", b"\r"),
        (b"\r\n", b"\r\r\n"),
        (b"\r\n", b"\n\r"),
        (b"86400\r\n", b"86400\r"),
        (b"86400\r\n", b"86400\r\n\r\n"),
        (b"version", b"\xef\xbb\xbfversion"),
    ],
)
def test_a_policy_that_breaks_the_rules_is_refused(old: bytes, new: bytes) -> None:
    assert old in GOOD
    with pytest.raises(PolicyUnavailable) as caught:
        MTAStsPolicy.parse(GOOD.replace(old, new))
    assert caught.value.result_type is TLSResultType.STS_POLICY_INVALID
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("body", [b"", b"\n", b"<!doctype html>\n<html>", b"\x00" * 100])
def test_what_is_no_policy_at_all_is_refused(body: bytes) -> None:
    with pytest.raises(PolicyUnavailable):
        MTAStsPolicy.parse(body)


def test_a_policy_has_a_largest_size() -> None:
    filler = GOOD + b"x: " + b"a" * (MAX_POLICY_SIZE - len(GOOD) - 3)
    assert MTAStsPolicy.parse(filler) == MTAStsPolicy.parse(GOOD)
    with pytest.raises(PolicyUnavailable, match="65536 octets"):
        MTAStsPolicy.parse(filler + b"a")


@given(st.binary(max_size=200))
def test_any_octets_are_a_policy_or_refused(body: bytes) -> None:
    with contextlib.suppress(PolicyUnavailable):
        policy = MTAStsPolicy.parse(body)
        assert MTAStsPolicy.parse(policy.write()) == policy


LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=5).map(".".join)
PATTERNS = st.tuples(st.sampled_from(["", "*."]), NAMES).map("".join)


@given(
    st.sampled_from(MTAStsMode),
    st.lists(PATTERNS, min_size=1, max_size=5, unique=True).map(tuple),
    st.integers(0, MAX_AGE),
)
def test_a_written_policy_is_read_as_the_same(
    mode: MTAStsMode, mx: tuple[str, ...], max_age: int
) -> None:
    policy = MTAStsPolicy(mode, mx, max_age)
    assert MTAStsPolicy.parse(policy.write()) == policy
    assert MTAStsPolicy.parse(policy.write().replace(b"\r\n", b"\n")) == policy


# -- matching (RFC 8461 4.1) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "host", "covered"),
    [
        ("mx.example.com", "mx.example.com", True),
        ("mx.example.com", "MX.Example.COM", True),
        ("mx.example.com", "mx.example.com.", True),
        ("mx.example.com", "example.com", False),
        ("mx.example.com", "a.mx.example.com", False),
        ("mx.example.com", "mx.example.com.attacker.example", False),
        ("mx.example.com", "mxxexample.com", False),
        ("*.example.com", "mx.example.com", True),
        ("*.example.com", "xn--mller-kva.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "foo.bar.example.com", False),
        ("*.example.com", ".example.com", False),
        ("*.example.com", "mx.attackerexample.com", False),
        ("*.example.com", "mx.example.com.attacker.example", False),
        ("*.com", "example.com", True),
        ("*.com", "com", False),
        ("*.com", "mx.example.com", False),
        # A host that is itself named like a pattern matches nothing by that.
        ("mx.example.com", "*.example.com", False),
        ("mx.example.com", "", False),
        ("mx.example.com", ".", False),
    ],
)
def test_a_wildcard_stands_for_exactly_one_label(pattern: str, host: str, covered: bool) -> None:
    policy = MTAStsPolicy.parse(GOOD.replace(b"mx.example.com", pattern.encode()))
    assert policy.covers(host) is covered


@given(PATTERNS, NAMES)
def test_matching_is_label_by_label(pattern: str, host: str) -> None:
    policy = MTAStsPolicy(MTAStsMode.ENFORCE, (pattern,), 1)
    wanted, labels = pattern.split("."), host.split(".")
    if wanted[0] == "*":
        wanted, labels = wanted[1:], labels[1:]
    assert policy.covers(host) is (wanted == labels)


def test_where_record_and_policy_are() -> None:
    assert record_name("example.com") == "_mta-sts.example.com"
    assert policy_host("example.com") == "mta-sts.example.com"
