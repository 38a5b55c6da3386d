"""Promise 5: whatever is printed, logged or pickled on the way, the password is not in it."""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
from base64 import b64encode
from collections.abc import Sequence

import pytest

from postseal import AsyncMailer, Envelope, Mailer, Secret, Timeouts
from postseal.errors import MailError
from postseal.send import Endpoint
from postseal.send.networks.network import IPAddress, Stream
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.smtp.commands import Auth, AuthResponse
from postseal.testing import MemoryNetwork
from tests.parts.canaries import Canary, find_canaries
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import ADA, BOB, CONTENT

PASSWORD = "correct-horse-battery-staple"
RESPONSE = b"\0ada\0" + PASSWORD.encode()
BASE64 = b64encode(RESPONSE).decode()
CANARY = Canary("password", PASSWORD.encode())
ENDPOINT = Endpoint.parse("smtp+insecure://ada@localhost")
OPTIONS = ConnectionOptions(password=Secret(PASSWORD))
OFFER = "S: 220 hi\nC: EHLO [192.0.2.1]\nS: 250-hi\nS: 250 AUTH PLAIN\n"
SAID = f"C: AUTH PLAIN {BASE64}\n"


def assert_nothing_shown(*texts: str) -> None:
    for text in texts:
        assert not find_canaries(text.encode(), [CANARY]), text


def shown_by(error: BaseException) -> list[str]:
    """All that handlers, loggers and reporters make of an error, locals of the frames included."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    return [
        str(error),
        repr(error),
        repr(error.args),
        "".join(report.format()),
        pickle.dumps(error, protocol=0).decode("latin-1"),
    ]


def test_the_search_finds_what_it_should() -> None:
    # A test that shows nothing must be able to show something.
    for text in (PASSWORD, BASE64, f"x{BASE64}", repr(RESPONSE)):
        assert find_canaries(text.encode(), [CANARY])


def test_the_values_on_the_way() -> None:
    command, response = Auth("PLAIN", RESPONSE), AuthResponse(RESPONSE)
    for value in (OPTIONS, OPTIONS.password, ENDPOINT, command, response, (command,), [OPTIONS]):
        assert_nothing_shown(repr(value), str(value), f"{value}", f"{value!r:>3}", f"{value!a}")


@pytest.mark.parametrize("kind", [Mailer, AsyncMailer])
@pytest.mark.parametrize("password", [PASSWORD, Secret(PASSWORD)], ids=["text", "secret"])
def test_mailers(kind: type[Mailer | AsyncMailer], password: str | Secret) -> None:
    mailer = kind("smtp://ada@mail.example.org", password=password)
    assert_nothing_shown(repr(mailer), str(mailer))
    for value in (mailer, OPTIONS, OPTIONS.password):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(value)


@in_each_world
@pytest.mark.parametrize(
    "answer",
    [
        "S: 535 5.7.8 wrong",
        # Servers that repeat what they heard.
        f"S: 535 5.7.8 wrong: AUTH PLAIN {BASE64}",
        f"S: 535-5.7.8 wrong:\nS: 535 5.7.8 user ada, password {PASSWORD}",
        f"S: 500 5.5.1 unknown command AUTH PLAIN {BASE64}",
        f"S: 334 {BASE64}\nC: *\nS: 501 cancelled {BASE64}",
        f"S: 250 what does AUTH PLAIN {BASE64} mean",
        f"S: 421 4.7.0 too many of AUTH PLAIN {BASE64}",
        f"S: AUTH PLAIN {BASE64}",
        "S: <silence>",
        "S: <end>",
        "S: <reset>",
    ],
)
def test_errors_of_authentication(
    world: World, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    network = MemoryNetwork(OFFER + SAID + answer, peer_address="127.0.0.1")
    with pytest.raises(MailError) as caught:
        world.drive(Connection.open(network, ENDPOINT, OPTIONS, deadline=600))
    logging.getLogger("test").error("it failed", exc_info=caught.value)
    # The frames of this test hold the script itself; those of the library are the question.
    _leave_out_our_frames(caught.value)
    assert_nothing_shown(*shown_by(caught.value), *(r.getMessage() for r in caplog.records))


@in_each_world
@pytest.mark.parametrize("step", ["S: <stall>", "S: <end>", "S: <reset>"])
def test_errors_of_writing_the_credentials(world: World, step: str) -> None:
    network = _Forgetful(OFFER + step, peer_address="127.0.0.1")
    with pytest.raises(MailError) as caught:
        world.drive(Connection.open(network, ENDPOINT, OPTIONS, deadline=600))
    _leave_out_our_frames(caught.value)
    assert_nothing_shown(*shown_by(caught.value))


@pytest.mark.parametrize(
    "password", [PASSWORD + "\udcff", PASSWORD + "\0", PASSWORD * 10], ids=["utf8", "nul", "long"]
)
@in_each_world
def test_passwords_that_cannot_be_sent(world: World, password: str) -> None:
    network = MemoryNetwork(OFFER, peer_address="127.0.0.1")
    options = ConnectionOptions(password=Secret(password))
    with pytest.raises(MailError) as caught:
        world.drive(Connection.open(network, ENDPOINT, options, deadline=600))
    _leave_out_our_frames(caught.value)
    assert_nothing_shown(*shown_by(caught.value))
    assert caught.value.__context__ is None or PASSWORD not in repr(caught.value.__context__)


def test_an_AsyncMailer_that_fails_shows_nothing_in_debug_mode(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # The loop's debug mode logs callbacks and slow tasks with their arguments.
    caplog.set_level(logging.DEBUG)
    network = MemoryNetwork(OFFER + SAID + "S: 535 no", peer_address="127.0.0.1")

    async def send() -> None:
        async with AsyncMailer(
            "smtp+insecure://ada@localhost", password=PASSWORD, network=network
        ) as mailer:
            await mailer.send_raw(Envelope(ADA, (BOB,)), CONTENT)

    with pytest.raises(MailError):
        asyncio.run(send(), debug=True)
    assert_nothing_shown(caplog.text)


def test_the_setting_of_timeouts_shows_no_password() -> None:
    options = ConnectionOptions(password=Secret(PASSWORD), timeouts=Timeouts(command=5))
    assert_nothing_shown(repr(options))
    assert "command=5" in repr(options)


class _Forgetful(MemoryNetwork):
    """Its streams do not keep what was written: a test that looks at frames would find it there."""

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        stream = await super().connect(host, port, deadline, addresses=addresses)
        self.streams.clear()
        return stream


def _leave_out_our_frames(error: BaseException) -> None:
    step = error.__traceback__
    while step is not None and "/postseal/" not in step.tb_frame.f_code.co_filename:
        step = step.tb_next
    error.__traceback__ = step
