"""DANE over real TLS, from the lookup in a DNS in memory to the message, in both worlds."""

from __future__ import annotations

import ssl
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509

from postseal.dns import MX
from postseal.errors import (
    CertificateReason,
    CertificateRejected,
    InvalidSetting,
    StartTLSStripped,
)
from postseal.send import Endpoint, Outgoing
from postseal.send.mx.dane import find_dane
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.send.session.sessions import SessionCache
from postseal.send.session.transaction import deliver
from postseal.testing import MemoryResolver
from postseal.tls import Opening, PeerProof, TLSLevel, TLSOutcome
from postseal.tls.dane import DanePeer
from postseal.tls.tlsa import TLSA, MatchingType, Selector, Usage
from tests.integration.send.scripts import (
    CANARIES,
    CONTENT,
    ENVELOPE,
    greet,
    starttls,
    take_message,
    take_quit,
)
from tests.parts.canaries import find_canaries
from tests.parts.chains import EXPIRED, NOW, Issued, issue
from tests.parts.hostile_server import HostileServer, Script, Talk
from tests.parts.ports import LOOPBACK
from tests.parts.worlds import World, in_each_world

DOMAIN, HOST = "example.org", "mx.example.org"
ROOT = issue("root", authority=True)
SERVER = issue("server", HOST, issuer=ROOT)
# Neither its name nor its dates are of any use.
UNRULY = issue("anything", dates=EXPIRED, key=SERVER.key)


