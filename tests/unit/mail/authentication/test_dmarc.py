from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from publicsuffixlist import PublicSuffixList

from postseal.mail.authentication import (
    Alignment,
    DKIMResult,
    DMARCPolicy,
    DMARCRecord,
    DMARCResult,
    InvalidTagList,
    KeyType,
    ResultWord,
    SPFResult,
    SuffixList,
    TreeWalk,
    check_dmarc,
    verify_dkim,
)
from postseal.testing import MemoryResolver
from tests.parts.signed_mail import MESSAGES, NOW, resolver, signer

PASS, FAIL, TEMPERROR = ResultWord.PASS, ResultWord.FAIL, ResultWord.TEMPERROR


def zone(**records: str) -> MemoryResolver:
    """DMARC records by domain, with underscores for dots."""
    made = MemoryResolver()
    for name, text in records.items():
        made.add(f"_dmarc.{name.replace('_', '.')}", text)
    return made


def spf(domain: str, word: ResultWord = PASS) -> SPFResult:
    return SPFResult(word=word, domain=domain)


async def dkim(domain: str, word: ResultWord = PASS) -> DKIMResult:
    message = MESSAGES["plain"]
    [result] = await verify_dkim(
        signer(KeyType.ED25519).sign(message) + message, resolver(), clock=lambda: NOW
    )
    assert result.signature is not None
    return replace(result, word=word, signature=replace(result.signature, domain=domain))


async def check(
    author: str, dns: MemoryResolver, *, signed: str | None = None, sent: str | None = None
) -> DMARCResult:
    return await check_dmarc(
        author,
        dns,
        dkim=[await dkim(signed)] if signed else [],
        spf=spf(sent) if sent else None,
    )


@pytest.mark.parametrize(
    ("tags", "signed", "sent", "aligned"),
    [
        ("", "example.com", None, ("dkim",)),
        ("", None, "example.com", ("spf",)),
        ("", "mail.example.com", "bounce.example.com", ("dkim", "spf")),
        ("", "example.org", "example.org", ()),
        ("", "notexample.com", None, ()),
        ("adkim=s", "mail.example.com", None, ()),
        ("adkim=s", "example.com", None, ("dkim",)),
        ("adkim=s", "mail.example.com", "mail.example.com", ("spf",)),
        ("aspf=s", None, "mail.example.com", ()),
        ("aspf=s", None, "example.com", ("spf",)),
        ("", None, None, ()),
    ],
)
async def test_alignment(
    tags: str, signed: str | None, sent: str | None, aligned: tuple[str, ...]
) -> None:
    dns = zone(example_com=f"v=DMARC1; p=reject; {tags}")
    result = await check("Example.COM", dns, signed=signed, sent=sent)
    assert result.aligned == aligned
    assert result.word == ("pass" if aligned else "fail")
    assert result.policy is DMARCPolicy.REJECT


async def test_only_what_passed_counts() -> None:
    dns = zone(example_com="v=DMARC1; p=reject")
    failed = [await dkim("example.com", FAIL)]
    result = await check_dmarc("example.com", dns, dkim=failed, spf=spf("example.com", FAIL))
    assert result.word is FAIL
    open_ = [await dkim("example.com", TEMPERROR)]
    assert (await check_dmarc("example.com", dns, dkim=open_)).word is TEMPERROR
    result = await check_dmarc("example.com", dns, spf=spf("mail.example.com", TEMPERROR))
    assert result.word is TEMPERROR
    # One of another domain that may pass later changes nothing.
    assert (await check_dmarc("example.com", dns, spf=spf("other.example", TEMPERROR))).word is FAIL


@pytest.mark.parametrize(
    ("author", "records", "policy", "found"),
    [
        ("example.com", {"example_com": "p=reject"}, "reject", "example.com"),
        ("a.b.example.com", {"example_com": "p=reject"}, "reject", "example.com"),
        ("a.example.com", {"example_com": "p=reject; sp=none"}, "none", "example.com"),
        (
            "a.example.com",
            {"a_example_com": "p=none", "example_com": "p=reject"},
            "none",
            "a.example.com",
        ),
        (
            "a.b.example.com",
            {"b_example_com": "p=none", "example_com": "p=reject"},
            "reject",
            "example.com",
        ),
        (
            "a.b.example.com",
            {"b_example_com": "p=none; psd=n", "example_com": "p=reject"},
            "none",
            "b.example.com",
        ),
        ("a.example.com", {"com": "p=reject; psd=y"}, "reject", "com"),
        (
            "a.example.com",
            {"example_com": "p=none", "com": "p=reject; psd=y"},
            "none",
            "example.com",
        ),
        ("example.com", {"example_com": "p=reject; t=y"}, "quarantine", "example.com"),
        ("example.com", {"example_com": "p=quarantine; pct=0"}, "none", "example.com"),
        ("gone.example.com", {"example_com": "p=none; np=reject"}, "reject", "example.com"),
    ],
)
async def test_which_policy_holds(
    author: str, records: dict[str, str], policy: str, found: str
) -> None:
    dns = zone(**{name: f"v=DMARC1; {text}" for name, text in records.items()})
    result = await check(author, dns)
    assert result.found is not None
    assert (result.policy, result.found.domain) == (policy, found)


