"""What the log and the observer get to know, and what they never do: promise 5."""

from __future__ import annotations

import io
import logging
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from postseal import Mailer, Message, Secret
from postseal.errors import AuthError, ConnectError, MailError, Phase, TemporarilyRejected
from postseal.send import Endpoint, Framing
from postseal.send.events import (
    Authenticated,
    ConnectionClosed,
    ConnectionFailed,
    ConnectionOpened,
    MessageRefused,
    MessageSent,
    SendEvent,
)
from postseal.send.observing import all_of
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.send.transports import Outbox
from postseal.testing import MemoryNetwork
from tests.parts.canaries import Canary, find_canaries
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import ADA, BOB, BODY, CONTENT, ENVELOPE, PIPELINING

PASSWORD = "correct-horse-battery-staple"
RESPONSE = b64encode(b"\0ada\0" + PASSWORD.encode()).decode()
CANARY = Canary("password", PASSWORD.encode())
URL = "smtp+insecure://mail.example.org"
FLIGHT = """
    C: MAIL FROM:<ada@example.com>
    C: RCPT TO:<bob@example.org>
    C: RCPT TO:<eve@example.org>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 550 5.1.1 nobody
    S: 354 go
    """
TAKEN = FLIGHT + BODY + "S: 250 2.0.0 kept\n"
QUIT = "C: QUIT\nS: 221 bye\n"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, as a handler writes it to a file."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    logger = logging.getLogger("postseal.send")
    before, handled = logger.level, logging.getLogger()
    logger.setLevel(logging.DEBUG)
    handled.addHandler(handler)
    yield stream
    handled.removeHandler(handler)
    logger.setLevel(before)


def dialogue(log: io.StringIO) -> list[str]:
    """The lines of the dialogue, without their prefix."""
    lines = [line for line in log.getvalue().splitlines() if ".dialogue DEBUG" in line]
    return [line.split(" ", 4)[4] for line in lines]


@in_each_world
def test_a_dialogue_is_one_line_for_each_command_and_reply(world: World, log: io.StringIO) -> None:
    network = MemoryNetwork(PIPELINING + TAKEN + QUIT)
    world.mail(URL, lambda mailer: mailer.send_raw(ENVELOPE, CONTENT), network=network)
    assert dialogue(log) == [
        "connected to 192.0.2.25 port 25",
        "S: 220 mail.example.org ESMTP",
        "C: EHLO [192.0.2.1]",
        "S: 250 mail.example.org PIPELINING SIZE 1000 8BITMIME SMTPUTF8 ENHANCEDSTATUSCODES HELP",
        "C: MAIL FROM:<ada@example.com>",
        "C: RCPT TO:<bob@example.org>",
        "C: RCPT TO:<eve@example.org>",
        "C: DATA",
        "S: 250 ok",
        "S: 250 ok",
        "S: 550 5.1.1 nobody",
        "S: 354 go",
        "C: (a message of 29 octets)",
        "S: 250 2.0.0 kept",
        "C: QUIT",
        "S: 221 bye",
        "closed after 1 messages",
    ]
    # Nothing of a message is in the log.
    assert "Hello" not in log.getvalue()


@in_each_world
def test_a_message_is_one_line(world: World, log: io.StringIO) -> None:
    message = Message(from_=str(ADA), to=[str(BOB), "eve@example.org"], text="Hello.")
    world.mail(Outbox("here"), lambda mailer: mailer.send(message))
    (line,) = log.getvalue().splitlines()
    assert line.startswith(
        f"postseal.send INFO message {message.message_id}: sent to 2 of 2 recipients by "
        "memory:here, no TLS, 250, "
    )


@in_each_world
def test_a_message_that_is_refused_is_one_line(world: World, log: io.StringIO) -> None:
    script = "S: 554 no \x1b[2Jservice\n"
    network = MemoryNetwork(script)
    with pytest.raises(MailError):
        world.mail(URL, lambda mailer: mailer.send_raw(ENVELOPE, CONTENT), network=network)
    (line,) = [one for one in log.getvalue().splitlines() if " INFO " in one]
    assert "not sent to 2 recipients, ConnectError: mail.example.org at greeting:" in line
    assert log.getvalue().replace("\n", "").isprintable()


