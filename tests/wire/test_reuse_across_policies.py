r"""Reuse across policies: what a weaker request made, handed to one that asks for more.

curl CVE-2026-4873: a connection that one transfer had left in clear, since for it TLS was optional,
served the next one, which required TLS. curl CVE-2026-8286 is the same with other settings that did
not match. A TLS session kept for resumption is the same trap one layer below: a resumed handshake
shows no certificate again, so it is as good as the one that it goes back to.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from postseal import AsyncMailer, Mailer
from postseal.errors import CertificateRejected, ConnectError, MailError, StartTLSStripped
from postseal.send.session.sessions import SessionCache
from postseal.testing import MemoryNetwork
from postseal.tls import (
    MODERN,
    Channel,
    Opening,
    ResumableSession,
    TLSLevel,
    Trust,
)
from tests.parts.flawed_certificates import HOST, Certificates, Flaw
from tests.parts.hostile_server import HostileServer, Talk
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import BODY, CONTENT, ENVELOPE, ENVELOPE_IN_ONE_FLIGHT, PIPELINING

# -- connections ----------------------------------------------------------------------------------

TAKEN = (
    PIPELINING
    + ENVELOPE_IN_ONE_FLIGHT
    + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go"
    + BODY
    + "S: 250 ok\n"
)
QUIT = "C: QUIT\nS: 221 bye\n"
ADA = {"password": "correct horse"}


def deliver_then(
    world: World, first: str, then: str, network: MemoryNetwork, **options: Any
) -> MailError:
    """Deliver by a first mailer, and with its connection still open try by another."""

    async def try_the_other() -> None:
        if world is World.BLOCKING:
            Mailer(then, network=network, **options).send_raw(ENVELOPE, CONTENT)
        else:
            await AsyncMailer(then, network=network, **options).send_raw(ENVELOPE, CONTENT)

    async def use(mailer: Any) -> MailError:
        await mailer.send_raw(ENVELOPE, CONTENT)
        with pytest.raises(MailError) as caught:
            await try_the_other()
        return caught.value

    return world.mail(first, use, network=network)


@in_each_world
@pytest.mark.parametrize("weak", ["smtp+insecure", "smtp+opportunistic"])
@pytest.mark.parametrize("user", ["", "ada@"])
def test_a_connection_in_clear_is_not_for_who_requires_TLS(
    world: World, weak: str, user: str
) -> None:
    # The very server, the very port: the second one is asked for STARTTLS, and has none.
    network = MemoryNetwork(TAKEN + QUIT, PIPELINING)
    error = deliver_then(
        world,
        f"{weak}://mail.example.org:587",
        f"smtp://{user}mail.example.org:587",
        network,
        **(ADA if user else {}),
    )
    assert type(error) is StartTLSStripped
    assert network.connected == [("mail.example.org", 587)] * 2
    network.check_played()


@in_each_world
def test_a_connection_is_not_for_another_user(world: World) -> None:
    # Nobody's connection would serve Ada's message: unauthenticated, or as somebody else.
    script = TAKEN + QUIT
    network = MemoryNetwork(script, ConnectError("no second server"), peer_address="127.0.0.1")
    url = "smtp+insecure://{}localhost:587"
    error = deliver_then(world, url.format(""), url.format("ada@"), network, **ADA)
    assert error.text == "no second server"
    network.check_played()


@in_each_world
def test_within_one_policy_a_connection_serves_again(world: World) -> None:
    # The positive control.
    again = TAKEN.removeprefix(PIPELINING)
    network = MemoryNetwork(TAKEN + again + QUIT)

    async def use(mailer: Any) -> None:
        for _ in range(2):
            await mailer.send_raw(ENVELOPE, CONTENT)

    world.mail("smtp+opportunistic://mail.example.org:587", use, network=network)
    assert len(network.connected) == 1
    network.check_played()


# -- TLS sessions ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of another authority."""
    return Certificates(tmp_path_factory.mktemp("others")).ca_file


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda one: one.name)
def context(request: pytest.FixtureRequest, certificates: Certificates) -> ssl.SSLContext:
    """A server's, which resumes whatever it can."""
    context = certificates.context()
    context.maximum_version = request.param
    return context


def talk(
    context: ssl.SSLContext, resume: ResumableSession | None, **policy: Any
) -> tuple[bool, ResumableSession | None]:
    """Shake hands; tell whether that resumed, and what the next one could resume."""
    client = Channel.client(
        policy.pop("host", HOST), opening=Opening.STARTTLS, resume=resume, **policy
    )
    server = Channel.server(context, opening=Opening.STARTTLS)
    while not (client.is_established and server.is_established):
        server.receive(client.data_to_send())
        client.receive(server.data_to_send())
    # The ticket of TLS 1.3 comes with what the server says first.
    server.send(b"220 mx.example\r\n")
    assert client.receive(server.data_to_send()) == b"220 mx.example\r\n"
    assert client.is_resumed is server.is_resumed
    return client.is_resumed, client.resumable()


