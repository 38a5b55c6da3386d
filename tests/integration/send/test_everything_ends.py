"""Promise 7: a server that stalls, in whatever phase, is left in time, and the error says where."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import repeat

import pytest

from postseal import Timeouts
from postseal.errors import DeliveryUnknown, MailError, Phase, RemoteProtocolError, TimedOut
from tests.integration.send.scripts import (
    CONTENT,
    ENVELOPE,
    PASSWORD,
    greet,
    starttls,
    take_auth,
    take_envelope,
    take_message,
)
from tests.parts.flawed_certificates import HOST, Certificates
from tests.parts.hostile_server import HostileServer, Talk
from tests.parts.worlds import World, in_each_world

PATIENCE = 0.15
SHORT = Timeouts(
    connect=PATIENCE,
    greeting=PATIENCE,
    handshake=PATIENCE,
    command=PATIENCE,
    body_block=PATIENCE,
    end_of_data=PATIENCE,
    total=10,
)


def mute_at(phase: Phase, certificates: Certificates) -> Callable[[Talk], None]:
    """A script that is honest up to the reply of `phase`, and then mute."""

    def script(talk: Talk) -> None:
        if phase is Phase.GREETING:
            talk.stall()
        elif phase is Phase.EHLO:
            talk.say("220 hostile.test")
            talk.stall()
        elif phase in (Phase.STARTTLS, Phase.HANDSHAKE):
            greet(talk, "STARTTLS")
            talk.hear("STARTTLS")
            if phase is Phase.HANDSHAKE:
                talk.say("220 go ahead")
            talk.stall()
        starttls(talk, certificates.context(), "AUTH PLAIN")
        if phase is Phase.AUTH:
            talk.stall()
        take_auth(talk)
        if phase is Phase.BODY:
            take_envelope(talk)
            talk.stall()
        for verb, here in (("MAIL", Phase.MAIL), ("RCPT", Phase.RCPT), ("DATA", Phase.DATA)):
            talk.hear(verb)
            if here is phase:
                talk.stall()
            talk.say("250 ok")

    return script


def refused(
    world: World,
    server: HostileServer,
    certificates: Certificates,
    content: Iterable[bytes] = CONTENT,
    timeouts: Timeouts = SHORT,
) -> MailError:
    """Send what cannot be delivered; return why."""
    with pytest.raises(MailError) as caught:
        world.mail(
            f"smtp://ada@{HOST}:{server.port}",
            lambda mailer: mailer.send_raw(ENVELOPE, content),
            password=PASSWORD,
            ca_file=certificates.ca_file,
            timeouts=timeouts,
        )
    assert caught.value.host == HOST
    return caught.value


PHASES = [
    Phase.GREETING,
    Phase.EHLO,
    Phase.STARTTLS,
    Phase.HANDSHAKE,
    Phase.AUTH,
    Phase.MAIL,
    Phase.RCPT,
    Phase.DATA,
    Phase.BODY,
]


@in_each_world
@pytest.mark.parametrize("phase", PHASES, ids=str)
def test_a_server_that_stalls(world: World, phase: Phase, certificates: Certificates) -> None:
    with HostileServer(mute_at(phase, certificates)) as server:
        started = time.monotonic()
        error = refused(world, server, certificates)
        took = time.monotonic() - started
    # Behind the end of the data, nobody knows what became of the message.
    kind = DeliveryUnknown if phase is Phase.BODY else TimedOut
    assert (type(error), error.phase) == (kind, phase)
    assert PATIENCE * 0.9 <= took < 5


@in_each_world
def test_a_server_that_takes_no_more_of_the_body(world: World, certificates: Certificates) -> None:
    with HostileServer(mute_at(Phase.BODY, certificates)) as server:
        error = refused(world, server, certificates, content=[b"x" * 64_000_000])
    assert (type(error), error.phase) == (TimedOut, Phase.BODY)


@in_each_world
def test_a_body_without_end_ends_with_the_total(world: World, certificates: Certificates) -> None:
    # A reader as quick as this one never makes the writer wait.
    def script(talk: Talk) -> None:
        starttls(talk, certificates.context(), "AUTH PLAIN")
        take_auth(talk)
        take_envelope(talk)
        talk.take_all(keep=False)

    timeouts = replace(SHORT, command=5, handshake=5, body_block=5, total=1)
    with HostileServer(script) as server:
        error = refused(world, server, certificates, repeat(b"x" * 4096 + b"\r\n"), timeouts)
    assert (type(error), error.phase) == (TimedOut, Phase.BODY)


@in_each_world
def test_a_reply_in_drops(world: World, certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        for octet in b"220-" + b"x" * 1000:
            talk.send(bytes([octet]))
            if talk.over.wait(PATIENCE / 4):
                return

    with HostileServer(script) as server:
        started = time.monotonic()
        error = refused(world, server, certificates)
        assert time.monotonic() - started < 5
    assert (type(error), error.phase) == (TimedOut, Phase.GREETING)


@in_each_world
@pytest.mark.parametrize("flood", [b"220-x\r\n" * 10_000, b"220-" + b"x" * 1_000_000])
def test_a_reply_without_end(world: World, flood: bytes, certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        while True:
            talk.send(flood)

    with HostileServer(script) as server:
        error = refused(world, server, certificates)
    assert (type(error), error.phase) == (RemoteProtocolError, Phase.GREETING)


@in_each_world
def test_in_clear_to_a_port_that_wants_TLS_at_once(
    world: World, certificates: Certificates
) -> None:
    # Both wait for the other to speak first.
    def script(talk: Talk) -> None:
        talk.seal(certificates.context())

    with HostileServer(script) as server:
        error = refused(world, server, certificates)
    assert (type(error), error.phase) == (TimedOut, Phase.GREETING)
    assert "try smtps://" in str(error)


@in_each_world
def test_goodbye_to_a_mute_server_takes_no_longer_than_its_timeout(
    world: World, certificates: Certificates
) -> None:
    def script(talk: Talk) -> None:
        starttls(talk, certificates.context(), "AUTH PLAIN")
        take_auth(talk)
        take_message(talk)
        talk.stall()

    started = time.monotonic()
    with HostileServer(script) as server:
        world.mail(
            f"smtp://ada@{HOST}:{server.port}",
            lambda mailer: mailer.send_raw(ENVELOPE, CONTENT),
            password=PASSWORD,
            ca_file=certificates.ca_file,
            timeouts=SHORT,
        )
    assert time.monotonic() - started < 5
