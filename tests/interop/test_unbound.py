"""Real validation: Unbound over signed zones in every state, and what the resolver makes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from postseal.dns import MX, Answer, BogusAnswer, NameDoesNotExist, Resolver, ResolverFailure
from postseal.dns.exchange import BlockingExchange
from postseal.dns.name_servers import NameServer
from postseal.dns.stub import StubResolver
from postseal.send.networks.blocking import run
from postseal.tls.tlsa import TLSA
from tests.parts.dns_tree import KEY_DIGEST, make_dns_tree
from tests.parts.namespace import NetworkNamespace
from tests.parts.unbound import unbound
from tests.parts.zones import SignedZones

pytestmark = pytest.mark.needs("unbound")

V4 = IPv4Address("127.0.0.1")
RECORD = TLSA(3, 1, 1, bytes.fromhex(KEY_DIGEST))
SECURE, INSECURE = True, False

Question = tuple[str, str]
Lookups = Callable[[Question], Answer[object]]


@pytest.fixture(scope="module")
def tree() -> SignedZones:
    return make_dns_tree()


@pytest.fixture(scope="module")
def server(tree: SignedZones) -> Iterator[NameServer]:
    with unbound(tree) as where:
        yield where


@pytest.fixture(params=["asyncio", "blocking"])
def ask(server: NameServer, request: pytest.FixtureRequest) -> Lookups:
    """Ask a question such as ("mx", "good.test"), in either world."""
    if request.param == "asyncio":
        suspending = StubResolver(name_servers=[server])
        return lambda question: asyncio.run(_lookup(suspending, question))
    never = StubResolver(name_servers=[server], exchange=BlockingExchange())
    return lambda question: run(_lookup(never, question))


async def _lookup(resolver: Resolver, question: Question) -> Answer[object]:
    lookup, name = question
    method: Callable[[str], Awaitable[Answer[object]]] = getattr(resolver, lookup)
    return await method(name)


def _shown(value: object) -> str:
    # Sets have no order, and a test must have the same name in every process.
    return str(sorted(value, key=str) if isinstance(value, set) else value)[:60]


ANSWERS: list[tuple[Question, set[object], bool, str]] = [
    (
        ("mx", "good.test"),
        {MX(10, "mx.good.test"), MX(20, "backup.good.test")},
        SECURE,
        "good.test",
    ),
    (
        ("mx", "GOOD.Test."),
        {MX(10, "mx.good.test"), MX(20, "backup.good.test")},
        SECURE,
        "good.test",
    ),
    (("mx", "null.good.test"), {MX(0, "")}, SECURE, "null.good.test"),
    (("addresses", "mx.good.test"), {V4}, SECURE, "mx.good.test"),
    (
        ("addresses", "backup.good.test"),
        {IPv4Address("127.0.0.2"), IPv6Address("::1")},
        SECURE,
        "backup.good.test",
    ),
    (("tlsa", "_25._tcp.mx.good.test"), {RECORD}, SECURE, "_25._tcp.mx.good.test"),
    (("txt", "many.good.test"), {"one record", "caf\xe9"}, SECURE, "many.good.test"),
    # It does not fit into a datagram, and comes by TCP.
    (("txt", "big.good.test"), {"x" * 2500}, SECURE, "big.good.test"),
    (("txt", "any.wild.good.test"), {"wild"}, SECURE, "any.wild.good.test"),
    # Denials are answers as well, and proven ones where the zone is signed.
    (("mx", "mx.good.test"), set(), SECURE, "mx.good.test"),
    (("mx", "any.wild.good.test"), set(), SECURE, "any.wild.good.test"),
    # Nothing is there, but names below it are.
    (("addresses", "empty.good.test"), set(), SECURE, "empty.good.test"),
    (("mx", "plain.test"), {MX(10, "mx.plain.test")}, INSECURE, "plain.test"),
    (("tlsa", "_25._tcp.mx.plain.test"), {RECORD}, INSECURE, "_25._tcp.mx.plain.test"),
    (("mx", "mx.plain.test"), set(), INSECURE, "mx.plain.test"),
    # An alias is as secure as the weaker of its ends.
    (("addresses", "inside.good.test"), {V4}, SECURE, "mx.good.test"),
    (("addresses", "to-plain.good.test"), {V4}, INSECURE, "mx.plain.test"),
    (("addresses", "to-good.plain.test"), {V4}, INSECURE, "mx.good.test"),
    # One bad signature spoils its own records alone.
    (("addresses", "mx.half.test"), {V4}, SECURE, "mx.half.test"),
    # A signed zone with an unsigned one below it.
    (("addresses", "mx.island.test"), {V4}, SECURE, "mx.island.test"),
    (("tlsa", "_25._tcp.mx.island.test"), {RECORD}, INSECURE, "_25._tcp.mx.island.test"),
]


@pytest.mark.parametrize(("question", "records", "authentic", "name"), ANSWERS, ids=_shown)
def test_an_answer_is_as_authentic_as_all_that_leads_to_it(
    ask: Lookups, question: Question, records: set[object], authentic: bool, name: str
) -> None:
    answer = ask(question)
    assert set(answer.records) == records
    assert answer.authentic is authentic
    assert answer.name == name
    assert 0 < answer.ttl <= 300


@pytest.mark.parametrize(
    ("question", "missing", "authentic"),
    [
        (("mx", "nobody.good.test"), "nobody.good.test", SECURE),
        (("tlsa", "_25._tcp.backup.good.test"), "_25._tcp.backup.good.test", SECURE),
        (("addresses", "to-nowhere.good.test"), "nowhere.good.test", SECURE),
        (("mx", "no-such-tld"), "no-such-tld", SECURE),
        (("mx", "nobody.plain.test"), "nobody.plain.test", INSECURE),
        (("addresses", "nobody.plain.test"), "nobody.plain.test", INSECURE),
    ],
)
def test_a_name_that_does_not_exist_says_how_sure_that_is(
    ask: Lookups, question: Question, missing: str, authentic: bool
) -> None:
    with pytest.raises(NameDoesNotExist) as failed:
        ask(question)
    assert failed.value.text == f"{missing} does not exist"
    assert failed.value.authentic is authentic
    assert 0 < failed.value.ttl <= 60
    assert not failed.value.is_temporary


@pytest.mark.parametrize(
    "question",
    [
        ("mx", "bogus.test"),
        ("mx", "nobody.bogus.test"),
        ("mx", "expired.test"),
        ("mx", "wrong-key.test"),
        ("addresses", "to-bogus.good.test"),
        ("tlsa", "_25._tcp.mx.half.test"),
        # Nobody is told that a record is missing without proof.
        ("txt", "mx.bogus.test"),
    ],
)
def test_what_does_not_validate_is_bogus_and_no_answer(ask: Lookups, question: Question) -> None:
    with pytest.raises(BogusAnswer, match=question[1]) as failed:
        ask(question)
    assert failed.value.is_temporary


@pytest.mark.parametrize("question", [("mx", "dead.test"), ("addresses", "x.dead.test")])
def test_a_zone_that_nobody_serves_is_a_failure_and_not_bogus(
    ask: Lookups, question: Question
) -> None:
    with pytest.raises(ResolverFailure, match="SERVFAIL") as failed:
        ask(question)
    assert not isinstance(failed.value, BogusAnswer)


async def test_a_resolver_that_says_itself_what_is_bogus_is_believed(tree: SignedZones) -> None:
    with unbound(tree, extended_errors=True) as where:
        resolver = StubResolver(name_servers=[where])
        for name in ("bogus.test", "expired.test", "wrong-key.test"):
            with pytest.raises(BogusAnswer):
                await resolver.mx(name)
        with pytest.raises(ResolverFailure, match="SERVFAIL"):
            await resolver.mx("dead.test")


async def test_many_questions_at_a_time(server: NameServer) -> None:
    resolver = StubResolver(name_servers=[server])
    answers = await asyncio.gather(*(resolver.txt(f"n{n}.wild.good.test") for n in range(50)))
    assert {(answer.records, answer.authentic) for answer in answers} == {(("wild",), True)}


def test_the_parts_start_within_two_seconds() -> None:
    began = time.monotonic()
    with unbound(make_dns_tree()):
        assert time.monotonic() - began < 2


@pytest.mark.needs("posttls-finger")
def test_postfix_in_a_namespace_sees_the_same_dns(tree: SignedZones, tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n", encoding="ascii")
    with NetworkNamespace() as namespace, unbound(tree, namespace=namespace):

        def finger(name: str) -> str:
            done = namespace.run(
                *("env", f"MAIL_CONFIG={tmp_path}", "posttls-finger"),
                *("-l", "dane-only", "-t", "5", name),
            )
            return done.stdout + done.stderr

        # Nobody listens there; it came as far as to a policy.
        assert "mx.good.test[127.0.0.1]:25: Connection refused" in finger("good.test")
        assert "TLSA lookup error for mx.half.test:25" in finger("half.test")
        assert "name=bogus.test type=MX: Host not found, try again" in finger("bogus.test")
        assert "nullMX" in finger("null.good.test")
        assert "no TLSA records found" in finger("plain.test")


def test_a_socket_of_a_namespace_is_used_from_outside() -> None:
    with (
        NetworkNamespace() as namespace,
        namespace.listen("127.0.0.7", 25) as listener,
        namespace.make_socket() as client,
    ):
        client.connect(("127.0.0.7", 25))
        accepted, _ = listener.accept()
        with accepted:
            accepted.sendall(b"220 hello\r\n")
            assert client.recv(100) == b"220 hello\r\n"
