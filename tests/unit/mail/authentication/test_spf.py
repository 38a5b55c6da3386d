"""SPF beyond the openspf suite: what our interface adds to the algorithm."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from postseal.dns import MX, Answer, NameDoesNotExist
from postseal.mail.authentication import InvalidSPF, ResultWord, SPFRecord, SPFResult, check_spf
from postseal.testing import MemoryResolver

CLIENT = IPv4Address("192.0.2.1")


class Reverse:
    """One name for every address."""

    async def names(self, address: IPv4Address | IPv6Address) -> Answer[str]:
        return Answer(("mail.example.com",), False, address.reverse_pointer, 60.0)


class NoReverse:
    async def names(self, address: IPv4Address | IPv6Address) -> Answer[str]:
        raise NameDoesNotExist("nobody")


def zone(record: str, **records: str) -> MemoryResolver:
    resolver = MemoryResolver()
    resolver.add("example.com", record)
    for name, text in records.items():
        resolver.add(f"{name}.example.com", text)
    return resolver


async def check(resolver: MemoryResolver, sender: str = "ada@example.com") -> SPFResult:
    return await check_spf(CLIENT, resolver, sender=sender, helo="mail.example.com")


async def test_a_result_says_what_decided() -> None:
    result = await check(zone("v=spf1 include:a.example.com ~all", a="v=spf1 ip4:192.0.2.9 -all"))
    assert result == SPFResult(
        word=ResultWord.SOFTFAIL, domain="example.com", directive="~all", lookups=1
    )


async def test_a_redirect_leaves_the_domain_the_one_that_was_asked_for() -> None:
    resolver = zone("v=spf1 redirect=b.example.org")
    resolver.add("b.example.org", "v=spf1 ip4:192.0.2.0/24 -all")
    result = await check(resolver, "ada@Example.COM")
    assert (result.word, result.domain) == ("pass", "example.com")


async def test_without_a_sender_it_is_the_name_of_the_client() -> None:
    resolver = zone("v=spf1 -all", mail="v=spf1 ip4:192.0.2.1 -all")
    result = await check(resolver, "")
    assert (result.word, result.domain) == ("pass", "mail.example.com")


async def test_an_ipv4_client_on_an_ipv6_socket_is_one_of_ipv4() -> None:
    client = IPv6Address("::ffff:192.0.2.1")
    resolver = zone("v=spf1 ip4:192.0.2.1 -all")
    result = await check_spf(client, resolver, sender="a@example.com", helo="x")
    assert result.word is ResultWord.PASS


async def test_ptr_matches_only_what_leads_back() -> None:
    resolver = zone("v=spf1 ptr -all")
    resolver.add("mail.example.com", CLIENT)
    for reverse, word in ((None, "fail"), (NoReverse(), "fail"), (Reverse(), "pass")):
        result = await check_spf(
            CLIENT, resolver, sender="a@example.com", helo="x", reverse=reverse
        )
        assert result.word == word
    other = IPv4Address("192.0.2.2")
    result = await check_spf(other, resolver, sender="a@example.com", helo="x", reverse=Reverse())
    assert result.word is ResultWord.FAIL


async def test_a_loop_ends() -> None:
    result = await check(zone("v=spf1 include:example.com -all"))
    assert (result.word, result.lookups) == ("permerror", 11)
    result = await check(zone("v=spf1 redirect=example.com"))
    assert result.word is ResultWord.PERMERROR


async def test_many_exchangers_and_many_empty_lookups_end_it() -> None:
    resolver = zone("v=spf1 mx -all")
    resolver.add("example.com", *(MX(10, f"mx{number}.example.com") for number in range(11)))
    result = await check(resolver)
    assert "more than 10" in result.text
    assert result.word is ResultWord.PERMERROR
    result = await check(zone("v=spf1 a:a.example.com a:b.example.com a:c.example.com ?all"))
    assert "find nothing" in result.text
    assert result.word is ResultWord.PERMERROR


@pytest.mark.parametrize("name", ["example.com", "a.example.com"])
async def test_a_lookup_that_fails_for_now(name: str) -> None:
    resolver = zone("v=spf1 include:a.example.com -all", a="v=spf1 -all")
    resolver.time_out(name)
    assert (await check(resolver)).word is ResultWord.TEMPERROR


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 a/33",
        "v=spf1 a//129",
        "v=spf1 ip4:192.0.2.1/33",
        "v=spf1 ip4:2001:db8::1",
        "v=spf1 ip6:192.0.2.1",
        "v=spf1 all:x",
        "v=spf1 include",
        "v=spf1 a:%{x}.example.com",
        "v=spf1 a:%{c}.example.com",
        "v=spf1 a:%{d0}.example.com",
        "v=spf1 -redirect=example.com",
        "v=spf1 redirect=a.example.com redirect=b.example.com",
        "v=spf1\tall",
        "v=spf1 \u00e4ll",
        "v=spf1 " + "a " * 3000,
        "v=spf2",
    ],
)
def test_records_that_are_refused_whole(record: str) -> None:
    with pytest.raises(InvalidSPF):
        SPFRecord.parse(record)


async def test_a_name_that_grows_too_long_loses_labels_on_the_left() -> None:
    sender = f"{'.'.join('abcdefgh' * 8)}@example.com"
    record = f"v=spf1 exists:{'%{s}.' * 700}%{{d}} -all"
    resolver = zone(record)
    assert (await check(resolver, sender)).word is ResultWord.FAIL
    [_, (_, asked)] = resolver.asked
    assert 200 < len(asked) <= 253
    assert asked.endswith(".example.com")
