"""TLS sessions resumed by both mailers, against a server of Python's own ssl."""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest

from postseal import Secret, TLSLevel
from postseal.errors import CertificateRejected, HandshakeFailed
from postseal.send import Endpoint
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.send.session.sessions import SessionCache
from postseal.tls import Trust
from tests.integration.send.scripts import (
    CONTENT,
    ENVELOPE,
    PASSWORD,
    greet,
    starttls,
    take_auth,
    take_envelope,
)
from tests.parts.flawed_certificates import HOST, Certificates, Flaw
from tests.parts.hostile_server import HostileServer, Script, Talk
from tests.parts.worlds import AnyMailer, World, in_each_world

AUTH = "AUTH PLAIN"
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def takes_one_message(context: ssl.SSLContext, scheme: str) -> Script:
    """Take one message, then say goodbye: the next needs another connection."""

    def script(talk: Talk) -> None:
        if scheme == "smtps":
            talk.seal(context)
            greet(talk, AUTH)
        else:
            starttls(talk, context, AUTH)
        take_auth(talk)
        take_envelope(talk)
        talk.hear_body()
        talk.say_last("250 2.0.0 taken")

    return script


@in_each_world
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_the_second_connection_resumes(
    world: World, scheme: str, version: ssl.TLSVersion, certificates: Certificates
) -> None:
    context = certificates.context()
    context.minimum_version = context.maximum_version = version

    async def send_three(mailer: AnyMailer) -> list[bool]:
        outcomes = []
        for _ in range(3):
            delivery = await mailer.send_raw(ENVELOPE, CONTENT)
            assert delivery.tls.level is TLSLevel.AUTHENTICATED
            assert delivery.tls.peer_certificate
            outcomes.append(delivery.tls.is_resumed)
        return outcomes

    with HostileServer(takes_one_message(context, scheme)) as server:
        url = f"{scheme}://ada@{HOST}:{server.port}"
        options = {"password": PASSWORD, "ca_file": certificates.ca_file}
        assert world.mail(url, send_three, **options) == [False, True, True]
        # Another mailer is another customer: it has nothing to resume.
        assert world.mail(url, send_three, **options) == [False, True, True]
    assert len(server.talks) == 6


def sealed_hello(context: ssl.SSLContext) -> Script:
    def script(talk: Talk) -> None:
        starttls(talk, context)
        talk.take_all()

    return script


async def open_and_close(
    world: World,
    server: HostileServer,
    options: ConnectionOptions,
    cache: SessionCache,
    scheme: str,
) -> bool:
    network = world.network()
    endpoint = Endpoint.parse(f"{scheme}://{HOST}:{server.port}")
    connection = await Connection.open(
        network, endpoint, options, deadline=network.now() + 20, sessions=cache
    )
    connection.close()
    return connection.tls.is_resumed


@in_each_world
def test_a_session_is_for_the_same_policy_alone(world: World, certificates: Certificates) -> None:
    context = certificates.context()
    strict = ConnectionOptions(trust=Trust.only(certificates.ca_file))
    cache = SessionCache()
    with HostileServer(sealed_hello(context)) as server:

        def resumes(options: ConnectionOptions, scheme: str = "smtp") -> bool:
            return world.drive(open_and_close(world, server, options, cache, scheme))

        # Gained where nobody had to prove anything.
        assert not resumes(strict, "smtp+opportunistic")
        assert resumes(strict, "smtp+opportunistic")
        # Of no use where somebody has to.
        assert not resumes(strict)
        assert resumes(strict)
        # Nor for another name, even if the certificate holds it as well.
        assert not resumes(replace(strict, tls_name="localhost."))
        # The password is no part of the session.
        with_password = replace(strict, password=Secret("unused"))
        assert cache.take((Endpoint.parse(f"smtp://{HOST}:{server.port}"), strict)) is not None
        with pytest.raises(TypeError):
            hash(with_password)


@in_each_world
def test_what_the_weak_policy_took_is_refused_by_the_strong(
    world: World, certificates: Certificates
) -> None:
    context = certificates.context(Flaw.SELF_SIGNED)
    options = ConnectionOptions(trust=Trust.only(certificates.ca_file))
    cache = SessionCache()
    with HostileServer(sealed_hello(context)) as server:
        for expected in (False, True):
            opening = open_and_close(world, server, options, cache, "smtp+opportunistic")
            assert world.drive(opening) is expected
        with pytest.raises(CertificateRejected):
            world.drive(open_and_close(world, server, options, cache, "smtp"))


@in_each_world
def test_an_expired_session_is_not_offered(world: World, certificates: Certificates) -> None:
    now = [0.0]
    cache = SessionCache(clock=lambda: now[0])
    options = ConnectionOptions(trust=Trust.only(certificates.ca_file))
    with HostileServer(sealed_hello(certificates.context())) as server:
        assert not world.drive(open_and_close(world, server, options, cache, "smtp"))
        now[0] = 1e12
        assert not world.drive(open_and_close(world, server, options, cache, "smtp"))


@in_each_world
def test_a_server_that_cannot_resume_costs_one_attempt(
    world: World, certificates: Certificates
) -> None:
    # It chokes on its own ticket. The session is spent, so the next attempt is a full handshake.
    def chokes(talk: Talk) -> None:
        greet(talk, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go ahead")
        talk.take()
        talk.end()

    good = sealed_hello(certificates.context())
    options = ConnectionOptions(trust=Trust.only(certificates.ca_file))
    cache = SessionCache()
    with HostileServer(good, chokes, good) as server:
        assert not world.drive(open_and_close(world, server, options, cache, "smtp"))
        with pytest.raises(HandshakeFailed):
            world.drive(open_and_close(world, server, options, cache, "smtp"))
        assert not world.drive(open_and_close(world, server, options, cache, "smtp"))
