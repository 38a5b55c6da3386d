"""The ladder over real TLS: what was found out decides; a connection meets it or is not used."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import trustme

from postseal.dns import Answer
from postseal.errors import CertificateRejected, PolicyNotMet, StartTLSStripped
from postseal.send import Endpoint, Outgoing
from postseal.send.mx.dane import DaneFinding, find_dane
from postseal.send.mx.server_policy import Destination, decide_server, host_assurance, sealed_by
from postseal.send.networks.blocking import run
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.send.session.transaction import deliver
from postseal.testing import MemoryResolver
from postseal.tls import Opening, PeerProof, PolicySource, TLSLevel, TLSOutcome, Trust
from postseal.tls.dane import DNSState, TLSAState
from postseal.tls.ladder import Defer, Deliver, Refuse, fallen_short
from postseal.tls.mta_sts import MTAStsMode, MTAStsPolicy
from postseal.tls.remembered import Fall, RememberingRule, Sighting
from postseal.tls.requiretls import HostAssurance, TLSRequirement
from postseal.tls.statements import configuration_statement
from postseal.tls.tlsa import TLSA, tlsa_name
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
from tests.parts.hostile_server import HostileServer, Script, Talk
from tests.parts.ports import LOOPBACK
from tests.parts.worlds import World, in_each_world

DOMAIN, HOST = "example.org", "mx.example.org"
NO_DANE = DaneFinding(DNSState.INSECURE, TLSAState.ABSENT, HOST)
ENFORCE = MTAStsPolicy(MTAStsMode.ENFORCE, (HOST,), 86400)
PLAIN = Destination(domain=DOMAIN, has_mx=True, mx_is_authentic=False)
SIGNED = replace(PLAIN, mx_is_authentic=True)


@dataclass(frozen=True, slots=True)
class Site:
    """An authority that senders trust, and a server's certificate that it issued."""

    trust: Trust
    certificate: bytes
    context: ssl.SSLContext

    @property
    def record(self) -> TLSA:
        return TLSA.of(self.certificate)


def make_site(directory: Path, name: str) -> Site:
    authority = trustme.CA()
    leaf = authority.issue_cert(name)
    ca_file = directory / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    pem = leaf.cert_chain_pems[0].bytes().decode()
    return Site(Trust.only(ca_file), ssl.PEM_cert_to_DER_cert(pem), context)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("site"), HOST)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("stranger"), "elsewhere.example")


def sealed(site: Site) -> Script:
    def script(talk: Talk) -> None:
        starttls(talk, site.context)
        take_message(talk)
        take_quit(talk)

    return script


def stripped(talk: Talk) -> None:
    greet(talk, "SIZE")
    take_message(talk)
    take_quit(talk)


def dane(*records: TLSA) -> DaneFinding:
    """What a signed DNS in memory says of the server."""
    resolver = MemoryResolver()
    resolver.add(HOST, IPv4Address(LOOPBACK))
    resolver.add(tlsa_name(HOST, port=25), *records)
    mx: Answer[object] = Answer((), True, DOMAIN, 60.0)
    return run(find_dane(resolver, HOST, port=25, next_hop=DOMAIN, mx=mx))


def send(
    world: World, script: Script, destination: Destination, found: DaneFinding, trust: Trust
) -> tuple[Deliver, TLSOutcome]:
    made = decide_server(HOST, destination, found)
    assert isinstance(made, Deliver)
    with HostileServer(script) as server:
        endpoint, options = sealed_by(
            made,
            Endpoint(LOOPBACK, server.port, Opening.STARTTLS, TLSLevel.NONE),
            ConnectionOptions(trust=trust, tls_name=HOST),
            found,
        )

        async def deliver_one() -> TLSOutcome:
            network = world.network()
            deadline = network.now() + 10
            connection = await Connection.open(network, endpoint, options, deadline=deadline)
            outgoing = Outgoing(envelope=ENVELOPE, content=CONTENT)
            await deliver(connection, outgoing, deadline=deadline)
            await connection.quit(deadline=deadline)
            return connection.tls

        try:
            return made, world.drive(deliver_one())
        except Exception:
            assert find_canaries(server.received, CANARIES) == set()
            raise


@in_each_world
def test_dane_goes_before_mta_sts(world: World, site: Site, stranger: Site) -> None:
    # Nobody trusts the authority; the record vouches for the key, and that is enough.
    destination = replace(SIGNED, mta_sts=ENFORCE)
    made, had = send(world, sealed(site), destination, dane(site.record), stranger.trust)
    assert made.policy.source is PolicySource.DANE
    assert had.proof is PeerProof.DANE


