"""Mailers sign: what arrives verifies by dkimpy, whatever the server takes, however it is sent."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from postseal import Address, AsyncMailer, Attachment, Envelope, Mailer, Message
from postseal.errors import InvalidInput, MailError
from postseal.mail.authentication import DKIMSigner, KeyType
from postseal.mail.authentication.keys import InvalidKey
from postseal.mail.authentication.raw_message import InvalidMessage
from postseal.mail.prepared import PreparedMessage
from postseal.send import Conversion, Framing
from postseal.smtp.protocol import Extension
from tests.parts.dkimpy import dkimpy_verifies
from tests.parts.own_server import OwnServer
from tests.parts.signed_mail import DOMAIN, NOW, selector_of, signer, signing_key

ENVELOPE = Envelope(Address.parse("ada@example.com"), (Address.parse("bob@example.org"),))
SEVEN_BIT_ONLY: Final = frozenset(Extension) - {Extension.EIGHT_BIT_MIME, Extension.BINARYMIME}
SERVERS: Final = {"with 8BITMIME": frozenset(Extension), "without": SEVEN_BIT_ONLY}
# Lines as a file on this machine has them; one of them would end DATA.
EIGHT_BIT = (
    b"From: Ada <ada@example.com>\nTo: bob@example.org\nSubject: hello\nMIME-Version: 1.0\n"
    b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
    b"Gr\xc3\xbc\xc3\x9fe\n.\n..dots\n \n\n"
)
BOTH = (KeyType.ED25519, KeyType.RSA)


def message(text: str = "Hello\n.\n..\n.dots \n\n\n") -> Message:
    return Message(
        from_="Ada <ada@example.com>",
        to="bob@example.org",
        bcc="carol@example.org",
        subject="Grüße",
        text=text,
        html="<p>Hello</p>",
        attachments=[Attachment.from_bytes(bytes(range(256)) * 40, filename="data.bin")],
    )


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[OwnServer]:
    with OwnServer(extensions=SERVERS[request.param]) as running:
        yield running


def url(server: OwnServer) -> str:
    return f"smtp+insecure://127.0.0.1:{server.port}"


def assert_signed(content: bytes, signatures: int = 1) -> None:
    assert content.count(b"DKIM-Signature:") == signatures
    assert all(dkimpy_verifies(content, number) for number in range(signatures))


def test_a_message_with_two_keys(server: OwnServer) -> None:
    original = message()
    with Mailer(url(server), dkim=signer(*BOTH)) as mailer:
        mailer.send(original)
    (taken,) = server.messages
    assert_signed(taken.content, 2)
    assert taken.content.endswith(bytes(original))


@pytest.mark.parametrize("framing", Framing)
def test_eight_bit_content(server: OwnServer, framing: Framing) -> None:
    with Mailer(url(server), dkim=signer()) as mailer:
        mailer.send_raw(ENVELOPE, [EIGHT_BIT], is_8bit=True, framing=framing)
    (taken,) = server.messages
    assert_signed(taken.content)
    # Whichever server comes next, it has nothing to convert (RFC 6376 5.3).
    assert taken.content.isascii()
    assert b"Gr=C3=BC=C3=9Fe" in taken.content


async def test_content_that_is_read_in_time(server: OwnServer) -> None:
    class Pieces:
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for octet in EIGHT_BIT:
                yield bytes((octet,))

    async with AsyncMailer(url(server), dkim=signer()) as mailer:
        await mailer.send_raw(ENVELOPE, Pieces(), is_8bit=True)
    assert_signed(server.messages[0].content)


def test_many_messages_one_behind_the_other(server: OwnServer) -> None:
    originals = [message(f"number {number}\n.\n") for number in range(5)]
    with Mailer(url(server), dkim=signer()) as mailer:
        results = list(mailer.send_many(originals))
    assert [sent.message for sent in results] == originals
    assert server.connections == 1
    assert len({taken.content for taken in server.messages}) == 5
    for taken in server.messages:
        assert_signed(taken.content)


async def test_many_messages_of_an_asynchronous_mailer(server: OwnServer) -> None:
    async with AsyncMailer(url(server), dkim=signer()) as mailer:
        results = [sent async for sent in mailer.send_many(message() for _ in range(4))]
    assert all(sent.result().accepted for sent in results)
    for taken in server.messages:
        assert_signed(taken.content)


def test_a_prepared_message_is_signed_as_it_is(server: OwnServer) -> None:
    prepared = PreparedMessage.from_message(message())
    with Mailer(url(server), dkim=signer()) as mailer:
        mailer.send(prepared)
    (taken,) = server.messages
    assert_signed(taken.content)
    assert taken.content.endswith(prepared.content)


def test_content_that_must_not_be_converted_is_signed_in_eight_bits() -> None:
    crlf = EIGHT_BIT.replace(b"\n", b"\r\n")
    prepared = PreparedMessage(ENVELOPE, crlf, is_8bit=True)
    with OwnServer() as server, Mailer(url(server), dkim=signer()) as mailer:
        mailer.send(prepared)
    (taken,) = server.messages
    assert_signed(taken.content)
    assert taken.content.endswith(crlf)


def test_a_signature_that_is_there_is_not_broken_for_ours() -> None:
    crlf = EIGHT_BIT.replace(b"\n", b"\r\n")
    signed_before = signer(KeyType.ED25519).sign(crlf) + crlf
    with OwnServer() as server, Mailer(url(server), dkim=signer()) as mailer:
        mailer.send_raw(ENVELOPE, [signed_before], is_8bit=True)
    assert_signed(server.messages[0].content, 2)


@pytest.mark.parametrize("conversion", [Conversion.FORBIDDEN, Conversion.UNLESS_SIGNED])
def test_what_cannot_be_converted_does_not_reach_a_server_that_wants_it(
    conversion: Conversion,
) -> None:
    crlf = EIGHT_BIT.replace(b"\n", b"\r\n")
    content = [signer().sign(crlf) + crlf]
    with OwnServer(extensions=SEVEN_BIT_ONLY) as server:
        mailer = Mailer(url(server), dkim=signer())
        with mailer, pytest.raises(MailError) as caught:
            mailer.send_raw(ENVELOPE, content, is_8bit=True, conversion=conversion)
        assert not server.messages
    assert pickle.loads(pickle.dumps(caught.value)).text == caught.value.text


def test_content_that_can_be_read_once_is_refused() -> None:
    with OwnServer() as server, Mailer(url(server), dkim=signer()) as mailer:
        with pytest.raises(InvalidInput, match="read only once") as caught:
            mailer.send_raw(ENVELOPE, iter([EIGHT_BIT]), is_8bit=True)
        assert "list" in (caught.value.hint or "")
        assert server.connections == 0


@pytest.mark.parametrize(
    "content",
    [
        [b"Subject: nobody wrote this\r\n\r\nhello\r\n"],
        [b"From: a@example.com\r\nno field\r\n\r\n"],
    ],
)
def test_octets_that_cannot_be_signed_are_not_sent(content: Sequence[bytes]) -> None:
    with OwnServer() as server, Mailer(url(server), dkim=signer()) as mailer:
        with pytest.raises(InvalidMessage):
            mailer.send_raw(ENVELOPE, content)
        assert server.connections == 0


def test_a_message_that_cannot_be_signed_stops_no_other(tmp_path: Path) -> None:
    gone = tmp_path / "gone.txt"
    gone.write_bytes(b"soon gone")
    vanishing = Message(
        from_="ada@example.com",
        to="bob@example.org",
        text="see below",
        attachments=[Attachment.from_path(gone)],
    )
    gone.unlink()
    with OwnServer() as server, Mailer(url(server), dkim=signer()) as mailer:
        first, second = mailer.send_many([vanishing, message()])
    assert isinstance(first.error, InvalidInput)
    assert second.result().accepted
    assert_signed(server.messages[0].content)


def test_a_signer_from_a_key_file(tmp_path: Path) -> None:
    path = tmp_path / "dkim.pem"
    path.write_bytes(signing_key(KeyType.RSA).to_pem())
    dkim = DKIMSigner.for_domain(DOMAIN, selector=selector_of(KeyType.RSA), key=path)
    with OwnServer() as server, Mailer(url(server), dkim=dkim) as mailer:
        mailer.send(message())
    assert_signed(server.messages[0].content)


@pytest.mark.parametrize("content", [None, b"no key"])
def test_a_key_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "dkim.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidKey, match=r"dkim\.pem"):
        DKIMSigner.for_domain(DOMAIN, selector="s", key=path)


def test_the_clock_is_the_signers(server: OwnServer) -> None:
    with Mailer(url(server), dkim=signer()) as mailer:
        mailer.send(message())
    assert f"t={int(NOW.timestamp())};".encode() in server.messages[0].content
