"""`mx:` to servers that are what their domains publish: DANE and MTA-STS, over real TLS."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from postseal import Delivery, Message, PoolOptions
from postseal.dns import MX
from postseal.errors import CertificateReason, CertificateRejected
from postseal.send import Direct, Outgoing
from postseal.testing import MemoryResolver, SMTPServer
from postseal.tls import Trust
from postseal.tls.mta_sts import MTAStsMode, MTAStsPolicy
from postseal.tls.tlsa import TLSA
from tests.parts.hostile_server import HostileServer
from tests.parts.ports import LOOPBACK
from tests.parts.routed_network import RoutedNetwork
from tests.parts.web_authority import WebAuthority
from tests.parts.web_scripts import answering, response
from tests.parts.worlds import AnyMailer, World, in_each_world

DOMAIN, HOST, WEB = "one.example", "mx.one.example", "mta-sts.one.example"
MESSAGE = Message(from_="ada@example.com", to=[f"bob@{DOMAIN}"], subject="Hi", text="Hello.")


@pytest.fixture
def server() -> Iterator[SMTPServer]:
    with SMTPServer(names=[HOST]) as server:
        yield server


def names(*, authentic: bool) -> MemoryResolver:
    resolver = MemoryResolver(authentic=authentic)
    resolver.add(DOMAIN, MX(10, HOST))
    resolver.add(HOST, ip_address(LOOPBACK))
    return resolver


def send(
    world: World, server: SMTPServer, resolver: MemoryResolver, *, web: int = 0, **options: Any
) -> Delivery:
    async def use(mailer: AnyMailer) -> Delivery:
        return await mailer.send(MESSAGE)

    target = Direct(resolver=resolver, port=server.port, dangerous_mx_on_this_machine=True)
    network = RoutedNetwork(world.network(), {HOST: server.port, WEB: web})
    return world.mail(target, use, network=network, **options)


def certificate_of(server: SMTPServer) -> bytes:
    chain = (server.ca_file.parent / "chain.pem").read_bytes()
    return x509.load_pem_x509_certificate(chain).public_bytes(Encoding.DER)


@in_each_world
def test_a_server_is_known_by_dane_without_any_authority(world: World, server: SMTPServer) -> None:
    resolver = names(authentic=True)
    resolver.add(f"_{server.port}._tcp.{HOST}", TLSA.of(certificate_of(server)))
    delivery = send(world, server, resolver)
    assert "DANE TLSA 3 1 1" in str(delivery.tls)
    server.outbox.assert_sent(to=f"bob@{DOMAIN}")


@in_each_world
def test_a_server_that_is_not_what_dane_says_gets_nothing(world: World, server: SMTPServer) -> None:
    with SMTPServer(names=[HOST]) as another:
        record = TLSA.of(certificate_of(another))
    resolver = names(authentic=True)
    resolver.add(f"_{server.port}._tcp.{HOST}", record)
    with pytest.raises(CertificateRejected) as caught:
        # Whom the caller trusts is no matter of DANE.
        send(world, server, resolver, trust=server.trust)
    assert caught.value.reason is CertificateReason.NO_TLSA_MATCH
    server.outbox.assert_nothing_sent()


@pytest.fixture
def policy_host(tmp_path: Path) -> Iterator[tuple[HostileServer, Path]]:
    authority = WebAuthority.create(tmp_path)
    policy = MTAStsPolicy(MTAStsMode.ENFORCE, (HOST,), 86_400)
    with HostileServer(answering(authority.context(WEB), response(policy.write()))) as web:
        yield web, tmp_path / "authority.pem"


@in_each_world
def test_a_server_is_verified_as_the_policy_asks_that_its_domain_serves(
    world: World, server: SMTPServer, policy_host: tuple[HostileServer, Path]
) -> None:
    web, authority = policy_host
    resolver = names(authentic=False)
    resolver.add(f"_mta-sts.{DOMAIN}", "v=STSv1; id=1;")
    both = authority.with_name("both.pem")
    both.write_bytes(authority.read_bytes() + server.ca_file.read_bytes())
    delivery = send(world, server, resolver, web=web.port, trust=Trust.only(both))
    assert f"certificate for {HOST}" in str(delivery.tls)
    server.outbox.assert_sent(to=f"bob@{DOMAIN}")


@in_each_world
def test_a_server_that_nobody_vouches_for_gets_nothing_where_a_policy_asks(
    world: World, server: SMTPServer, policy_host: tuple[HostileServer, Path]
) -> None:
    web, authority = policy_host
    resolver = names(authentic=False)
    resolver.add(f"_mta-sts.{DOMAIN}", "v=STSv1; id=1;")
    with pytest.raises(CertificateRejected):
        send(world, server, resolver, web=web.port, trust=Trust.only(authority))
    server.outbox.assert_nothing_sent()


@in_each_world
def test_a_row_of_messages_shares_the_connection_that_dane_vouches_for(
    world: World, server: SMTPServer
) -> None:
    resolver = names(authentic=True)
    resolver.add(f"_{server.port}._tcp.{HOST}", TLSA.of(certificate_of(server)))
    letters = [
        Message(from_="ada@example.com", to=[f"bob@{DOMAIN}"], subject=str(number), text="Hello.")
        for number in range(10)
    ]

    async def use(mailer: AnyMailer) -> list[str]:
        messages = map(Outgoing.of, letters)
        return [str(sent.result().tls) async for sent in mailer.send_many(messages)]

    target = Direct(resolver=resolver, port=server.port, dangerous_mx_on_this_machine=True)
    network = RoutedNetwork(world.network(), {HOST: server.port})
    told = world.mail(target, use, network=network, pool=PoolOptions(max_connections=1))
    assert all("DANE TLSA 3 1 1" in tls for tls in told)
    assert [stored.message.subject for stored in server.outbox] == [str(n) for n in range(10)]
    assert len(server.sessions) == 1
