"""Finding TLSA records (RFC 7672 2.2), against a DNS in memory."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from postseal.dns import MX, BogusAnswer, Lookup, NameDoesNotExist
from postseal.send.mx.dane import DaneFinding, find_dane
from postseal.send.networks.blocking import run
from postseal.testing import MemoryResolver
from postseal.tls.dane import DaneRequirement, DNSState, TLSAState
from postseal.tls.tlsa import TLSA

DOMAIN, HOST, ELSEWHERE = "example.com", "mx.example.com", "mail.provider.example"
ADDRESS = IPv4Address("192.0.2.25")
RECORD = TLSA(3, 1, 1, bytes(32))
ANCHOR = TLSA(2, 0, 1, bytes(32))
UNUSABLE = TLSA(1, 1, 1, bytes(32))


def zone(*, mx: bool = True, addresses: bool = True) -> MemoryResolver:
    resolver = MemoryResolver()
    resolver.add(DOMAIN, MX(10, HOST), authentic=mx)
    resolver.add(HOST, ADDRESS, authentic=addresses)
    return resolver


def publish(
    resolver: MemoryResolver, *records: TLSA, at: str = HOST, authentic: bool = True
) -> None:
    resolver.add(f"_25._tcp.{at}", *records, authentic=authentic)


def find(resolver: MemoryResolver, host: str = HOST) -> DaneFinding:
    async def look() -> DaneFinding:
        mx = await resolver.mx(DOMAIN)
        return await find_dane(resolver, host, port=25, next_hop=DOMAIN, mx=mx)

    return run(look())


def asked_for_tlsa(resolver: MemoryResolver) -> list[str]:
    return [name for lookup, name in resolver.asked if lookup is Lookup.TLSA]


def test_records_on_a_secure_way_must_be_matched() -> None:
    resolver = zone()
    publish(resolver, RECORD)
    finding = find(resolver)
    assert finding.requirement is DaneRequirement.AUTHENTICATED
    assert finding.peer is not None
    assert finding.peer.records == (RECORD,)
    assert finding.peer.base_domain == HOST
    assert finding.peer.names == (HOST, DOMAIN)


def test_the_name_of_a_host_may_be_written_in_any_way() -> None:
    resolver = zone()
    publish(resolver, RECORD)
    assert find(resolver, "MX.Example.COM.") == find(resolver)
    assert asked_for_tlsa(resolver) == ["_25._tcp.mx.example.com"] * 2


def test_records_that_smtp_cannot_use_ask_for_tls_alone() -> None:
    resolver = zone()
    publish(resolver, UNUSABLE, TLSA(3, 1, 1, b"too short"))
    finding = find(resolver)
    assert (finding.tlsa, finding.peer) == (TLSAState.UNUSABLE, None)
    assert finding.requirement is DaneRequirement.ENCRYPTED


def test_only_what_can_be_used_and_is_strongest_is_kept() -> None:
    resolver = zone()
    publish(resolver, UNUSABLE, RECORD, TLSA(3, 1, 2, bytes(64)))
    peer = find(resolver).peer
    assert peer is not None
    assert peer.records == (TLSA(3, 1, 2, bytes(64)),)


@pytest.mark.parametrize("exists", [False, True], ids=["no such name", "no such record"])
def test_without_records_dane_asks_for_nothing(exists: bool) -> None:
    resolver = zone()
    if exists:
        publish(resolver)
    finding = find(resolver)
    assert (finding.dns, finding.tlsa) == (DNSState.SECURE, TLSAState.ABSENT)
    assert finding.requirement is DaneRequirement.NONE


def test_records_that_anybody_could_have_put_there_do_not_count() -> None:
    resolver = zone()
    publish(resolver, RECORD, authentic=False)
    finding = find(resolver)
    assert (finding.tlsa, finding.peer) == (TLSAState.INSECURE, None)
    assert finding.requirement is DaneRequirement.NONE


def test_behind_an_insecure_mx_nothing_is_asked() -> None:
    # RFC 7672 2.2.1: who can name another server need not forge anything about this one.
    resolver = zone(mx=False)
    publish(resolver, RECORD)
    finding = find(resolver)
    assert finding.dns is DNSState.INSECURE
    assert finding.requirement is DaneRequirement.NONE
    assert resolver.asked == [(Lookup.MX, DOMAIN)]


def test_of_a_host_in_an_unsigned_zone_no_tlsa_is_asked() -> None:
    # RFC 7672 2.2.2: some of the name servers there fail for types that they do not know.
    resolver = zone(addresses=False)
    resolver.time_out(f"_25._tcp.{HOST}")
    assert find(resolver).requirement is DaneRequirement.NONE
    assert asked_for_tlsa(resolver) == []


@pytest.mark.parametrize(
    ("lookup", "name"), [(Lookup.ADDRESSES, HOST), (Lookup.TLSA, f"_25._tcp.{HOST}")]
)
@pytest.mark.parametrize("bogus", [False, True], ids=["failed", "bogus"])
def test_a_lookup_that_went_wrong_defers(lookup: Lookup, name: str, bogus: bool) -> None:
    resolver = zone()
    publish(resolver, RECORD)
    if bogus:
        resolver.bogus(name, lookup=lookup)
    else:
        resolver.time_out(name, lookup=lookup)
    finding = find(resolver)
    assert finding.requirement is DaneRequirement.DEFER
    assert isinstance(finding.problem, BogusAnswer) is bogus
    state = finding.dns if lookup is Lookup.ADDRESSES else finding.tlsa
    assert state == ("bogus" if bogus else "failed")


def test_a_host_that_does_not_exist_is_no_matter_of_dane() -> None:
    resolver = MemoryResolver()
    resolver.add(DOMAIN, MX(10, HOST))
    with pytest.raises(NameDoesNotExist):
        find(resolver)


def test_a_domain_without_mx_is_its_own_host() -> None:
    resolver = MemoryResolver()
    resolver.add(DOMAIN, ADDRESS)
    publish(resolver, RECORD, at=DOMAIN)
    finding = find(resolver, DOMAIN)
    assert finding.peer is not None
    assert finding.peer.names == (DOMAIN,)


# -- aliases (RFC 7672 2.2.2, 2.2.3) --------------------------------------------------------------


def aliased(*, alias: bool = True, target: bool = True) -> MemoryResolver:
    resolver = MemoryResolver()
    resolver.add(DOMAIN, MX(10, HOST))
    resolver.alias(HOST, ELSEWHERE, authentic=alias)
    resolver.add(ELSEWHERE, ADDRESS, authentic=target)
    return resolver


def test_behind_secure_aliases_the_last_name_goes_first() -> None:
    resolver = aliased()
    publish(resolver, RECORD, at=ELSEWHERE)
    publish(resolver, ANCHOR, at=HOST)
    finding = find(resolver)
    assert finding.base_domain == ELSEWHERE
    assert finding.peer is not None
    assert finding.peer.records == (RECORD,)
    # The certificate need not hold the name of the alias.
    assert finding.peer.names == (ELSEWHERE, DOMAIN)
    assert asked_for_tlsa(resolver) == [f"_25._tcp.{ELSEWHERE}"]


@pytest.mark.parametrize("there", ["absent", "insecure"])
def test_then_comes_the_first_name(there: str) -> None:
    resolver = aliased()
    if there == "insecure":
        publish(resolver, RECORD, at=ELSEWHERE, authentic=False)
    publish(resolver, ANCHOR, at=HOST)
    finding = find(resolver)
    assert (finding.base_domain, finding.tlsa) == (HOST, TLSAState.USABLE)
    assert asked_for_tlsa(resolver) == [f"_25._tcp.{ELSEWHERE}", f"_25._tcp.{HOST}"]


def test_unusable_records_at_the_last_name_are_not_passed_over() -> None:
    resolver = aliased()
    publish(resolver, UNUSABLE, at=ELSEWHERE)
    publish(resolver, RECORD, at=HOST)
    assert find(resolver).requirement is DaneRequirement.ENCRYPTED


def test_trouble_at_the_last_name_is_not_passed_over() -> None:
    resolver = aliased()
    resolver.bogus(f"_25._tcp.{ELSEWHERE}")
    publish(resolver, RECORD, at=HOST)
    assert find(resolver).requirement is DaneRequirement.DEFER


def test_where_an_alias_leads_out_of_what_is_signed_the_first_name_may_have_records() -> None:
    resolver = aliased(target=False)
    publish(resolver, RECORD, at=HOST)
    publish(resolver, ANCHOR, at=ELSEWHERE, authentic=False)
    finding = find(resolver)
    assert (finding.base_domain, finding.tlsa) == (HOST, TLSAState.USABLE)
    assert asked_for_tlsa(resolver) == [f"_25._tcp.{HOST}"]


def test_an_alias_of_the_domain_is_a_name_of_the_server_as_well() -> None:
    # RFC 7672 3.2.2: the next-hop domain, and what it is an alias of.
    resolver = MemoryResolver()
    resolver.alias(DOMAIN, "alias.example.net")
    resolver.add("alias.example.net", MX(10, HOST))
    resolver.add(HOST, ADDRESS)
    publish(resolver, ANCHOR)
    peer = find(resolver).peer
    assert peer is not None
    assert peer.names == (HOST, DOMAIN, "alias.example.net")


def test_records_may_be_behind_an_alias_of_their_own() -> None:
    # RFC 7671 7: providers publish the records of their customers' servers that way.
    resolver = zone()
    resolver.alias(f"_25._tcp.{HOST}", "tlsa.provider.example")
    resolver.add("tlsa.provider.example", RECORD)
    peer = find(resolver).peer
    assert peer is not None
    assert (peer.base_domain, peer.records) == (HOST, (RECORD,))
