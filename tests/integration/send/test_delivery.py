"""Mail over real connections: to aiosmtpd, and to servers that leave in the middle."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from postseal import Address, AsyncMailer, Attachment, Envelope, Mailer, Message, TLSLevel
from postseal.errors import Disconnected, PermanentlyRejected, Phase
from postseal.send import PoolOptions
from tests.integration.send.scripts import (
    CONTENT,
    ENVELOPE,
    hello,
    starttls,
    take_envelope,
    take_message,
    take_quit,
)
from tests.parts.certificates import ServerCertificate
from tests.parts.flawed_certificates import HOST, Certificates
from tests.parts.hostile_server import HostileServer, Talk
from tests.parts.receiver import ReceivedMessage, Receiver
from tests.parts.worlds import World, in_each_world

ANN, BEN = Address.parse("ann@example.org"), Address.parse("ben@example.org")


@pytest.fixture
def certificate(certificates: Certificates, tmp_path: Path) -> ServerCertificate:
    """What aiosmtpd shows: it holds the name and both loopback addresses."""
    chain_file = tmp_path / "chain.pem"
    leaf = certificates.authority.issue_cert(HOST, "127.0.0.1", "::1")
    leaf.private_key_and_cert_chain_pem.write_to_path(chain_file)
    return ServerCertificate(chain_file=chain_file, ca_file=certificates.ca_file)


# -- aiosmtpd --------------------------------------------------------------------------------------


@in_each_world
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_message_arrives_octet_for_octet(
    world: World, host: str, certificate: ServerCertificate
) -> None:
    message = Message(
        from_="Ada <ada@example.com>",
        to=[str(ANN)],
        bcc=[str(BEN)],
        subject="Grüße aus Köln",
        text=".\n..\nA line that begins with a dot:\n.\nÄ" + "ö" * 2000,
        html="<p>Grüße</p>",
        attachments=[Attachment.from_bytes(bytes(range(256)) * 2000, filename="all.bin")],
    )
    async with Receiver(certificate=certificate, host=host) as receiver:
        netloc = f"[{host}]" if ":" in host else host
        delivery = await asyncio.to_thread(
            world.mail,
            f"smtp://{netloc}:{receiver.port}",
            lambda mailer: mailer.send(message),
            ca_file=certificate.ca_file,
        )
    assert delivery.accepted == (ANN, BEN)
    assert delivery.tls.level is TLSLevel.AUTHENTICATED
    assert delivery.tls.version == "TLSv1.3"
    assert delivery.peer_address == host
    (received,) = receiver.messages
    assert received.is_sealed
    assert received.content == bytes(message)
    assert set(received.recipients) == {str(ANN), str(BEN)}


@in_each_world
async def test_one_connection_for_many_messages(
    world: World, certificate: ServerCertificate
) -> None:
    async def use(mailer: Any) -> None:
        for number in range(5):
            await mailer.send_raw(ENVELOPE, [f"Subject: {number}\r\n\r\n".encode()])

    async with Receiver(certificate=certificate) as receiver:
        url = f"smtp://127.0.0.1:{receiver.port}"
        await asyncio.to_thread(world.mail, url, use, ca_file=certificate.ca_file)
    assert receiver.connections == 1
    assert [one.content[:11] for one in receiver.messages] == [
        f"Subject: {number}\r".encode() for number in range(5)
    ]


@in_each_world
async def test_refusals_by_a_real_server(world: World, certificate: ServerCertificate) -> None:
    async def refuse(message: ReceivedMessage) -> str:
        return "554 5.6.0 not this" if b"bad" in message.content else "250 2.0.0 taken"

    def judge(recipient: str) -> str:
        return "550 5.1.1 nobody" if recipient == str(BEN) else "250 2.1.5 ok"

    async def use(mailer: Any) -> Any:
        envelope = Envelope(None, (ANN, BEN))
        delivery = await mailer.send_raw(envelope, [b"Subject: good\r\n"])
        with pytest.raises(PermanentlyRejected, match="nobody") as caught:
            await mailer.send_raw(Envelope(None, (BEN,)), [b"Subject: good\r\n"])
        assert caught.value.phase is Phase.RCPT
        with pytest.raises(PermanentlyRejected, match="not this") as caught:
            await mailer.send_raw(Envelope(None, (ANN,)), [b"Subject: bad\r\n"])
        assert (caught.value.phase, caught.value.enhanced_code) == (Phase.BODY, "5.6.0")
        # All on the same connection, which is in step to the end.
        await mailer.send_raw(Envelope(None, (ANN,)), [b"Subject: good again\r\n"])
        return delivery

    async with Receiver(certificate=certificate, on_message=refuse, on_recipient=judge) as receiver:
        url = f"smtp://127.0.0.1:{receiver.port}"
        delivery = await asyncio.to_thread(world.mail, url, use, ca_file=certificate.ca_file)
    assert delivery.accepted == (ANN,)
    assert [one.recipient for one in delivery.refused] == [BEN]
    assert receiver.connections == 1


# -- half a body is no message ---------------------------------------------------------------------


class _DiskError(Exception):
    pass


@in_each_world
def test_content_that_fails_half_way(world: World, certificates: Certificates) -> None:
    bodies: list[bytes] = []

    def script(talk: Talk) -> None:
        starttls(talk, certificates.context())
        take_envelope(talk)
        bodies.append(talk.hear_body())

    def pieces() -> Iterator[bytes]:
        yield b"x" * 200_000
        raise _DiskError

    with HostileServer(script) as server, pytest.raises(_DiskError):
        world.mail(
            f"smtp://{HOST}:{server.port}",
            lambda mailer: mailer.send_raw(ENVELOPE, pieces()),
            ca_file=certificates.ca_file,
        )
    # It got the half, and its end came by no dot.
    assert server.talks[0].received.count(b"x") > 100_000
    assert bodies == []


def test_a_task_that_is_cancelled_half_way(certificates: Certificates) -> None:
    bodies: list[bytes] = []
    half_heard = threading.Event()

    def script(talk: Talk) -> None:
        starttls(talk, certificates.context())
        take_envelope(talk)
        while talk.received.count(b"x") < 100_000:
            talk._waiting += talk.take()
        half_heard.set()
        bodies.append(talk.hear_body())

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 200_000
        await asyncio.Event().wait()

    async def cancel(port: int) -> None:
        async with AsyncMailer(f"smtp://{HOST}:{port}", ca_file=certificates.ca_file) as mailer:
            task = asyncio.create_task(mailer.send_raw(ENVELOPE, pieces()))
            await asyncio.to_thread(half_heard.wait, 20)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with HostileServer(script) as server:
        asyncio.run(cancel(server.port))
    assert bodies == []
    assert len(server.talks) == 1


@in_each_world
def test_a_server_that_goes_half_way(world: World, certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        starttls(talk, certificates.context())
        take_envelope(talk)
        talk.take()
        talk.say("421 4.3.0 out of disk")
        talk.reset()

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 10_000

    with HostileServer(script) as server, pytest.raises(Disconnected) as caught:
        world.mail(
            f"smtp://{HOST}:{server.port}",
            lambda mailer: mailer.send_raw(ENVELOPE, endless()),
            ca_file=certificates.ca_file,
        )
    assert (caught.value.phase, caught.value.host) == (Phase.BODY, HOST)
    assert caught.value.is_temporary
    assert len(server.talks) == 1


# -- the pool --------------------------------------------------------------------------------------


@in_each_world
@pytest.mark.parametrize("farewell", [None, "421 4.4.2 idle for too long"])
def test_a_connection_that_died_while_idle_is_replaced(
    world: World, farewell: str | None, certificates: Certificates
) -> None:
    gone = threading.Event()

    def leaves(talk: Talk) -> None:
        starttls(talk, certificates.context())
        take_message(talk)
        if farewell:
            talk.say(farewell)
        talk.connection.close()
        gone.set()

    def stays(talk: Talk) -> None:
        starttls(talk, certificates.context())
        take_message(talk)
        take_quit(talk)

    async def use(mailer: Any) -> None:
        await mailer.send_raw(ENVELOPE, CONTENT)
        await asyncio.to_thread(gone.wait, 20) if world is World.ASYNCIO else gone.wait(20)
        delivery = await mailer.send_raw(ENVELOPE, CONTENT)
        assert delivery.accepted

    with HostileServer(leaves, stays) as server:
        world.mail(f"smtp://{HOST}:{server.port}", use, ca_file=certificates.ca_file)
    assert len(server.talks) == 2


class _Counter:
    """Serves any number of messages, and notes how many connections were busy at once."""

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates
        self._lock = threading.Lock()
        self._busy = 0
        self.most = 0
        self.bodies: list[bytes] = []

    def __call__(self, talk: Talk) -> None:
        with self._lock:
            self._busy += 1
            self.most = max(self.most, self._busy)
        starttls(talk, self._certificates.context())
        while talk.hear().startswith("MAIL"):
            talk.say("250 ok")
            talk.hear("RCPT TO:")
            talk.say("250 ok")
            talk.hear("DATA")
            talk.say("354 go")
            self.bodies.append(talk.hear_body())
            talk.say("250 taken")
        talk.say("221 bye")
        with self._lock:
            self._busy -= 1


NUMBERS = [f"Subject: {number}\r\n\r\n".encode() for number in range(60)]


def test_threads_share_a_mailer(certificates: Certificates) -> None:
    counter = _Counter(certificates)
    with (
        HostileServer(counter) as server,
        Mailer(
            f"smtp://{HOST}:{server.port}",
            ca_file=certificates.ca_file,
            pool=PoolOptions(max_connections=3),
        ) as mailer,
        ThreadPoolExecutor(12) as threads,
    ):
        list(threads.map(lambda content: mailer.send_raw(ENVELOPE, [content]), NUMBERS))
    assert sorted(counter.bodies) == sorted(NUMBERS)
    assert 1 <= counter.most <= 3
    assert len(server.talks) <= 3


def test_tasks_share_a_mailer(certificates: Certificates) -> None:
    counter = _Counter(certificates)

    async def send_all(port: int) -> None:
        url = f"smtp://{HOST}:{port}"
        mailer = AsyncMailer(url, ca_file=certificates.ca_file, pool=PoolOptions(max_connections=3))
        async with mailer, asyncio.TaskGroup() as tasks:
            for content in NUMBERS:
                tasks.create_task(mailer.send_raw(ENVELOPE, [content]))

    with HostileServer(counter) as server:
        asyncio.run(send_all(server.port))
    assert sorted(counter.bodies) == sorted(NUMBERS)
    assert counter.most == 3
    assert len(server.talks) == 3


@in_each_world
def test_an_envelope_of_250_in_flights(world: World, certificates: Certificates) -> None:
    people = tuple(Address.parse(f"{'n' * 60}{n}@example.org") for n in range(250))
    flights: list[int] = []

    def pipelining(talk: Talk) -> None:
        talk.seal(certificates.context())
        talk.say("220 hostile.test")
        hello(talk, "PIPELINING")
        left = 252
        while left:
            # All of a flight is here before any of it is answered.
            flight = [talk.hear()]
            while talk._waiting:
                flight.append(talk.hear())
            flights.append(len(flight))
            left -= len(flight)
            talk.say(*("354 go" if line == "DATA" else "250 ok" for line in flight))
        talk.hear_body()
        talk.say("250 taken")
        take_quit(talk)

    with HostileServer(pipelining) as server:
        delivery = world.mail(
            f"smtps://{HOST}:{server.port}",
            lambda mailer: mailer.send_raw(Envelope(None, people), CONTENT),
            ca_file=certificates.ca_file,
        )
    assert delivery.accepted == people
    assert sum(flights) == 252
    # Three, unless the kernel cut one into pieces.
    assert 3 <= len(flights) <= 6