def test_chunks_are_counted_and_not_shown(log: io.StringIO) -> None:
    greeting = PIPELINING.replace("S: 250-PIPELINING", "S: 250-PIPELINING\nS: 250-CHUNKING")
    script = greeting + (
        "C: MAIL FROM:<ada@example.com>\nC: RCPT TO:<bob@example.org>\n"
        "C: RCPT TO:<eve@example.org>\nS: 250 ok\nS: 250 ok\nS: 250 ok\n"
        "C: BDAT 26 LAST\nC: Subject: hello\nC:\nC: Hello.\nS: 250 ok\n"
    )
    with Mailer(URL, network=MemoryNetwork(script + QUIT)) as mailer:
        mailer.send_raw(ENVELOPE, CONTENT, framing=Framing.BDAT)
    assert "C: (a message of 40 octets)" in dialogue(log)
    assert "Hello" not in log.getvalue()


def test_when_nobody_looks_nothing_is_written(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "postseal")
    with Mailer(URL, network=MemoryNetwork(PIPELINING + TAKEN + QUIT)) as mailer:
        mailer.send_raw(ENVELOPE, CONTENT)
    assert not caplog.records


# -- credentials ----------------------------------------------------------------------------------

LOCAL = Endpoint.parse("smtp+insecure://ada@localhost")
OFFER = "S: 220 hi\nC: EHLO [192.0.2.1]\nS: 250-hi\nS: 250 AUTH {}\n"
LOGIN_NAME, LOGIN_PASSWORD = (b64encode(one.encode()).decode() for one in ("ada", PASSWORD))


@in_each_world
@pytest.mark.parametrize(
    "script",
    [
        OFFER.format("PLAIN") + f"C: AUTH PLAIN {RESPONSE}\nS: 235 welcome, {PASSWORD}\n",
        OFFER.format("PLAIN") + f"C: AUTH PLAIN {RESPONSE}\nS: 535 5.7.8 no: {RESPONSE}\n",
        OFFER.format("PLAIN") + f"C: AUTH PLAIN {RESPONSE}\nS: 535-no:\nS: 535 {PASSWORD}\n",
        OFFER.format("PLAIN") + f"C: AUTH PLAIN {RESPONSE}\nS: 421 go away with {RESPONSE}\n",
        OFFER.format("PLAIN") + f"C: AUTH PLAIN {RESPONSE}\nS: AUTH PLAIN {RESPONSE}\n",
        OFFER.format("PLAIN") + f"C: AUTH PLAIN {RESPONSE}\nS: <reset>\n",
        OFFER.format("PLAIN")
        + f"C: AUTH PLAIN {RESPONSE}\nS: 235 ok\nS: 421 you said {RESPONSE}\n",
        OFFER.format("LOGIN")
        + f"C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: {LOGIN_NAME}\nS: 334 UGFzc3dvcmQ6\n"
        f"C: {LOGIN_PASSWORD}\nS: 535 5.7.8 not {LOGIN_PASSWORD}\n",
        OFFER.format("LOGIN")
        + f"C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: {LOGIN_NAME}\nS: 334 UGFzc3dvcmQ6\n"
        f"C: {LOGIN_PASSWORD}\nS: 235 2.7.0 ok {PASSWORD}\n",
    ],
)
def test_no_credential_is_in_the_log(world: World, script: str, log: io.StringIO) -> None:
    events: list[SendEvent] = []
    options = ConnectionOptions(password=Secret(PASSWORD), observer=events.append)
    network = MemoryNetwork(script, peer_address="127.0.0.1")

    async def open_it() -> None:
        connection = await Connection.open(network, LOCAL, options, deadline=600)
        connection.close()

    try:
        world.drive(open_it())
    except MailError as error:
        logging.getLogger("postseal.send").warning("failed: %s", error)
    written = log.getvalue() + repr(events)
    assert any(line.startswith("C: AUTH ") for line in dialogue(log))
    assert not find_canaries(written.encode(), [CANARY])
    assert RESPONSE not in written
    assert "***" in written


def test_the_search_would_find_a_credential(log: io.StringIO) -> None:
    # The same dialogue, said where nothing is known to be secret.
    for text in (PASSWORD, RESPONSE, LOGIN_PASSWORD):
        logging.getLogger("postseal.send.dialogue").debug("#1 host C: %s", text)
        assert find_canaries(log.getvalue().encode(), [CANARY])
        log.truncate(0)


def test_the_answers_to_AUTH_keep_their_codes(log: io.StringIO) -> None:
    script = OFFER.format("PLAIN") + f"C: AUTH PLAIN {RESPONSE}\nS: 535 5.7.8 wrong password\n"
    options = ConnectionOptions(password=Secret(PASSWORD))
    with pytest.raises(AuthError):
        World.BLOCKING.drive(
            Connection.open(
                MemoryNetwork(script, peer_address="127.0.0.1"), LOCAL, options, deadline=600
            )
        )
    assert dialogue(log)[-4:] == [
        "C: AUTH PLAIN ***",
        "S: 535 5.7.8 (text withheld)",
        "failed: AuthError at auth 535 5.7.8",
        "closed after 0 messages",
    ]