async def test_a_subdomain_that_exists_is_not_missing() -> None:
    dns = zone(example_com="v=DMARC1; p=none; np=reject")
    dns.add("mail.example.com", "any record")
    assert (await check("mail.example.com", dns)).policy is DMARCPolicy.REJECT
    dns.add("mail.example.com", IPv4Address("192.0.2.1"))
    assert (await check("mail.example.com", dns)).policy is DMARCPolicy.NONE


async def test_the_walk_asks_eight_times_at_most() -> None:
    dns = MemoryResolver()
    name = ".".join("abcdefghijklm") + ".example.com"
    assert await TreeWalk(dns).of(name) == name
    asked = [question for _, question in dns.asked]
    assert asked[0] == f"_dmarc.{name}"
    assert asked[1] == "_dmarc.i.j.k.l.m.example.com"
    assert asked[-1] == "_dmarc.com"
    assert len(asked) == 8


async def test_domains_under_one_public_suffix_are_strangers() -> None:
    dns = zone(com="v=DMARC1; p=none; psd=y", a_com="v=DMARC1; p=reject")
    assert (await check("a.com", dns, signed="b.com")).word is FAIL
    assert (await check("x.a.com", dns, signed="y.a.com")).word is PASS


@pytest.mark.parametrize(
    ("author", "signed", "word"),
    [
        ("a.example.co.uk", "b.example.co.uk", "pass"),
        ("a.example.co.uk", "other.co.uk", "fail"),
        ("a.github.io", "b.github.io", "none"),
    ],
)
async def test_a_list_of_public_suffixes_does_as_well(author: str, signed: str, word: str) -> None:
    dns = zone(example_co_uk="v=DMARC1; p=reject")
    suffixes = SuffixList(dns, PublicSuffixList().privatesuffix)
    result = await check_dmarc(author, dns, dkim=[await dkim(signed)], organizations=suffixes)
    assert result.word == word


async def test_lookups_that_fail() -> None:
    dns = zone(example_com="v=DMARC1; p=reject")
    dns.time_out("_dmarc.example.com")
    result = await check("example.com", dns, signed="example.com")
    assert result.word is TEMPERROR
    assert (await check("a..b", MemoryResolver())).word in (ResultWord.NONE, ResultWord.PERMERROR)


@pytest.mark.parametrize(
    "texts",
    [
        (),
        ("v=spf1 -all",),
        ("v=DMARC1; p=reject", "v=DMARC1; p=none"),
        ("v=DMARC1",),
        ("v=DMARC1; p=some",),
        ("v=dmarc1; p=reject",),
        ("p=reject; v=DMARC1",),
        ("v=DMARC1; p=reject; p=none",),
    ],
)
async def test_what_is_no_record(texts: tuple[str, ...]) -> None:
    dns = MemoryResolver()
    dns.add("_dmarc.example.com", *texts)
    assert (await check("example.com", dns, signed="example.com")).word is ResultWord.NONE


def test_a_record_with_defaults_and_nonsense() -> None:
    record = DMARCRecord.parse(
        "v=DMARC1 ; p=Quarantine; sp=?; adkim=S; aspf=x; psd=z; "
        "rua=mailto:a@b.example, mailto:c@d.example;"
    )
    assert record.subdomain_policy is record.missing_policy is DMARCPolicy.QUARANTINE
    assert (record.dkim, record.spf) == (Alignment.STRICT, Alignment.RELAXED)
    assert record.aggregate_reports == ("mailto:a@b.example", "mailto:c@d.example")
    assert DMARCRecord.parse("v=DMARC1; rua=mailto:a@b.example").policy is DMARCPolicy.NONE
    with pytest.raises(InvalidTagList):
        DMARCRecord.parse("v=DMARC1; p=")
