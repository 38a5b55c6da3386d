"""Who is asked, in which order, for how long, and who is believed."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import TypeVar

import dns.exception
import dns.flags
import dns.message
import pytest
from dns.edns import EDECode, EDEOption
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from postseal.dns import MX, SRV, BogusAnswer, NameDoesNotExist, ResolverFailure
from postseal.dns.exchange import BlockingExchange, Exchange
from postseal.dns.name_servers import NameServer
from postseal.dns.stub import StubResolver
from postseal.errors import Phase
from postseal.send.networks.blocking import run
from postseal.testing import ManualClock
from postseal.tls.tlsa import TLSA
from tests.parts.name_server import name_server, respond

LOCAL = NameServer.parse("127.0.0.1")
SECOND = NameServer.parse("[::1]:5353")
FAR = NameServer.parse("192.0.2.53")

T = TypeVar("T")

Query = dns.message.QueryMessage
Say = Callable[[Query], dns.message.Message]


def mx(query: Query) -> dns.message.Message:
    return respond(query, f"{query.question[0].name} MX 5 mx.example.", authentic=True)


def fails(rcode: Rcode) -> Say:
    def say(query: Query) -> dns.message.Message:
        return respond(query, rcode=rcode)

    say.__name__ = rcode.name
    return say


def silent(_: Query) -> dns.message.Message:
    raise TimeoutError


def unreachable(_: Query) -> dns.message.Message:
    raise OSError(101, "Network is unreachable")


def truncated(query: Query) -> dns.message.Message:
    return respond(query, truncated=True)


class Scripted(Exchange):
    """Servers in memory: what each says by UDP and TCP, and what they were asked."""

    def __init__(self, **servers: Say) -> None:
        self.clock = ManualClock()
        self.asked: list[str] = []
        self._servers = servers

    def now(self) -> float:
        return self.clock.now()

    async def datagram(
        self, query: bytes, server: NameServer, seconds: float, accept: Callable[[bytes], T | None]
    ) -> T:
        accepted = accept(self._said("udp", query, server, seconds))
        if accepted is None:
            self.clock.advance(seconds)
            raise TimeoutError
        return accepted

    async def stream(self, query: bytes, server: NameServer, seconds: float) -> bytes:
        return self._said("tcp", query, server, seconds)

    def _said(self, way: str, wire: bytes, server: NameServer, seconds: float) -> bytes:
        query = dns.message.from_wire(wire)
        assert isinstance(query, dns.message.QueryMessage)
        place = {LOCAL: "local", SECOND: "second", FAR: "far"}[server]
        unchecked = " unchecked" if query.flags & dns.flags.CD else ""
        self.asked.append(f"{way} {place}{unchecked}")
        say = self._servers.get(f"{place}_{way}") or self._servers[place]
        try:
            return say(query).to_wire()
        except TimeoutError:
            self.clock.advance(seconds)
            raise


def resolver(exchange: Exchange, *servers: NameServer, trust_all: bool = False) -> StubResolver:
    return StubResolver(
        name_servers=servers,
        exchange=exchange,
        timeout=20,
        patience=4,
        dangerous_trust_ad_beyond_loopback=trust_all,
    )


@pytest.mark.parametrize(
    ("server", "trust_all", "authentic"),
    [
        (LOCAL, False, True),
        (SECOND, False, True),
        (FAR, False, False),
        (FAR, True, True),
    ],
)
async def test_the_word_about_dnssec_is_taken_from_loopback_alone(
    server: NameServer, trust_all: bool, authentic: bool
) -> None:
    exchange = Scripted(local=mx, second=mx, far=mx)
    answer = await resolver(exchange, server, trust_all=trust_all).mx("example.org")
    assert answer.records == (MX(5, "mx.example"),)
    assert answer.authentic is authentic


async def test_who_silences_the_trusted_server_does_not_choose_the_answer() -> None:
    exchange = Scripted(local=silent, far=mx)
    with pytest.raises(ResolverFailure, match=r"127\.0\.0\.1 did not answer in time"):
        await resolver(exchange, FAR, LOCAL).mx("example.org")
    assert set(exchange.asked) == {"udp local"}
    assert exchange.clock.now() == 20


@pytest.mark.parametrize(
    "trouble",
    [silent, unreachable, fails(Rcode.REFUSED), fails(Rcode.FORMERR), fails(Rcode.SERVFAIL)],
)
async def test_the_next_server_is_asked_when_one_does_not_answer(trouble: Say) -> None:
    exchange = Scripted(local=trouble, second=mx)
    answer = await resolver(exchange, LOCAL, SECOND).mx("example.org")
    assert answer.records == (MX(5, "mx.example"),)
    assert exchange.asked[-1] == "udp second"


async def test_a_silent_server_is_asked_again_and_a_broken_one_is_not() -> None:
    silences = iter([silent, silent, mx])

    def hesitant(query: Query) -> dns.message.Message:
        return next(silences)(query)

    exchange = Scripted(local=hesitant, second=fails(Rcode.REFUSED))
    answer = await resolver(exchange, LOCAL, SECOND).mx("example.org")
    assert answer.authentic
    assert exchange.asked == ["udp local", "udp second", "udp local", "udp local"]
    assert exchange.clock.now() == 8


async def test_the_whole_question_has_an_end() -> None:
    exchange = Scripted(local=silent, second=silent)
    with pytest.raises(ResolverFailure) as failed:
        await resolver(exchange, LOCAL, SECOND).tlsa("_25._tcp.mx.example.org")
    assert exchange.clock.now() == 20
    assert len(exchange.asked) == 5
    assert failed.value.phase is Phase.RESOLVE
    assert "the TLSA records of _25._tcp.mx.example.org" in failed.value.text


async def test_an_answer_that_is_cut_off_is_asked_for_by_tcp() -> None:
    exchange = Scripted(local_udp=truncated, local_tcp=mx)
    answer = await resolver(exchange, LOCAL).mx("example.org")
    assert answer.records == (MX(5, "mx.example"),)
    assert exchange.asked == ["udp local", "tcp local"]


def for_another(query: Query) -> dns.message.Message:
    query.id ^= 1
    return mx(query)


@pytest.mark.parametrize("by_tcp", [unreachable, fails(Rcode.REFUSED), truncated, for_another])
async def test_an_answer_that_stays_cut_off_is_no_answer(by_tcp: Say) -> None:
    exchange = Scripted(local_udp=truncated, local_tcp=by_tcp)
    with pytest.raises(ResolverFailure):
        await resolver(exchange, LOCAL).mx("example.org")
    assert exchange.asked == ["udp local", "tcp local"]


def _unless_unchecked(query: Query) -> dns.message.Message:
    return mx(query) if query.flags & dns.flags.CD else respond(query, rcode=Rcode.SERVFAIL)


async def test_what_is_given_only_without_validation_is_bogus_and_final() -> None:
    exchange = Scripted(local=_unless_unchecked, second=mx)
    with pytest.raises(BogusAnswer, match=r"MX records of example\.org are bogus") as failed:
        await resolver(exchange, LOCAL, SECOND).mx("example.org")
    # Another server's answer would be taken by nobody who wants to be safe.
    assert exchange.asked == ["udp local", "udp local unchecked"]
    assert failed.value.is_temporary


async def test_a_server_that_tells_why_is_not_asked_again() -> None:
    def bogus(query: Query) -> dns.message.Message:
        response = respond(query, rcode=Rcode.SERVFAIL)
        response.use_edns(options=[EDEOption(EDECode.DNSSEC_BOGUS)])
        return response

    exchange = Scripted(local=bogus)
    with pytest.raises(BogusAnswer):
        await resolver(exchange, LOCAL).mx("example.org")
    assert exchange.asked == ["udp local"]


async def test_a_server_that_fails_either_way_is_just_broken() -> None:
    exchange = Scripted(local=fails(Rcode.SERVFAIL))
    with pytest.raises(ResolverFailure, match="SERVFAIL") as failed:
        await resolver(exchange, LOCAL).mx("example.org")
    assert not isinstance(failed.value, BogusAnswer)
    assert exchange.asked == ["udp local", "udp local unchecked"]


async def test_a_name_that_does_not_exist_is_not_asked_for_twice() -> None:
    exchange = Scripted(local=fails(Rcode.NXDOMAIN), second=mx)
    with pytest.raises(NameDoesNotExist):
        await resolver(exchange, LOCAL, SECOND).mx("example.org")
    assert exchange.asked == ["udp local"]


def _by_type(**says: Say) -> Say:
    def say(query: Query) -> dns.message.Message:
        return says[RdataType(query.question[0].rdtype).name](query)

    return say


def _address(address: str, *, authentic: bool = True) -> Say:
    rdtype = "AAAA" if ":" in address else "A"

    def say(query: Query) -> dns.message.Message:
        return respond(query, f"mx.example. {rdtype} {address}", authentic=authentic)

    say.__name__ = address if authentic else f"open {address}"
    return say


def _nothing(query: Query) -> dns.message.Message:
    return respond(query, authentic=True)


NO_NAME, BROKEN = fails(Rcode.NXDOMAIN), fails(Rcode.SERVFAIL)
V4, V6 = _address("192.0.2.1"), _address("2001:db8::1")
OPEN_V6 = _address("2001:db8::1", authentic=False)


@pytest.mark.parametrize(
    ("a", "aaaa", "addresses", "authentic"),
    [
        (V4, V6, ["192.0.2.1", "2001:db8::1"], True),
        (V4, OPEN_V6, ["192.0.2.1", "2001:db8::1"], False),
        (V4, _nothing, ["192.0.2.1"], True),
        (_nothing, V6, ["2001:db8::1"], True),
        (_nothing, _nothing, [], True),
        # There are name servers that know nothing of AAAA.
        (V4, BROKEN, ["192.0.2.1"], True),
        (V4, NO_NAME, ["192.0.2.1"], True),
    ],
)
async def test_addresses_are_of_both_kinds(
    a: Say, aaaa: Say, addresses: list[str], authentic: bool
) -> None:
    stub = resolver(Scripted(local=_by_type(A=a, AAAA=aaaa)), LOCAL)
    answer = await stub.addresses("mx.example")
    assert answer.records == tuple(map(ip_address, addresses))
    assert answer.authentic is authentic
    assert answer.name == "mx.example"


@pytest.mark.parametrize(
    ("a", "aaaa", "error"),
    [
        (NO_NAME, NO_NAME, NameDoesNotExist),
        (_nothing, NO_NAME, NameDoesNotExist),
        (BROKEN, NO_NAME, NameDoesNotExist),
        # It cannot be told that there is no address.
        (_nothing, BROKEN, ResolverFailure),
        (BROKEN, _nothing, ResolverFailure),
        (V4, _unless_unchecked, BogusAnswer),
        (_unless_unchecked, V6, BogusAnswer),
    ],
)
async def test_addresses_that_cannot_be_known_are_not_guessed(
    a: Say, aaaa: Say, error: type[Exception]
) -> None:
    stub = resolver(Scripted(local=_by_type(A=a, AAAA=aaaa)), LOCAL)
    with pytest.raises(error):
        await stub.addresses("mx.example")


async def test_services_come_by_priority_without_those_that_are_nowhere() -> None:
    def srv(query: Query) -> dns.message.Message:
        name = query.question[0].name
        data = (
            "20 5 587 B.example.",
            "10 0 465 a.example.",
            "5 0 0 no-port.example.",
            "5 0 465 192.0.2.1.",
            "5 0 465 sp\\032ace.example.",
        )
        return respond(query, *(f"{name} SRV {one}" for one in data))

    found = await resolver(Scripted(local=srv), LOCAL).srv("_submissions._tcp.example.org")
    assert found.records == (SRV(10, 0, 465, "a.example"), SRV(20, 5, 587, "b.example"))


async def test_a_service_that_is_not_offered_has_an_empty_host() -> None:
    def srv(query: Query) -> dns.message.Message:
        return respond(query, f"{query.question[0].name} SRV 0 0 0 .")

    found = await resolver(Scripted(local=srv), LOCAL).srv("_submission._tcp.example.org")
    assert found.records == (SRV(0, 0, 0, ""),)


async def test_services_of_which_none_can_be_reached_are_a_failure() -> None:
    def srv(query: Query) -> dns.message.Message:
        return respond(query, f"{query.question[0].name} SRV 0 0 0 a.example.")

    with pytest.raises(ResolverFailure, match="no SRV record"):
        await resolver(Scripted(local=srv), LOCAL).srv("_submissions._tcp.example.org")


async def test_tlsa_records_come_as_they_are_even_unusable_ones() -> None:
    def tlsa(query: Query) -> dns.message.Message:
        name = query.question[0].name
        return respond(query, f"{name} TLSA 3 1 1 abcd", f"{name} TLSA 255 9 7 00")

    answer = await resolver(Scripted(local=tlsa), LOCAL).tlsa("_25._tcp.mx.example")
    assert set(answer.records) == {TLSA(3, 1, 1, b"\xab\xcd"), TLSA(255, 9, 7, b"\0")}


async def test_rubbish_before_the_answer_is_passed_over() -> None:
    def answer(octets: bytes) -> list[bytes]:
        query = dns.message.from_wire(octets)
        assert isinstance(query, dns.message.QueryMessage)
        said = mx(query)
        # What a server adds unasked is no trouble.
        said.additional = respond(query, "mx.example. A 192.0.2.1").answer
        good = said.to_wire()
        other = bytes([good[0] ^ 1]) + good[1:]
        return [b"", b"x", good[:20], other, good]

    with name_server(answer) as server:
        found = await StubResolver(name_servers=[server]).mx("example.org")
    assert found.records == (MX(5, "mx.example"),)


def test_rubbish_by_tcp_is_a_failure() -> None:
    def cut_off(octets: bytes) -> list[bytes]:
        query = dns.message.from_wire(octets)
        return [respond(query, truncated=True).to_wire()]

    def rubbish(octets: bytes) -> list[bytes]:
        return [b"\0\x20", octets[:2] + b"\x81\x80" + b"\xff" * 28]

    with name_server(cut_off, rubbish) as server, pytest.raises(ResolverFailure):
        run(StubResolver(name_servers=[server], exchange=BlockingExchange()).mx("example.org"))


async def test_no_time_is_left_for_tcp() -> None:
    exchange = Scripted(local_udp=truncated, local_tcp=silent)
    with pytest.raises(ResolverFailure, match="in time"):
        await resolver(exchange, LOCAL).mx("example.org")
    assert exchange.clock.now() == 20


def test_a_blocking_caller_runs_the_same_resolver() -> None:
    answer = run(resolver(Scripted(local=mx), LOCAL).mx("example.org"))
    assert answer.records == (MX(5, "mx.example"),)


async def test_without_a_name_the_servers_of_the_system_are_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("postseal.dns.stub.system_name_servers", lambda: (FAR, SECOND))
    exchange = Scripted(second=mx)
    assert (await StubResolver(exchange=exchange).mx("example.org")).authentic


async def test_a_machine_without_a_resolver_configuration_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise dns.exception.DNSException("cannot open /etc/resolv.conf")  # type: ignore[no-untyped-call]

    monkeypatch.setattr("dns.resolver.BaseResolver.read_resolv_conf", missing)
    with pytest.raises(ResolverFailure, match=r"cannot open /etc/resolv\.conf"):
        await StubResolver().mx("example.org")