@in_each_world
def test_a_trusted_certificate_does_not_stand_in_for_dane(
    world: World, site: Site, stranger: Site
) -> None:
    with pytest.raises(CertificateRejected):
        send(world, sealed(site), SIGNED, dane(stranger.record), site.trust)


@in_each_world
def test_mta_sts_asks_for_a_trusted_certificate(world: World, site: Site, stranger: Site) -> None:
    destination = replace(PLAIN, mta_sts=ENFORCE)
    made, had = send(world, sealed(site), destination, NO_DANE, site.trust)
    assert (made.policy.source, had.proof) == (PolicySource.MTA_STS, PeerProof.PKIX)
    with pytest.raises(CertificateRejected):
        send(world, sealed(stranger), destination, NO_DANE, site.trust)
    with pytest.raises(StartTLSStripped):
        send(world, stripped, destination, NO_DANE, site.trust)


@in_each_world
def test_a_proof_that_does_not_count_is_none(world: World, site: Site) -> None:
    # Pins alone were asked for, and the trust given proves by authorities.
    pinned = configuration_statement(
        TLSLevel.AUTHENTICATED, setting="a setting", proofs=frozenset({PeerProof.PIN})
    )
    with pytest.raises(PolicyNotMet) as caught:
        send(world, sealed(site), replace(PLAIN, local=(pinned,)), NO_DANE, site.trust)
    assert "asks for authenticated by pin (configuration)" in str(caught.value)
    assert "the connection is authenticated by PKIX" in str(caught.value)


@in_each_world
def test_tls_required_no_gets_a_complaint_through(world: World, site: Site, stranger: Site) -> None:
    destination = replace(SIGNED, mta_sts=ENFORCE, requirement=TLSRequirement.NOT_REQUIRED)
    made, had = send(world, sealed(stranger), destination, dane(site.record), site.trust)
    assert made.policy.source is PolicySource.TLS_REQUIRED_NO
    assert had.level is TLSLevel.ENCRYPTED


@in_each_world
def test_a_server_that_was_sealed_before_is_not_believed_to_have_lost_it(
    world: World, site: Site
) -> None:
    known = Sighting(TLSLevel.ENCRYPTED, 0.0)

    def remembering(fall: Fall) -> Destination:
        said = RememberingRule(fall=fall).statement(DOMAIN, known, now=1.0)
        assert said is not None
        return replace(PLAIN, local=(said,))

    with pytest.raises(StartTLSStripped):
        send(world, stripped, remembering(Fall.DEFER), NO_DANE, site.trust)
    made, had = send(world, stripped, remembering(Fall.REPORT), NO_DANE, site.trust)
    assert had.level is TLSLevel.NONE
    (finding,) = fallen_short(made.watched, had)
    assert finding.source is PolicySource.REMEMBERED


@pytest.mark.parametrize("state", [DNSState.BOGUS, DNSState.FAILED])
def test_trouble_with_the_dns_is_no_reason_to_ask_for_less(state: DNSState) -> None:
    found = DaneFinding(state, TLSAState.FAILED, HOST)
    made = decide_server(HOST, replace(SIGNED, mta_sts=ENFORCE), found)
    assert isinstance(made, Defer)
    assert made.error(host=HOST).is_temporary


NONE_POLICY = MTAStsPolicy(MTAStsMode.NONE, (HOST,), 86400)
TESTING = MTAStsPolicy(MTAStsMode.TESTING, (HOST,), 86400)
OTHERS = MTAStsPolicy(MTAStsMode.ENFORCE, ("other.example.org",), 86400)


@pytest.mark.parametrize(
    ("destination", "assurance"),
    [
        (PLAIN, HostAssurance.NONE),
        (SIGNED, HostAssurance.DNSSEC),
        (replace(PLAIN, has_mx=False), HostAssurance.ITSELF),
        (replace(PLAIN, mta_sts=ENFORCE), HostAssurance.MTA_STS),
        (replace(PLAIN, mta_sts=TESTING), HostAssurance.MTA_STS),
        (replace(PLAIN, mta_sts=OTHERS), HostAssurance.NONE),
        (replace(PLAIN, mta_sts=NONE_POLICY), HostAssurance.NONE),
        (replace(SIGNED, mta_sts=OTHERS), HostAssurance.DNSSEC),
    ],
)
def test_why_a_name_is_believed(destination: Destination, assurance: HostAssurance) -> None:
    assert host_assurance(HOST, destination) is assurance
    required = replace(destination, requirement=TLSRequirement.REQUIRED, mta_sts=None)
    if host_assurance(HOST, required) is HostAssurance.NONE:
        assert isinstance(decide_server(HOST, required, NO_DANE), Refuse)
    else:
        assert isinstance(decide_server(HOST, required, NO_DANE), Deliver)