def test_under_the_same_policy_a_session_is_resumed(
    context: ssl.SSLContext, certificates: Certificates
) -> None:
    # The positive control: the servers of these tests do resume.
    policy: dict[str, Any] = {
        "trust": Trust.only(certificates.ca_file),
        "level": TLSLevel.AUTHENTICATED,
    }
    resumed, session = talk(context, None, **policy)
    assert (resumed, session is not None) == (False, True)
    assert talk(context, session, **policy)[0]


LEVELS = (TLSLevel.OPPORTUNISTIC, TLSLevel.ENCRYPTED, TLSLevel.AUTHENTICATED)


@pytest.mark.parametrize("weak", LEVELS[:2], ids=lambda level: level.name)
def test_a_session_without_proof_is_not_resumed_by_who_wants_one(
    context: ssl.SSLContext, certificates: Certificates, weak: TLSLevel
) -> None:
    trust = Trust.only(certificates.ca_file)
    _, session = talk(context, None, trust=trust, level=weak)
    assert session is not None
    assert not talk(context, session, trust=trust, level=TLSLevel.AUTHENTICATED)[0]


def test_a_session_does_not_vouch_for_a_server_that_has_no_certificate_to_show(
    certificates: Certificates,
) -> None:
    # What the flaw would be worth: whoever keeps the tickets never has to prove who it is.
    context = certificates.context(Flaw.SELF_SIGNED)
    trust = Trust.only(certificates.ca_file)
    _, session = talk(context, None, trust=trust, level=TLSLevel.OPPORTUNISTIC)
    with pytest.raises(CertificateRejected):
        talk(context, session, trust=trust, level=TLSLevel.AUTHENTICATED)


def test_a_session_is_for_one_trust_one_name_and_one_profile(
    context: ssl.SSLContext, certificates: Certificates, others: Path
) -> None:
    both = Trust.only(certificates.ca_file)
    level = TLSLevel.OPPORTUNISTIC
    _, session = talk(context, None, trust=both, level=level)
    assert session is not None
    assert not talk(context, session, trust=Trust.only(others), level=level)[0]
    assert not talk(context, session, trust=both, level=level, host="127.0.0.1")[0]
    if context.maximum_version is ssl.TLSVersion.TLSv1_3:
        assert not talk(context, session, trust=both, level=level, profile=MODERN)[0]


def test_the_cache_shows_a_session_to_its_own_scope_alone(
    context: ssl.SSLContext, certificates: Certificates
) -> None:
    trust = Trust.only(certificates.ca_file)
    cache = SessionCache()
    for level in LEVELS:
        _, session = talk(context, None, trust=trust, level=level)
        assert session is not None
        cache.keep((HOST, 587, level), session)
    for level in reversed(LEVELS):
        kept = cache.take((HOST, 587, level))
        assert kept is not None
        assert talk(context, kept, trust=trust, level=level)[0]
        # And to nobody twice (RFC 8446 C.4).
        assert cache.take((HOST, 587, level)) is None
    assert cache.take((HOST, 25, LEVELS[0])) is None


# -- both, as mailers meet them -------------------------------------------------------------------


def honest_but_unproven(certificates: Certificates) -> Any:
    context = certificates.context(Flaw.SELF_SIGNED)

    def script(talk: Talk) -> None:
        talk.say("220 hostile.test")
        talk.hear("EHLO ")
        talk.say("250-hostile.test", "250 STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go")
        talk.seal(context)
        talk.hear("EHLO ")
        talk.say("250 hostile.test")
        for verb, reply in (("MAIL", "250 ok"), ("RCPT", "250 ok"), ("RCPT", "250 ok")):
            talk.hear(verb)
            talk.say(reply)
        talk.hear("DATA")
        talk.say("354 go")
        talk.hear_body()
        talk.say("250 ok")
        talk.hear("QUIT")
        talk.say("221 bye")
        talk.end()

    return script


@in_each_world
def test_a_server_that_was_good_enough_for_one_mailer_proves_itself_to_another(
    world: World, certificates: Certificates
) -> None:
    with HostileServer(honest_but_unproven(certificates)) as server:
        weak = f"smtp+opportunistic://{HOST}:{server.port}"
        strong = f"smtp://{HOST}:{server.port}"

        async def use(mailer: Any) -> None:
            await mailer.send_raw(ENVELOPE, CONTENT)

        for _ in range(2):
            world.mail(weak, use)
            with pytest.raises(CertificateRejected):
                world.mail(strong, use, ca_file=certificates.ca_file)
    assert len(server.talks) == 4
    # The second of each pair got its EHLO in clear, and no message.
    assert [b"MAIL FROM" in bytes(talk.received) for talk in server.talks] == [
        True, False, True, False,
    ]  # fmt: skip
