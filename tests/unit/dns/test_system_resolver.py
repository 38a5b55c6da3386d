"""The system's resolver against a name server of the test: every answer has its meaning."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns.exception import DNSException

from postseal.dns import MX, NameDoesNotExist, ResolverFailure, SystemResolver
from postseal.errors import Phase

Answer = Callable[[dns.message.Message], dns.message.Message | None]


class _NameServer(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self.asked: list[str] = []
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        self.asked.append(str(query.question[0]))
        if (response := self._answer(query)) is not None:
            self._transport.sendto(response.to_wire(), addr)


@asynccontextmanager
async def name_server(
    answer: Answer, *, lifetime: float = 5.0
) -> AsyncIterator[tuple[SystemResolver, list[str]]]:
    """A name server on a free port, a resolver that asks it, and the questions it got."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _NameServer(answer), local_addr=("127.0.0.1", 0)
    )
    try:
        where = transport.get_extra_info("sockname")
        yield SystemResolver(name_servers=[where], lifetime=lifetime), protocol.asked
    finally:
        transport.close()


def records(*texts: str) -> Answer:
    def answer(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        if texts:
            response.answer.append(
                dns.rrset.from_text(query.question[0].name, 300, "IN", "MX", *texts)
            )
        return response

    return answer


def code(rcode: dns.rcode.Rcode) -> Answer:
    def answer(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.set_rcode(rcode)
        return response

    return answer


async def test_exchangers_come_by_preference_in_lower_case_and_without_the_final_dot() -> None:
    answer = records("20 Backup.Example.ORG.", "10 mx.example.org.", "10 a.example.org.")
    async with name_server(answer) as (resolver, asked):
        assert await resolver.mx("example.org") == (
            MX(10, "a.example.org"),
            MX(10, "mx.example.org"),
            MX(20, "backup.example.org"),
        )
        # As an absolute name: no search list of this machine may append to it.
        assert asked == ["example.org. IN MX"]


async def test_the_null_mx_has_an_empty_host() -> None:
    async with name_server(records("0 .")) as (resolver, _):
        assert await resolver.mx("example.org") == (MX(0, ""),)


async def test_a_name_without_mx_gives_none() -> None:
    async with name_server(records()) as (resolver, _):
        assert await resolver.mx("example.org") == ()


async def test_an_alias_is_followed() -> None:
    def answer(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        name = query.question[0].name
        response.answer.append(dns.rrset.from_text(name, 300, "IN", "CNAME", "real.example."))
        response.answer.append(
            dns.rrset.from_text("real.example.", 300, "IN", "MX", "5 mx.real.example.")
        )
        return response

    async with name_server(answer) as (resolver, _):
        assert await resolver.mx("alias.example") == (MX(5, "mx.real.example"),)


async def test_a_name_that_does_not_exist_is_final() -> None:
    async with name_server(code(dns.rcode.NXDOMAIN)) as (resolver, _):
        with pytest.raises(NameDoesNotExist) as failed:
            await resolver.mx("example.org")
    assert not failed.value.is_temporary
    assert failed.value.phase is Phase.RESOLVE
    assert failed.value.enhanced_code == "5.1.2"
    assert "example.org" in failed.value.text


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
async def test_a_name_server_that_fails_says_nothing_about_the_name(
    rcode: dns.rcode.Rcode,
) -> None:
    async with name_server(code(rcode)) as (resolver, _):
        with pytest.raises(ResolverFailure) as failed:
            await resolver.mx("example.org")
    assert failed.value.is_temporary
    assert failed.value.phase is Phase.RESOLVE


async def test_a_name_server_that_says_nothing_is_waited_for_within_bounds() -> None:
    async with name_server(lambda _: None, lifetime=0.3) as (resolver, asked):
        began = time.monotonic()
        with pytest.raises(ResolverFailure):
            await resolver.mx("example.org")
        assert time.monotonic() - began < 5
        assert asked != []


async def test_an_answer_to_another_question_is_not_believed() -> None:
    def forged(query: dns.message.Message) -> dns.message.Message:
        other = dns.message.make_query("elsewhere.example", "MX", id=query.id)
        response = dns.message.make_response(other)
        response.answer.append(
            dns.rrset.from_text("elsewhere.example.", 300, "IN", "MX", "0 mx.evil.example.")
        )
        return response

    async with name_server(forged, lifetime=0.3) as (resolver, _):
        with pytest.raises(ResolverFailure):
            await resolver.mx("example.org")


async def test_more_records_than_anybody_needs_are_cut() -> None:
    many = [f"{n} mx{n}.example.org." for n in range(130)]
    async with name_server(records(*many)) as (resolver, _):
        assert len(await resolver.mx("example.org")) <= 100


async def test_a_name_that_dns_cannot_carry_fails_as_a_question() -> None:
    async with name_server(records()) as (resolver, _):
        with pytest.raises(ResolverFailure):
            await resolver.mx(".".join(["a" * 60] * 5))


async def test_a_machine_without_a_resolver_configuration_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise DNSException("cannot open /etc/resolv.conf")  # type: ignore[no-untyped-call]

    monkeypatch.setattr("dns.resolver.BaseResolver.read_resolv_conf", missing)
    with pytest.raises(ResolverFailure, match=r"cannot open /etc/resolv\.conf"):
        await SystemResolver().mx("example.org")
