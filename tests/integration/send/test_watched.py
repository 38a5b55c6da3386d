"""A sealed delivery with a login over real sockets, as the log and an observer see it."""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode

import pytest

from postseal.errors import CertificateRejected
from postseal.send.events import (
    Authenticated,
    ConnectionClosed,
    ConnectionFailed,
    ConnectionOpened,
    HandshakeDone,
    MessageRefused,
    MessageSent,
    SendEvent,
)
from postseal.smtp.sasl import (
    Challenge,
    ChannelEnds,
    RecordNeeded,
    ScramRecord,
    ServerOffer,
    ServerSASL,
    Succeeded,
)
from postseal.tls import TLSLevel
from tests.integration.send.scripts import (
    CANARIES,
    CONTENT,
    ENVELOPE,
    PASSWORD,
    starttls,
    take_message,
    take_quit,
)
from tests.parts.canaries import find_canaries
from tests.parts.flawed_certificates import HOST, Certificates
from tests.parts.hostile_server import HostileServer, Talk
from tests.parts.worlds import World, in_each_world

SECRETS = tuple(canary for canary in CANARIES if canary.name in ("password", "subject", "body"))


@in_each_world
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256"])
def test_everything_is_told_but_what_is_secret(
    world: World,
    mechanism: str,
    certificates: Certificates,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    context = certificates.context()
    said: list[str] = []

    def script(talk: Talk) -> None:
        starttls(talk, context, f"AUTH {mechanism}")
        said.extend(take_login(talk, mechanism))
        take_message(talk)
        take_quit(talk)

    events: list[SendEvent] = []
    with HostileServer(script) as server:
        delivery = world.mail(
            f"smtp://ada@{HOST}:{server.port}",
            lambda mailer: mailer.send_raw(ENVELOPE, CONTENT),
            ca_file=certificates.ca_file,
            password=PASSWORD,
            observer=events.append,
        )

    opened, handshake, login, sent, closed = events
    assert isinstance(opened, ConnectionOpened)
    assert isinstance(handshake, HandshakeDone)
    assert handshake.tls == delivery.tls
    assert handshake.tls.level is TLSLevel.AUTHENTICATED
    assert isinstance(login, Authenticated)
    assert login.mechanism == mechanism
    assert isinstance(sent, MessageSent)
    assert isinstance(closed, ConnectionClosed)
    assert closed.seconds >= handshake.seconds + login.seconds
    assert sent.seconds >= opened.seconds + handshake.seconds + login.seconds
    log = caplog.text + repr(events)
    assert f"C: AUTH {mechanism}" in log
    assert "TLS: TLSv1.3" in log
    assert "C: RCPT TO:<canary-recipient@example.org>" in log
    assert not find_canaries(log.encode(), SECRETS)
    # Nor anything of the exchange, which is enough to guess passwords by.
    assert len(said) > (mechanism != "PLAIN")
    assert not [line for line in said if line in log]


@in_each_world
def test_a_certificate_that_is_not_taken(
    world: World, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    context = certificates.context()

    def script(talk: Talk) -> None:
        starttls(talk, context)

    events: list[SendEvent] = []
    with HostileServer(script) as server, pytest.raises(CertificateRejected):
        world.mail(
            f"smtp://{HOST}:{server.port}",
            lambda mailer: mailer.send_raw(ENVELOPE, CONTENT),
            observer=events.append,
        )
    _, failed, _, refused = events
    assert isinstance(failed, ConnectionFailed)
    assert failed.kind is CertificateRejected
    assert isinstance(refused, MessageRefused)
    assert refused.is_temporary
    assert "failed: CertificateRejected" in caplog.text


def take_login(talk: Talk, mechanism: str) -> list[str]:
    """Take the right password by this mechanism; return all that was said of it, in base64."""
    offer = ServerOffer(frozenset(ServerSASL), decoy_secret=b"decoy")
    exchange = offer.begin(mechanism, ChannelEnds())
    assert exchange is not None
    line = talk.hear(f"AUTH {mechanism}")
    response = line.split(" ", 2)[2:]
    said = list(response)
    step = exchange.receive(b64decode(response[0]) if response else None)
    while True:
        if isinstance(step, RecordNeeded):
            record = ScramRecord.derive(
                PASSWORD, hash_=step.hash, iterations=4096, salt=b"0123456789abcdef"
            )
            step = exchange.supply(record)  # type: ignore[attr-defined]
        if not isinstance(step, Challenge):
            break
        said.append(b64encode(step.data).decode())
        talk.say(f"334 {said[-1]}")
        said.append(talk.hear().strip())
        step = exchange.receive(b64decode(said[-1]))
    if mechanism.startswith("SCRAM"):
        assert isinstance(step, Succeeded)
    talk.say(f"235 2.7.0 welcome, you said {said[-1]}")
    return [one for one in said if one]
