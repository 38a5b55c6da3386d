"""What is malformed, too large, too slow or cut, from its first octet to the decision.

A name server and a web server of the test's own say it over real sockets. Whatever it is, it has
an error of its own, nothing is kept of it, and no mail server is connected to that should not be.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import dns.message
import pytest
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from postseal.dns import BogusAnswer, ResolverFailure
from postseal.dns.exchange import AsyncioExchange, BlockingExchange
from postseal.dns.name_servers import NameServer
from postseal.dns.stub import StubResolver
from postseal.errors import MailError, StartTLSStripped, TLSResultType
from postseal.send.explanation.explained import (
    Action,
    ExplainedDestination,
    ExplainedServer,
    Verdict,
)
from postseal.send.explanation.explaining import Depth, explain_destination
from postseal.send.mx.policy_cache import CachedPolicy, MemoryPolicyCache, PolicyCache
from postseal.send.mx.policy_files import DirectoryPolicyCache
from postseal.send.session.connection import ConnectionOptions
from postseal.tls import PeerProof, PolicySource, TLSLevel
from postseal.tls.dane import DNSState, TLSAState
from postseal.tls.ladder import Defer, Deliver
from postseal.tls.mta_sts import MAX_POLICY_SIZE, MTAStsMode, MTAStsPolicy
from tests.integration.send.scripts import greet, take_quit
from tests.parts.hostile_server import HostileServer, Script, Talk
from tests.parts.name_server import name_server, respond
from tests.parts.routed_network import RoutedNetwork
from tests.parts.web_authority import WebAuthority
from tests.parts.web_scripts import answering, dripping, response
from tests.parts.worlds import World, in_each_world

DOMAIN, HOST, WEB = "example.org", "mx.example.org", "mta-sts.example.org"
TLSA_NAME, STS_NAME = f"_25._tcp.{HOST}", f"_mta-sts.{DOMAIN}"
ENFORCE = MTAStsPolicy(MTAStsMode.ENFORCE, (HOST,), 86_400)
POLICY = ENFORCE.write()

Say = Callable[[dns.message.Message], Sequence[bytes]]


def saying(*records: str, authentic: bool = True) -> Say:
    return lambda query: [respond(query, *records, authentic=authentic).to_wire()]


def silence(_: dns.message.Message) -> Sequence[bytes]:
    return ()


def failing(query: dns.message.Message) -> Sequence[bytes]:
    """What a validating resolver says where validation failed; without it there is an answer."""
    if query.flags & dns.flags.CD:
        return [respond(query).to_wire()]
    return [respond(query, rcode=Rcode.SERVFAIL).to_wire()]


def broken(query: dns.message.Message) -> Sequence[bytes]:
    return [respond(query, rcode=Rcode.SERVFAIL).to_wire()]


def cut(query: dns.message.Message) -> Sequence[bytes]:
    """Truncated by UDP and by TCP."""
    return [respond(query, truncated=True).to_wire()]


def rubbish(query: dns.message.Message) -> Sequence[bytes]:
    return [query.to_wire()[:2] + b"\x81\x80" + b"\xff" * 40]


USUAL: Mapping[tuple[str, str], Say] = {
    (DOMAIN, "MX"): saying(f"{DOMAIN}. MX 10 {HOST}."),
    (HOST, "A"): saying(f"{HOST}. A 127.0.0.1"),
    (WEB, "A"): saying(f"{WEB}. A 127.0.0.1"),
}
ANNOUNCED: dict[tuple[str, str], Say] = {
    (STS_NAME, "TXT"): saying(f'{STS_NAME}. TXT "v=STSv1; id=1;"')
}


def in_clear(talk: Talk) -> None:
    greet(talk)
    take_quit(talk)


@dataclass(slots=True)
class Place:
    """The domain; `said` is what its DNS says beyond the usual, `web` its web server."""

    world: World
    authority: WebAuthority
    said: Mapping[tuple[str, str], Say] = field(default_factory=dict)
    web: Callable[[ssl.SSLContext], Script] | None = None
    cache: PolicyCache = field(default_factory=MemoryPolicyCache)
    timeout: float = 5.0
    patience: float = 2.0
    connected: list[tuple[str, int]] = field(default_factory=list)

    def explain(self) -> ExplainedDestination:
        with ExitStack() as stack:
            mail = stack.enter_context(HostileServer(in_clear))
            routes = {HOST: mail.port}
            if self.web is not None:
                script = self.web(self.authority.context(WEB))
                routes[WEB] = stack.enter_context(HostileServer(script)).port
            names = stack.enter_context(name_server(self._by_udp, self._by_tcp))
            return self.world.drive(self._explain(names, routes))

    def hurry(self, fault: str) -> None:
        """Wait a moment only, where waiting is all that comes of a fault."""
        if fault in ("silence", "rubbish"):
            self.patience = 0.3
        if fault == "slow drip":
            self.timeout = 1.0

    @property
    def was_connected(self) -> bool:
        return any(host == HOST for host, _ in self.connected)

    def kept(self) -> tuple[str, ...]:
        return self.world.drive(self.cache.domains())

    async def _explain(self, names: NameServer, routes: dict[str, int]) -> ExplainedDestination:
        network = RoutedNetwork(self.world.network(), routes, self.connected)
        exchange = BlockingExchange() if self.world is World.BLOCKING else AsyncioExchange()
        return await explain_destination(
            DOMAIN,
            network=network,
            resolver=StubResolver(
                name_servers=[names],
                exchange=exchange,
                timeout=2 * self.patience,
                patience=self.patience,
            ),
            options=ConnectionOptions(trust=self.authority.trust),
            depth=Depth.CONNECTION,
            cache=self.cache,
            timeout=self.timeout,
        )

    def _by_udp(self, octets: bytes) -> Sequence[bytes]:
        query = dns.message.from_wire(octets)
        question = query.question[0]
        key = (question.name.to_text(omit_final_dot=True), RdataType.to_text(question.rdtype))
        say = {**USUAL, **self.said}.get(key) or saying()
        return say(query)

    def _by_tcp(self, octets: bytes) -> Sequence[bytes]:
        return [len(one).to_bytes(2, "big") + one for one in self._by_udp(octets)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> WebAuthority:
    return WebAuthority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def place(world: World, authority: WebAuthority) -> Place:
    return Place(world, authority)


def the_server(explained: ExplainedDestination) -> ExplainedServer:
    (server,) = explained.servers
    return server


def is_readable(problem: MailError | None) -> bool:
    assert problem is not None
    return str(problem).isprintable() and len(str(problem)) < 600


# -- the place itself -----------------------------------------------------------------------------


@in_each_world
def test_without_a_fault_the_policy_is_fetched_kept_and_enforced(place: Place) -> None:
    place.said = ANNOUNCED
    place.web = lambda context: answering(context, response(POLICY))
    explained = place.explain()
    trial = the_server(explained).trial
    assert trial is not None
    # The server has no TLS.
    assert isinstance(trial.problem, StartTLSStripped)
    assert (explained.action, explained.verdict) == (Action.DEFER, Verdict.FALLS_SHORT)
    assert place.kept() == (DOMAIN,)


# -- policies -------------------------------------------------------------------------------------

BAD_POLICIES: dict[str, tuple[Callable[[ssl.SSLContext], Script], TLSResultType]] = {
    "malformed": (
        lambda context: answering(context, response(b"version: STSv1\nmode: some\n")),
        TLSResultType.STS_POLICY_INVALID,
    ),
    "not UTF-8": (
        lambda context: answering(context, response(b"\xff" + POLICY)),
        TLSResultType.STS_POLICY_INVALID,
    ),
    "oversized": (
        lambda context: answering(context, response(POLICY + b"x: " + b"a" * MAX_POLICY_SIZE)),
        TLSResultType.STS_POLICY_FETCH_ERROR,
    ),
    "redirect": (
        lambda context: answering(
            context, response(POLICY, f"Location: https://{WEB}/b", status="302 Found")
        ),
        TLSResultType.STS_POLICY_FETCH_ERROR,
    ),
    "slow drip": (
        lambda context: dripping(context, response(POLICY)),
        TLSResultType.STS_POLICY_FETCH_ERROR,
    ),
}


@in_each_world
@pytest.mark.parametrize("fault", BAD_POLICIES)
def test_a_bad_policy_is_no_policy_and_is_not_kept(place: Place, fault: str) -> None:
    place.web, result_type = BAD_POLICIES[fault]
    place.said = ANNOUNCED
    place.hurry(fault)
    explained = place.explain()
    assert explained.mta_sts is not None
    problem = explained.mta_sts.problem
    assert explained.mta_sts.policy is None
    assert problem is not None
    assert problem.result_type is result_type
    assert is_readable(problem)
    decision = the_server(explained).decision
    assert isinstance(decision, Deliver)
    assert decision.policy.source is PolicySource.DEFAULT
    # Nobody knows what the domain asks for.
    assert explained.verdict is Verdict.INCONCLUSIVE
    assert place.kept() == ()


@in_each_world
@pytest.mark.parametrize("fault", BAD_POLICIES)
def test_a_bad_policy_does_not_take_the_place_of_a_good_one(place: Place, fault: str) -> None:
    place.web, _ = BAD_POLICIES[fault]
    place.said = ANNOUNCED
    place.hurry(fault)
    known = CachedPolicy("0", ENFORCE, ConnectionOptions().clock())
    place.cache = MemoryPolicyCache(policies={DOMAIN: known})
    explained = place.explain()
    decision = the_server(explained).decision
    assert isinstance(decision, Deliver)
    assert decision.policy.source is PolicySource.MTA_STS
    assert decision.policy.proofs == {PeerProof.PKIX}
    trial = the_server(explained).trial
    assert trial is not None
    assert isinstance(trial.problem, StartTLSStripped)
    assert place.world.drive(place.cache.get(DOMAIN)) == known


# -- TXT ------------------------------------------------------------------------------------------


@in_each_world
@pytest.mark.parametrize(
    "texts",
    [
        ["v=STSv1; id=;"],
        ["v=STSv1; id=with space;"],
        ["v=STSv1;"],
        ["v=STSv1; id=" + "1" * 33 + ";"],
        ["v=STSv1; id=1;", "v=STSv1; id=2;"],
        ["v=STSv1; id=1; \\000"],
    ],
)
def test_a_malformed_record_announces_nothing(place: Place, texts: list[str]) -> None:
    place.said = {(STS_NAME, "TXT"): saying(*(f'{STS_NAME}. TXT "{text}"' for text in texts))}
    explained = place.explain()
    assert explained.mta_sts is not None
    assert explained.mta_sts.policy is None
    problem = explained.mta_sts.problem
    assert problem is not None
    assert problem.result_type is TLSResultType.STS_POLICY_INVALID
    assert is_readable(problem)
    assert not any(host == WEB for host, _ in place.connected)
    assert place.kept() == ()


# -- the DNS --------------------------------------------------------------------------------------

FAILURES: dict[str, tuple[Say, type[ResolverFailure], Verdict]] = {
    "silence": (silence, ResolverFailure, Verdict.INCONCLUSIVE),
    "cut off": (cut, ResolverFailure, Verdict.INCONCLUSIVE),
    "server failure": (broken, ResolverFailure, Verdict.INCONCLUSIVE),
    "rubbish": (rubbish, ResolverFailure, Verdict.INCONCLUSIVE),
    "forged": (failing, BogusAnswer, Verdict.FALLS_SHORT),
}


@in_each_world
@pytest.mark.parametrize("fault", FAILURES)
def test_without_mx_records_nothing_is_connected_to(place: Place, fault: str) -> None:
    say, kind, verdict = FAILURES[fault]
    place.said = {(DOMAIN, "MX"): say}
    place.hurry(fault)
    explained = place.explain()
    assert type(explained.problem) is kind
    assert is_readable(explained.problem)
    assert (explained.action, explained.verdict) == (Action.DEFER, verdict)
    assert place.connected == []


@in_each_world
@pytest.mark.parametrize("fault", FAILURES)
def test_without_tlsa_records_the_server_is_not_connected_to(place: Place, fault: str) -> None:
    say, kind, verdict = FAILURES[fault]
    place.said = {(TLSA_NAME, "TLSA"): say}
    place.hurry(fault)
    explained = place.explain()
    server = the_server(explained)
    assert server.dane is not None
    assert server.dane.dns is DNSState.SECURE
    assert server.dane.tlsa is (TLSAState.BOGUS if kind is BogusAnswer else TLSAState.FAILED)
    assert type(server.dane.problem) is kind
    assert is_readable(server.dane.problem)
    assert isinstance(server.decision, Defer)
    error = server.decision.error(host=HOST)
    assert error.result_type is TLSResultType.DNSSEC_INVALID
    assert (explained.action, explained.verdict) == (Action.DEFER, verdict)
    assert not place.was_connected


@in_each_world
@pytest.mark.parametrize("fault", FAILURES)
def test_without_addresses_the_server_is_not_connected_to(place: Place, fault: str) -> None:
    say, kind, verdict = FAILURES[fault]
    place.said = {(HOST, "A"): say, (HOST, "AAAA"): say}
    place.hurry(fault)
    explained = place.explain()
    server = the_server(explained)
    assert type(server.problem) is kind
    assert isinstance(server.decision, Defer)
    assert (explained.action, explained.verdict) == (Action.DEFER, verdict)
    assert not place.was_connected


@in_each_world
def test_a_tlsa_record_that_is_too_short_defers(place: Place) -> None:
    place.said = {(TLSA_NAME, "TLSA"): saying(f"{TLSA_NAME}. TLSA 3 1 1 ")}
    explained = place.explain()
    server = the_server(explained)
    assert server.dane is not None
    assert server.dane.tlsa is TLSAState.FAILED
    assert "3 octets" in str(server.dane.problem)
    assert isinstance(server.decision, Defer)
    assert not place.was_connected


@in_each_world
@pytest.mark.parametrize(
    "data", ["3 1 1 abcd", "3 1 2 " + "00" * 32, "3 9 1 " + "00" * 32, "3 0 0 00", "255 255 255 00"]
)
def test_tlsa_records_that_nobody_can_check_ask_for_tls_still(place: Place, data: str) -> None:
    place.said = {(TLSA_NAME, "TLSA"): saying(f"{TLSA_NAME}. TLSA {data}")}
    explained = place.explain()
    server = the_server(explained)
    assert isinstance(server.decision, Deliver)
    assert server.decision.policy.level is TLSLevel.ENCRYPTED
    assert server.trial is not None
    assert isinstance(server.trial.problem, StartTLSStripped)


def test_a_bad_policy_file_is_not_written_to_disk_either(
    tmp_path: Path, authority: WebAuthority
) -> None:
    place = Place(World.BLOCKING, authority, ANNOUNCED, cache=DirectoryPolicyCache(tmp_path))
    place.web = BAD_POLICIES["malformed"][0]
    place.explain()
    assert list(tmp_path.iterdir()) == []
