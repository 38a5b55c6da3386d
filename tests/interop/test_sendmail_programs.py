"""The sendmail transport runs programs of other makers: Postfix's sendmail, and msmtp."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from postseal import Address, AsyncMailer, Envelope, Message
from postseal.errors import PermanentlyRejected, Rejected, TemporarilyRejected
from postseal.send import Delivery
from postseal.send.networks.aio import AsyncioNetwork
from postseal.send.outgoing import Outgoing
from postseal.send.transports import local_transport
from tests.parts.own_server import OwnServer
from tests.parts.postfix import Postfix
from tests.parts.worlds import World, in_each_world

ADA, BOB, EVE = (
    Address.parse(f"{name}@{domain}")
    for name, domain in (
        ("ada", "example.com"),
        ("bob", "example.org"),
        ("eve", "example.org"),
    )
)
# What ends a message for a program that was not told -i, and what mbox would quote.
LINES = "One.\n.\n..two\nFrom three\n.\n"


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    with Postfix(certificate=None) as postfix:
        postfix.start()
        yield postfix


def sendmail(postfix: Postfix, program: Callable[[str], Path]) -> str:
    path = program("postfix").with_name("sendmail")
    return f"sendmail://{path}?argument=-C&argument={postfix.configuration}"


@pytest.mark.needs("postfix")
@in_each_world
def test_postfix_takes_a_message_as_it_is(
    world: World, postfix: Postfix, program: Callable[[str], Path]
) -> None:
    before = len(postfix.stored())
    message = Message(
        from_=str(ADA), to=[str(BOB)], bcc=[str(EVE)], subject=f"From {world.value}", text=LINES
    )
    delivery = world.mail(sendmail(postfix, program), lambda mailer: mailer.send(message))
    assert delivery.accepted == (BOB, EVE)
    assert str(delivery.tls) == "no TLS"
    stored = postfix.wait_for_messages(before + 2)[before:]
    for one in stored:
        read = email.message_from_bytes(one, policy=email.policy.default)
        assert read["Subject"] == f"From {world.value}"
        assert read.get_content() == LINES
        assert read["Return-Path"] == "<ada@example.com>"
        assert read["Bcc"] is None
    to = {email.message_from_bytes(one)["Delivered-To"] for one in stored}
    assert to == {str(BOB), str(EVE)}


@pytest.mark.needs("postfix")
def test_postfix_takes_the_null_reverse_path_and_quoted_local_parts(
    postfix: Postfix, program: Callable[[str], Path]
) -> None:
    before = len(postfix.stored())
    odd = Address('a "b', "example.org")
    envelope = Envelope(None, (odd,))
    world = World.BLOCKING
    content = [b"Subject: bounce\r\n\r\nhello\r\n"]
    world.mail(sendmail(postfix, program), lambda mailer: mailer.send_raw(envelope, content))
    (stored,) = postfix.wait_for_messages(before + 1)[before:]
    read = email.message_from_bytes(stored)
    assert read["Return-Path"] == "<>"
    assert read["X-Original-To"] == str(odd)


@pytest.mark.needs("postfix")
def test_postfix_refuses_what_is_too_large(
    postfix: Postfix, program: Callable[[str], Path]
) -> None:
    lines = (b"x" * 78 + b"\r\n") * 800
    content = [b"Subject: big\r\n\r\n", *([lines] * 300)]
    # Postfix's own word for it is "not now".
    with pytest.raises(TemporarilyRejected, match="EX_TEMPFAIL") as caught:
        World.BLOCKING.mail(
            sendmail(postfix, program),
            lambda mailer: mailer.send_raw(Envelope(ADA, (BOB,)), content),
        )
    assert "message file too big" in caught.value.text


@pytest.mark.needs("postfix")
def test_postfix_without_its_configuration(program: Callable[[str], Path], tmp_path: Path) -> None:
    path = program("postfix").with_name("sendmail")
    with pytest.raises(Rejected, match="exit status") as caught:
        World.BLOCKING.mail(
            f"sendmail://{path}?argument=-C&argument={tmp_path}",
            lambda mailer: mailer.send_raw(Envelope(ADA, (BOB,)), [b"\r\n"]),
        )
    assert "main.cf" in caught.value.text


def msmtp(program: Callable[[str], Path], folder: Path, port: int) -> str:
    configuration = folder / "msmtprc"
    configuration.write_text(
        f"account default\nhost 127.0.0.1\nport {port}\ntls off\nauth off\ndomain client.test\n",
        encoding="ascii",
    )
    configuration.chmod(0o600)
    return f"sendmail://{program('msmtp')}?argument=--file={configuration}"


@pytest.mark.needs("msmtp")
@in_each_world
@pytest.mark.parametrize("sender", [ADA, None], ids=["sender", "null"])
def test_msmtp_sends_what_it_is_given(
    world: World, sender: Address | None, program: Callable[[str], Path], tmp_path: Path
) -> None:
    with OwnServer() as server:
        envelope = Envelope(sender, (BOB, EVE))
        content = [b"Subject: hello\r\n\r\n" + LINES.replace("\n", "\r\n").encode()]

        async def use() -> Delivery:
            network = world.network()
            transport = local_transport(msmtp(program, tmp_path, server.port), network)
            outgoing = Outgoing(envelope=envelope, content=content)
            return await transport.deliver(outgoing, deadline=network.now() + 30)

        assert world.drive(use()).accepted == (BOB, EVE)
    (taken,) = server.messages
    assert taken.transaction.reverse_path == sender
    assert taken.recipients == (BOB, EVE)
    assert taken.content.endswith(content[0].partition(b"\r\n\r\n")[2])


@pytest.mark.needs("msmtp")
def test_msmtp_tells_a_refusal_from_a_server_that_is_not_there(
    program: Callable[[str], Path], tmp_path: Path
) -> None:
    def send(port: int, *recipients: Address) -> None:
        World.BLOCKING.mail(
            msmtp(program, tmp_path, port),
            lambda mailer: mailer.send_raw(Envelope(ADA, recipients), [b"Subject: x\r\n\r\n"]),
        )

    with OwnServer() as server:
        port = server.port
        with pytest.raises(PermanentlyRejected, match="nobody of that name") as refused:
            send(port, Address.parse("no-one@example.org"))
    with pytest.raises(TemporarilyRejected, match="connect") as gone:
        send(port, BOB)
    assert refused.value.code is not None
    assert gone.value.is_temporary


@pytest.mark.needs("postfix")
async def test_many_at_once(postfix: Postfix, program: Callable[[str], Path]) -> None:
    before = len(postfix.stored())
    messages = [
        Message(from_=str(ADA), to=[str(BOB)], subject=str(number), text="x")
        for number in range(12)
    ]
    async with AsyncMailer(sendmail(postfix, program), network=AsyncioNetwork()) as mailer:
        results = [sent.result() async for sent in mailer.send_many(messages)]
    assert len(results) == 12
    stored = postfix.wait_for_messages(before + 12)[before:]
    assert {email.message_from_bytes(one)["Subject"] for one in stored} == set(map(str, range(12)))
