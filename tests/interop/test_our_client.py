"""Both mailers deliver to servers of other makers: the same messages, to each of them.

Recipients that begin with "no-" are refused by every one of them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol, cast

import pytest

from postseal import Address, AsyncMailer, Delivery, Envelope, Mailer, Timeouts
from postseal.errors import AuthError, CertificateRejected, PermanentlyRejected, Phase
from postseal.send import DeliveryOptions, Endpoint, Framing, Outgoing, PoolOptions, Sent
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.send.session.transaction import deliver
from postseal.smtp.envelope_values import (
    NotificationRequest,
    Notify,
    OriginalRecipient,
    ReturnContent,
)
from postseal.smtp.protocol import Extension
from postseal.smtp.xclient import ClientAttributes
from postseal.tls import TLSLevel
from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.delivering_peers import (
    AiosmtpdPeer,
    NodePeer,
    Peer,
    PostfixPeer,
    aiosmtpd_with_auth,
)
from tests.parts.node import NodeServer, node_server
from tests.parts.postfix import Postfix
from tests.parts.receiver import Receiver
from tests.parts.worlds import AnyMailer, World, in_each_world

SENDER = Address.parse("ada@example.com")
BOB = Address.parse("bob@example.org")
PASSWORD = "correct horse battery staple"

# A peer that does not answer is a failed test, not a slow one.
SOON = Timeouts(total=30)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return issue_certificate(tmp_path_factory.mktemp("certificates"), "localhost")


@pytest.fixture(scope="module")
def postfix_in_clear() -> Iterator[Postfix]:
    with Postfix(certificate=None) as postfix:
        postfix.start()
        yield postfix


@pytest.fixture(scope="module")
def postfix_sealed(certificate: ServerCertificate) -> Iterator[Postfix]:
    with Postfix(certificate=certificate) as postfix:
        postfix.start()
        yield postfix


@pytest.fixture(scope="module")
def node_in_clear() -> Iterator[NodeServer]:
    with node_server() as server:
        yield server


@pytest.fixture(scope="module")
def node_sealed(certificate: ServerCertificate) -> Iterator[NodeServer]:
    with node_server(certificate=certificate) as server:
        yield server


class Send(Protocol):
    """Sends one message, by the asyncio mailer or by the blocking one."""

    async def __call__(
        self,
        url: str,
        envelope: Envelope,
        content: bytes,
        *,
        ca_file: Path | None = None,
        password: str | None = None,
        is_8bit: bool = False,
    ) -> Delivery: ...


async def _send_from_a_task(
    url: str,
    envelope: Envelope,
    content: bytes,
    *,
    ca_file: Path | None = None,
    password: str | None = None,
    is_8bit: bool = False,
) -> Delivery:
    async with AsyncMailer(url, ca_file=ca_file, password=password, timeouts=SOON) as mailer:
        return await mailer.send_raw(envelope, [content], size=len(content), is_8bit=is_8bit)


async def _send_from_a_thread(
    url: str,
    envelope: Envelope,
    content: bytes,
    *,
    ca_file: Path | None = None,
    password: str | None = None,
    is_8bit: bool = False,
) -> Delivery:
    def run() -> Delivery:
        with Mailer(url, ca_file=ca_file, password=password, timeouts=SOON) as mailer:
            return mailer.send_raw(envelope, [content], size=len(content), is_8bit=is_8bit)

    return await asyncio.to_thread(run)


@pytest.fixture(params=[_send_from_a_task, _send_from_a_thread], ids=["asyncio", "blocking"])
def send(request: pytest.FixtureRequest) -> Send:
    return cast(Send, request.param)


PEERS = ["postfix", "aiosmtpd", "smtp-server"]


async def _peer(
    name: str,
    request: pytest.FixtureRequest,
    stack: AsyncExitStack,
    certificate: ServerCertificate | None,
) -> Peer:
    how = "sealed" if certificate else "in_clear"
    if name == "postfix":
        return PostfixPeer(request.getfixturevalue(f"postfix_{how}"))
    if name == "smtp-server":
        return NodePeer(request.getfixturevalue(f"node_{how}"))
    return AiosmtpdPeer(await stack.enter_async_context(Receiver(certificate=certificate)))


@pytest.fixture(params=PEERS)
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    """A server without TLS."""
    async with AsyncExitStack() as stack:
        yield await _peer(request.param, request, stack, None)


@pytest.fixture(params=PEERS)
async def sealed_peer(
    request: pytest.FixtureRequest, certificate: ServerCertificate
) -> AsyncIterator[Peer]:
    """A server that offers STARTTLS."""
    async with AsyncExitStack() as stack:
        yield await _peer(request.param, request, stack, certificate)


def _message(text: bytes) -> bytes:
    """A message that no other test sends, with lines that transports are tempted to change.

    It has all the fields that Postfix would add for a client of this machine.
    """
    return (
        b"From: ada@example.com\r\nTo: bob@example.org\r\nSubject: interop\r\n"
        b"Date: Sun, 1 Mar 2026 12:00:00 +0000\r\nMessage-ID: <%016x@example.com>\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\n"
        b".one dot\r\n..two\r\n.\r\nFrom the start\r\n%s\r\n" % (random.getrandbits(64), text)
    )


async def test_a_message_in_clear_arrives_octet_for_octet(peer: Peer, send: Send) -> None:
    content = _message(b"plain")
    delivery = await send(
        f"smtp+insecure://127.0.0.1:{peer.port}", Envelope(SENDER, (BOB,)), content
    )
    assert delivery.accepted == (BOB,)
    assert delivery.tls.level is TLSLevel.NONE
    assert await peer.copies_of(content, recipients=1) == 1


async def test_8bit_content_under_starttls_arrives_octet_for_octet(
    sealed_peer: Peer, send: Send, certificate: ServerCertificate
) -> None:
    content = _message("Grüße, κανάρι, 金丝雀".encode())
    delivery = await send(
        f"smtp://localhost:{sealed_peer.port}",
        Envelope(SENDER, (BOB,)),
        content,
        ca_file=certificate.ca_file,
        is_8bit=True,
    )
    assert delivery.accepted == (BOB,)
    assert (delivery.tls.level, delivery.tls.version) == (TLSLevel.AUTHENTICATED, "TLSv1.3")
    assert await sealed_peer.copies_of(content, recipients=1) == 1


async def test_a_server_of_an_unknown_authority_is_left(sealed_peer: Peer, send: Send) -> None:
    with pytest.raises(CertificateRejected):
        await send(
            f"smtp://localhost:{sealed_peer.port}", Envelope(SENDER, (BOB,)), _message(b"never")
        )


async def test_an_internationalized_address_travels_by_smtputf8(peer: Peer, send: Send) -> None:
    content = _message("Grüße".encode())
    envelope = Envelope(Address.parse("adá@example.com"), (Address.parse("böb@example.org"),))
    url = f"smtp+insecure://127.0.0.1:{peer.port}"
    delivery = await send(url, envelope, content, is_8bit=True)
    assert delivery.accepted == envelope.recipients
    assert await peer.copies_of(content, recipients=1) == 1


async def test_ten_megabytes_arrive_octet_for_octet(peer: Peer, send: Send) -> None:
    line = b".x" * 35 + b"\r\n"
    content = _message(line * (10_000_000 // len(line) + 1))
    assert len(content) > 10_000_000
    url = f"smtp+insecure://127.0.0.1:{peer.port}"
    delivery = await send(url, Envelope(SENDER, (BOB,)), content)
    assert delivery.accepted == (BOB,)
    assert await peer.copies_of(content, recipients=1) == 1


async def test_each_of_a_hundred_recipients_has_an_outcome_of_their_own(
    peer: Peer, send: Send
) -> None:
    # Postfix refuses by domain, the others by name. From ten refusals on it would slow us down.
    recipients = tuple(
        Address.parse(
            f"no-{number}@elsewhere.example" if number % 12 == 0 else f"{number}@example.org"
        )
        for number in range(100)
    )
    content = _message(b"to many")
    url = f"smtp+insecure://127.0.0.1:{peer.port}"
    delivery = await send(url, Envelope(SENDER, recipients), content)
    assert delivery.accepted == tuple(one for one in recipients if one.domain == "example.org")
    refused = tuple(one for one in recipients if one.domain != "example.org")
    assert tuple(one.recipient for one in delivery.refused) == refused
    assert {one.phase for one in delivery.refused} == {Phase.RCPT}
    assert all(one.reply.code in (550, 554) for one in delivery.refused)
    assert await peer.copies_of(content, recipients=91) == 91


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_aiosmtpd_takes_our_credentials(
    scheme: str, send: Send, certificate: ServerCertificate
) -> None:
    content = _message(b"authenticated")
    envelope = Envelope(SENDER, (BOB,))
    ca_file = certificate.ca_file
    async with aiosmtpd_with_auth(certificate, {PASSWORD}, implicit_tls=scheme == "smtps") as (
        port,
        messages,
    ):
        url = f"{scheme}://ada@localhost:{port}"
        delivery = await send(url, envelope, content, ca_file=ca_file, password=PASSWORD)
        assert delivery.accepted == (BOB,)
        assert [(one.content, one.is_sealed) for one in messages] == [(content, scheme == "smtp")]
        with pytest.raises(AuthError):
            await send(url, envelope, content, ca_file=ca_file, password="another")
        assert len(messages) == 1


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_smtp_server_takes_our_credentials(
    scheme: str, send: Send, certificate: ServerCertificate
) -> None:
    content = _message(b"authenticated")
    envelope = Envelope(SENDER, (BOB,))
    ca_file = certificate.ca_file
    with node_server(
        certificate=certificate, implicit_tls=scheme == "smtps", password=PASSWORD
    ) as server:
        url = f"{scheme}://ada@localhost:{server.port}"
        with pytest.raises(AuthError):
            await send(url, envelope, content, ca_file=ca_file, password="another")
        delivery = await send(url, envelope, content, ca_file=ca_file, password=PASSWORD)
        assert delivery.accepted == (BOB,)
        message = await asyncio.to_thread(server.next_message)
        assert (message.user, message.sealed, message.size) == ("ada", True, len(content))


# -- what only Postfix has: BDAT, DSN and XCLIENT --------------------------------------------------


@in_each_world
def test_postfix_takes_chunks(world: World, postfix_in_clear: Postfix) -> None:
    # CVE-2023-51764 was about its reading of DATA; by BDAT there is no end of data to argue about.
    content = _message("Grüße\r\n.\r\nQUIT".encode())
    delivery = _send_chunks(world, postfix_in_clear, [content])
    assert delivery.accepted == (BOB,)
    assert asyncio.run(PostfixPeer(postfix_in_clear).copies_of(content, recipients=1)) == 1


@in_each_world
def test_postfix_takes_ten_megabytes_in_pipelined_chunks(
    world: World, postfix_in_clear: Postfix
) -> None:
    line = b".x" * 35 + b"\r\n"
    content = _message(line * (10_000_000 // len(line) + 1))
    pieces = [content[start : start + 10_001] for start in range(0, len(content), 10_001)]
    delivery = _send_chunks(world, postfix_in_clear, pieces)
    assert delivery.accepted == (BOB,)
    assert asyncio.run(PostfixPeer(postfix_in_clear).copies_of(content, recipients=1)) == 1


@in_each_world
def test_postfix_refuses_a_chunk_and_takes_the_next_message(
    world: World, postfix_in_clear: Postfix
) -> None:
    # Its limit is 16 MiB; the size is not told, so that it finds out chunk by chunk.
    line = b"x" * 70 + b"\r\n"
    too_large = [line * 1000] * 250
    content = _message(b"behind the refused one")

    async def use(mailer: AnyMailer) -> list[Sent[Outgoing]]:
        envelope = Envelope(SENDER, (BOB,))
        messages = [
            Outgoing(envelope=envelope, content=one, is_8bit=True, framing=Framing.BDAT)
            for one in (too_large, [content])
        ]
        return [sent async for sent in mailer.send_many(messages)]

    url = f"smtp+insecure://127.0.0.1:{postfix_in_clear.port}"
    first, second = world.mail(url, use, timeouts=SOON, pool=PoolOptions(max_connections=1))
    assert isinstance(first.error, PermanentlyRejected)
    assert (first.error.code, first.error.phase) == (552, Phase.BODY)
    assert second.result().accepted == (BOB,)
    assert asyncio.run(PostfixPeer(postfix_in_clear).copies_of(content, recipients=1)) == 1


@in_each_world
def test_postfix_understands_what_is_asked_of_a_delivery(
    world: World, postfix_in_clear: Postfix
) -> None:
    options = DeliveryOptions(
        return_content=ReturnContent.HEADERS,
        envelope_id="a+b c",
        notification_requests=(
            NotificationRequest(
                BOB, frozenset({Notify.NEVER}), OriginalRecipient("rfc822", "Bob+1@example.org")
            ),
        ),
        priority=3,
    )
    content = _message(b"with requests")

    async def use(mailer: AnyMailer) -> Delivery:
        return await mailer.send_raw(Envelope(SENDER, (BOB,)), [content], options=options)

    url = f"smtp+insecure://127.0.0.1:{postfix_in_clear.port}"
    delivery = world.mail(url, use, timeouts=SOON)
    assert delivery.accepted == (BOB,)
    # Postfix has DSN, and no priorities.
    assert delivery.dropped == (Extension.MT_PRIORITY,)
    assert asyncio.run(PostfixPeer(postfix_in_clear).copies_of(content, recipients=1)) == 1


@in_each_world
def test_postfix_believes_for_whom_we_speak(world: World, postfix_in_clear: Postfix) -> None:
    options = ConnectionOptions(
        xclient=ClientAttributes(
            name="client.example",
            address=ip_address("192.0.2.7"),
            greeting_name="helo.example",
        )
    )
    endpoint = Endpoint.parse(f"smtp+insecure://127.0.0.1:{postfix_in_clear.port}")
    content = _message(b"for somebody else")
    outgoing = Outgoing(envelope=Envelope(SENDER, (BOB,)), content=[content])

    async def send() -> Delivery:
        network = world.network()
        deadline = network.now() + SOON.total
        connection = await Connection.open(network, endpoint, options, deadline=deadline)
        try:
            return await deliver(connection, outgoing, deadline=deadline)
        finally:
            await connection.quit(deadline=deadline)

    assert world.drive(send()).accepted == (BOB,)
    assert asyncio.run(PostfixPeer(postfix_in_clear).copies_of(content, recipients=1)) == 1
    stored = next(one for one in postfix_in_clear.stored() if b"for somebody else" in one)
    assert b"client.example [192.0.2.7]" in stored


def _send_chunks(world: World, postfix: Postfix, pieces: list[bytes]) -> Delivery:
    async def use(mailer: AnyMailer) -> Delivery:
        return await mailer.send_raw(
            Envelope(SENDER, (BOB,)), pieces, size=sum(map(len, pieces)), framing=Framing.BDAT
        )

    return world.mail(f"smtp+insecure://127.0.0.1:{postfix.port}", use, timeouts=SOON)