def context_for(directory: Path, *chain: Issued) -> ssl.SSLContext:
    path = directory / "chain.pem"
    path.write_bytes(
        b"".join(one.pem if n == 0 else _certificate(one) for n, one in enumerate(chain))
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _certificate(issued: Issued) -> bytes:
    return issued.pem[issued.pem.index(b"-----BEGIN CERTIFICATE") :]


def honest(context: ssl.SSLContext) -> Script:
    def script(talk: Talk) -> None:
        starttls(talk, context)
        take_message(talk)
        take_quit(talk)

    return script


async def found(*records: TLSA, port: int) -> DanePeer:
    resolver = MemoryResolver()
    resolver.add(DOMAIN, MX(10, HOST))
    resolver.add(HOST, IPv4Address(LOOPBACK))
    resolver.add(f"_{port}._tcp.{HOST}", *records)
    mx = await resolver.mx(DOMAIN)
    finding = await find_dane(resolver, HOST, port=port, next_hop=DOMAIN, mx=mx)
    assert finding.peer is not None
    return finding.peer


def send(world: World, script: Script, *records: TLSA) -> tuple[TLSOutcome, HostileServer]:
    with HostileServer(script) as server:

        async def deliver_one() -> TLSOutcome:
            network = world.network()
            deadline = network.now() + 10
            options = ConnectionOptions(
                dane=await found(*records, port=server.port), clock=NOW.timestamp
            )
            endpoint = Endpoint(LOOPBACK, server.port, Opening.STARTTLS, TLSLevel.AUTHENTICATED)
            connection = await Connection.open(network, endpoint, options, deadline=deadline)
            outgoing = Outgoing(envelope=ENVELOPE, content=CONTENT)
            await deliver(connection, outgoing, deadline=deadline)
            await connection.quit(deadline=deadline)
            return connection.tls

        try:
            return world.drive(deliver_one()), server
        except Exception:
            assert find_canaries(server.received, CANARIES) == set()
            raise


EE = [TLSA.of(SERVER.der, selector=s, matching_type=m) for s in Selector for m in MatchingType]
TA = [
    TLSA.of(ROOT.der, usage=Usage.DANE_TA, selector=s, matching_type=m)
    for s in Selector
    for m in MatchingType
]


@in_each_world
@pytest.mark.parametrize("record", [*EE, *TA], ids=lambda record: str(record)[:5])
def test_a_server_with_a_matching_record_gets_the_mail(
    world: World, tmp_path: Path, record: TLSA
) -> None:
    outcome, server = send(world, honest(context_for(tmp_path, SERVER, ROOT)), record)
    assert (outcome.level, outcome.proof) == (TLSLevel.AUTHENTICATED, PeerProof.DANE)
    assert outcome.authenticated_by.startswith(f"DANE TLSA {str(record)[:5]} ")
    assert b"canary number 4711" in server.received


@in_each_world
def test_the_servers_own_key_is_enough(world: World, tmp_path: Path) -> None:
    outcome, _ = send(world, honest(context_for(tmp_path, UNRULY)), TLSA.of(SERVER.der))
    assert outcome.proof is PeerProof.DANE


@in_each_world
@pytest.mark.parametrize("record", [*EE, *TA], ids=lambda record: str(record)[:5])
def test_a_server_without_a_matching_record_gets_nothing(
    world: World, tmp_path: Path, record: TLSA
) -> None:
    mallory = issue("mallory", HOST)
    # What it shows behind its own certificate is public.
    context = context_for(tmp_path, mallory, SERVER, ROOT)
    with pytest.raises(CertificateRejected) as caught:
        send(world, honest(context), record)
    assert caught.value.is_temporary


@in_each_world
def test_an_anchor_does_not_vouch_for_other_names(world: World, tmp_path: Path) -> None:
    other = issue("other", "customer.example", issuer=ROOT)
    with pytest.raises(CertificateRejected) as caught:
        send(world, honest(context_for(tmp_path, other, ROOT)), TA[1])
    assert caught.value.reason is CertificateReason.WRONG_NAME


@in_each_world
def test_tls_that_is_not_offered_is_not_done_without(world: World) -> None:
    def script(talk: Talk) -> None:
        greet(talk)
        take_message(talk)

    with pytest.raises(StartTLSStripped):
        send(world, script, EE[0])


@in_each_world
def test_the_server_is_asked_for_by_its_base_domain(world: World, tmp_path: Path) -> None:
    # RFC 7672 8.1: a server with several certificates has to know which one the records name.
    asked: list[str | None] = []
    context = context_for(tmp_path, SERVER, ROOT)
    context.sni_callback = lambda _, name, __: asked.append(name)
    send(world, honest(context), EE[1])
    assert asked == [HOST]


def test_dane_is_no_part_of_a_lower_level() -> None:
    async def open_at(level: TLSLevel) -> None:
        network = World.BLOCKING.network()
        endpoint = Endpoint(LOOPBACK, 25, Opening.STARTTLS, level)
        options = ConnectionOptions(dane=DanePeer((EE[1],), HOST))
        await Connection.open(network, endpoint, options, deadline=network.now() + 1)

    for level in (TLSLevel.NONE, TLSLevel.OPPORTUNISTIC, TLSLevel.ENCRYPTED):
        with pytest.raises(InvalidSetting):
            World.BLOCKING.drive(open_at(level))


@in_each_world
def test_a_resumed_session_is_judged_by_the_records_of_today(world: World, tmp_path: Path) -> None:
    context = context_for(tmp_path, SERVER, ROOT)

    async def outcome(options: ConnectionOptions, port: int) -> TLSOutcome:
        deadline = network.now() + 10
        endpoint = Endpoint(LOOPBACK, port, Opening.STARTTLS, TLSLevel.AUTHENTICATED)
        connection = await Connection.open(
            network, endpoint, options, deadline=deadline, sessions=sessions
        )
        await connection.quit(deadline=deadline)
        return connection.tls

    def script(talk: Talk) -> None:
        starttls(talk, context)
        take_quit(talk)

    async def three(port: int) -> list[tuple[bool, PeerProof | None]]:
        options = ConnectionOptions(dane=DanePeer((EE[1],), HOST), clock=NOW.timestamp)
        others = replace(options, dane=DanePeer((EE[2],), HOST))
        had = [await outcome(one, port) for one in (options, options, others)]
        return [(one.is_resumed, one.proof) for one in had]

    network, sessions = world.network(), SessionCache()
    proved = PeerProof.DANE
    with HostileServer(script) as server:
        # Other records are another policy: nothing is resumed under it.
        expected = [(False, proved), (True, proved), (False, proved)]
        assert world.drive(three(server.port)) == expected


def test_the_certificates_here_are_what_they_are_meant_to_be() -> None:
    assert UNRULY.certificate.not_valid_after_utc < NOW
    with pytest.raises(x509.ExtensionNotFound):
        UNRULY.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