# -- events ---------------------------------------------------------------------------------------


@in_each_world
def test_events_of_a_message(world: World) -> None:
    events: list[SendEvent] = []
    slow = PIPELINING.replace("S: 220", "S: <wait 2>\nS: 220")
    network = MemoryNetwork(slow + TAKEN + QUIT)
    world.mail(
        URL,
        lambda mailer: mailer.send_raw(ENVELOPE, CONTENT),
        network=network,
        observer=events.append,
    )
    opened, sent, closed = events
    assert opened == ConnectionOpened(
        host="mail.example.org", port=25, peer_address="192.0.2.25", seconds=0
    )
    assert isinstance(sent, MessageSent)
    assert (sent.host, sent.accepted, sent.refused, sent.code) == ("mail.example.org", 1, 1, 250)
    assert sent.seconds == 2
    assert str(sent.tls) == "no TLS"
    assert closed == ConnectionClosed(host="mail.example.org", messages=1, seconds=2)
    assert "@" not in repr(events)


@in_each_world
def test_events_of_a_login(world: World) -> None:
    events: list[SendEvent] = []
    script = OFFER.format("PLAIN") + f"C: AUTH PLAIN {RESPONSE}\nS: <wait 3>\nS: 235 ok\n" + QUIT
    network = MemoryNetwork(script, peer_address="127.0.0.1")
    world.mail(
        "smtp+insecure://ada@localhost",
        lambda mailer: mailer.verify(),
        network=network,
        password=PASSWORD,
        observer=events.append,
    )
    assert events[1] == Authenticated(host="localhost", mechanism="PLAIN", seconds=3)


@in_each_world
def test_events_of_failures(world: World) -> None:
    events: list[SendEvent] = []
    refusal = ConnectError("refused", phase=Phase.CONNECT)
    network = MemoryNetwork(refusal, "S: 421 4.3.2 closing\n")

    async def use(mailer: Any) -> None:
        for _ in range(2):
            with pytest.raises(MailError):
                await mailer.send_raw(ENVELOPE, CONTENT)

    world.mail(URL, use, network=network, observer=events.append)
    first, second = (one for one in events if isinstance(one, ConnectionFailed))
    assert (first.kind, first.phase, first.code) == (ConnectError, Phase.CONNECT, None)
    assert (second.phase, second.code) == (Phase.GREETING, 421)
    refused = [one for one in events if isinstance(one, MessageRefused)]
    assert [one.code for one in refused] == [None, 421]
    assert all(one.is_temporary for one in refused)
    # A connection that never was is not closed; one that was is closed once.
    assert sum(isinstance(one, ConnectionClosed) for one in events) == 1


@in_each_world
def test_an_observer_that_fails_changes_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[SendEvent] = []

    def fail(event: SendEvent) -> None:
        raise RuntimeError("out of counters")

    network = MemoryNetwork(PIPELINING + TAKEN + QUIT)
    delivery = world.mail(
        URL,
        lambda mailer: mailer.send_raw(ENVELOPE, CONTENT),
        network=network,
        observer=all_of(fail, told.append),
    )
    assert delivery.accepted == (BOB,)
    assert len(told) == 3
    assert [one.getMessage() for one in caplog.records] == [
        f"the observer failed at {kind.__name__}"
        for kind in (ConnectionOpened, MessageSent, ConnectionClosed)
    ]


def test_an_observer_has_its_place_with_every_transport() -> None:
    events: list[SendEvent] = []
    message = Message(from_=str(ADA), to=[str(BOB)], text="Hello.")
    with Mailer("memory:observed", observer=events.append) as mailer:
        mailer.send(message)
    (sent,) = events
    assert isinstance(sent, MessageSent)
    assert sent.host == "memory:observed"


def test_a_refusal_is_told_with_its_kind(log: io.StringIO) -> None:
    events: list[SendEvent] = []
    flight, _, _ = FLIGHT.partition("S:")
    script = PIPELINING + flight + "S: 451 4.7.1 later\nS: 503 no\nS: 503 no\nS: 503 no\n" + QUIT
    with (
        Mailer(URL, network=MemoryNetwork(script), observer=events.append) as mailer,
        pytest.raises(TemporarilyRejected),
    ):
        mailer.send_raw(ENVELOPE, CONTENT)
    (refused,) = (one for one in events if isinstance(one, MessageRefused))
    assert (refused.kind, refused.code, refused.enhanced_code) == (
        TemporarilyRejected,
        451,
        "4.7.1",
    )
