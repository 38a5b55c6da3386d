"""Both mailers against our own server over real sockets: BDAT, LMTP, parameters and limits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from postseal import Address, Delivery, Envelope
from postseal.errors import ConnectError, Phase, TimedOut
from postseal.send import DeliveryOptions, Framing
from postseal.smtp.envelope_values import (
    DeliverBy,
    DeliverByMode,
    HoldUntil,
    NotificationRequest,
    Notify,
    OriginalRecipient,
    ReturnContent,
)
from postseal.smtp.protocol import Protocol
from tests.parts.own_server import OwnServer
from tests.parts.worlds import AnyMailer, World, in_each_world

ADA = Address.parse("ada@example.com")
PEOPLE = tuple(Address.parse(f"{name}@example.org") for name in ("bob", "no-one", "full-up", "eve"))
BOB, NO_ONE, FULL, EVE = PEOPLE
CONTENT = [b"Subject: hello\r\n\r\n", b".\r\n..\r\nFrom here\n", b"QUIT\r", b"\nend"]
AS_LINES = b"Subject: hello\r\n\r\n.\r\n..\r\nFrom here\r\nQUIT\r\nend\r\n"


@pytest.fixture
def socket_path() -> Iterator[Path]:
    # The path of a socket is short, and pytest's directories are not.
    with TemporaryDirectory(prefix="lmtp-") as folder:
        yield Path(folder) / "lmtp"


@in_each_world
@pytest.mark.parametrize("framing", list(Framing), ids=lambda framing: framing.value)
@pytest.mark.parametrize("over", ["tcp", "unix"])
def test_lmtp_gives_each_recipient_an_outcome(
    world: World, framing: Framing, over: str, socket_path: Path
) -> None:
    path = socket_path if over == "unix" else None
    with OwnServer(Protocol.LMTP, path) as server:
        url = f"lmtp+unix://{path}" if path else f"lmtp://127.0.0.1:{server.port}"

        async def use(mailer: AnyMailer) -> list[Delivery]:
            return [
                await mailer.send_raw(Envelope(ADA, PEOPLE), CONTENT, framing=framing)
                for _ in range(2)
            ]

        for delivery in world.mail(url, use):
            assert delivery.accepted == (BOB, EVE)
            assert [(one.recipient, one.phase, one.reply.code) for one in delivery.refused] == [
                (NO_ONE, Phase.RCPT, 550),
                (FULL, Phase.BODY, 452),
            ]
            assert delivery.host == (str(path) if path else "127.0.0.1")
    assert server.connections == 1
    assert [one.content for one in server.messages] == [AS_LINES] * 2


@in_each_world
@pytest.mark.parametrize("framing", list(Framing), ids=lambda framing: framing.value)
def test_ten_megabytes_arrive_octet_for_octet(world: World, framing: Framing) -> None:
    line = b".x" * 35 + b"\r\n"
    content = [line * 1000] * 140
    with OwnServer() as server:

        async def use(mailer: AnyMailer) -> Delivery:
            return await mailer.send_raw(Envelope(ADA, (BOB,)), content, framing=framing)

        delivery = world.mail(f"smtp+insecure://127.0.0.1:{server.port}", use)
    assert delivery.accepted == (BOB,)
    [message] = server.messages
    assert len(message.content) > 10_000_000
    assert message.content == b"".join(content)


@in_each_world
def test_any_octets_travel_as_binary(world: World) -> None:
    content = [os.urandom(100_000), b"\r", b"\n.\r\n", b"\x00", b"\r\n.\r\nMAIL FROM:<>\r\n\n"]
    with OwnServer() as server:

        async def use(mailer: AnyMailer) -> Delivery:
            return await mailer.send_raw(Envelope(ADA, (BOB,)), content, is_binary=True)

        world.mail(f"smtp+insecure://127.0.0.1:{server.port}", use)
    [message] = server.messages
    assert message.content == b"".join(content)
    assert message.transaction.is_binary


@in_each_world
def test_what_is_asked_for_arrives(world: World) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    request = NotificationRequest(
        BOB, frozenset({Notify.SUCCESS, Notify.DELAY}), OriginalRecipient("rfc822", "b+b@x.example")
    )
    options = DeliveryOptions(
        return_content=ReturnContent.HEADERS,
        envelope_id="a = b + c",
        notify=frozenset({Notify.NEVER}),
        notification_requests=(request,),
        deliver_by=DeliverBy(3600, DeliverByMode.RETURN, is_traced=True),
        hold=HoldUntil(moment),
        priority=-4,
    )
    with OwnServer() as server:

        async def use(mailer: AnyMailer) -> Delivery:
            return await mailer.send_raw(Envelope(ADA, (BOB, EVE)), CONTENT, options=options)

        delivery = world.mail(f"smtp+insecure://127.0.0.1:{server.port}", use)
    assert delivery.dropped == ()
    got = server.messages[0].transaction
    assert got.return_content is options.return_content
    assert got.envelope_id == options.envelope_id
    assert got.notification_requests == (
        request,
        NotificationRequest(EVE, frozenset({Notify.NEVER})),
    )
    assert (got.deliver_by, got.hold, got.priority) == (options.deliver_by, options.hold, -4)


@in_each_world
def test_limits_are_kept(world: World) -> None:
    recipients = tuple(Address.parse(f"{number}@example.org") for number in range(7))
    with OwnServer(max_recipients=2, max_messages=3) as server:

        async def use(mailer: AnyMailer) -> Delivery:
            return await mailer.send_raw(Envelope(ADA, recipients), CONTENT)

        delivery = world.mail(f"smtp+insecure://127.0.0.1:{server.port}", use)
    assert delivery.accepted == recipients
    assert [len(one.recipients) for one in server.messages] == [2, 2, 2, 1]
    assert server.connections == 2


@in_each_world
def test_a_socket_that_is_not_there(world: World, socket_path: Path) -> None:
    async def use(mailer: AnyMailer) -> object:
        return await mailer.verify()

    with pytest.raises(ConnectError, match="cannot be reached") as caught:
        world.mail(f"lmtp+unix://{socket_path}", use)
    assert caught.value.phase is Phase.CONNECT
    assert not isinstance(caught.value, TimedOut)
