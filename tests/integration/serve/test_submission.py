"""The submission listeners: nothing but greetings before TLS, no mail before AUTH."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from pathlib import Path

import pytest

from postseal import AsyncMailer, Message
from postseal.errors import AuthError
from postseal.serve.storage import StorageError, Store
from postseal.smtp.rules import Offer, ServerRules
from postseal.tls import Opening
from tests.integration.serve.listening import (
    PASSWORD,
    USERNAME,
    OpenListener,
    Rules,
    auth_plain,
)
from tests.parts.certificates import ServerCertificate
from tests.parts.raw_client import RawClient

IMPLICIT = Rules(
    opening=Opening.IMPLICIT, session=ServerRules("mail.test", Offer.UNAVAILABLE, Offer.REQUIRED)
)


async def _sealed(port: int, ca_file: Path) -> RawClient:
    client = await RawClient.connect(port)
    await client.hear()
    await client.ask("EHLO client.test")
    assert await client.ask("STARTTLS") == "220 2.0.0 Ready to start TLS"
    await client.start_tls(ca_file)
    return client


async def test_before_starttls_there_is_no_way_to_give_a_password_or_mail(
    open_listener: OpenListener,
) -> None:
    listener = await open_listener(Rules())
    async with await RawClient.connect(listener.port) as client:
        assert await client.hear() == "220 mail.test ESMTP Postseal"
        offered = await client.ask("EHLO client.test")
        assert "STARTTLS" in offered
        # A client that sees AUTH might give its password before it asks for TLS.
        assert "AUTH" not in offered
        for command in (auth_plain(), "AUTH PLAIN", "MAIL FROM:<a@example.com>", "RSET"):
            assert await client.ask(command) == "530 5.7.0 Must issue a STARTTLS command first"
        # RFC 3207 4: these four stay allowed.
        assert (await client.ask("NOOP")).startswith("250 ")
        assert (await client.ask("HELO client.test")).startswith("250 ")
        assert (await client.ask("QUIT")).startswith("221 ")
        assert await client.rest() == b""


async def test_behind_starttls_comes_auth_and_then_mail(
    open_listener: OpenListener, certificate: ServerCertificate, store: Store
) -> None:
    listener = await open_listener(Rules())
    async with await _sealed(listener.port, certificate.ca_file) as client:
        offered = await client.ask("EHLO client.test")
        assert "AUTH PLAIN" in offered
        assert "STARTTLS" not in offered
        refused = await client.ask("MAIL FROM:<ada@example.com>")
        assert refused == "530 5.7.0 Authentication required"
        assert (await client.ask(auth_plain())).startswith("235 ")
        assert (await client.ask("MAIL FROM:<ada@example.com>")).startswith("250 ")
        assert (await client.ask("RCPT TO:<bob@example.org>")).startswith("250 ")
        assert (await client.ask("DATA")).startswith("354 ")
        taken = await client.ask("Subject: hello\r\n\r\nhello\r\n.")
        assert taken.startswith("250 2.0.0 queued as ")
    stored = await store.get_message(taken.rsplit(" ", 1)[1])
    assert stored is not None
    assert stored.reception.protocol == "ESMTPSA"
    assert stored.reception.authenticated_as == USERNAME
    assert stored.reception.tls_version == "TLSv1.3"


async def test_what_was_said_before_the_handshake_is_forgotten(
    open_listener: OpenListener, certificate: ServerCertificate
) -> None:
    listener = await open_listener(Rules())
    async with await _sealed(listener.port, certificate.ca_file) as client:
        # RFC 3207 4.2: the EHLO from before the handshake does not count, nor does its name.
        assert await client.ask(auth_plain()) == "503 5.5.1 send EHLO first"
        assert await client.ask("MAIL FROM:<a@example.com>") == "503 5.5.1 send EHLO first"
        await client.ask("EHLO client.test")
        assert (await client.ask("STARTTLS")).startswith("503 ")


async def test_an_envelope_from_before_the_handshake_is_forgotten(
    open_listener: OpenListener, certificate: ServerCertificate
) -> None:
    listener = await open_listener(
        Rules(session=ServerRules("mail.test", Offer.OFFERED, Offer.UNAVAILABLE))
    )
    async with await RawClient.connect(listener.port) as client:
        await client.hear()
        await client.ask("EHLO client.test")
        await client.ask("MAIL FROM:<ada@example.com>")
        assert (await client.ask("RCPT TO:<bob@example.org>")).startswith("250 ")
        # Even the order is refused; with RSET it is taken.
        assert (await client.ask("STARTTLS")).startswith("503 ")
        await client.ask("RSET")
        assert (await client.ask("STARTTLS")).startswith("220 ")
        await client.start_tls(certificate.ca_file)
        await client.ask("EHLO client.test")
        assert await client.ask("DATA") == "503 5.5.1 send MAIL first"


async def test_a_command_in_the_segment_of_starttls_ends_the_session(
    open_listener: OpenListener,
) -> None:
    # The injection of CVE-2011-0411: what stands behind STARTTLS must never be taken as sealed.
    listener = await open_listener(Rules())
    async with await RawClient.connect(listener.port) as client:
        await client.hear()
        await client.ask("EHLO client.test")
        await client.say("STARTTLS", "EHLO attacker.test")
        assert await client.rest() == b""


@pytest.mark.parametrize("injected", [b"EHLO attacker.test\r\n", b"N", b"\r\n"])
async def test_octets_in_clear_before_the_handshake_end_the_session(
    open_listener: OpenListener, injected: bytes
) -> None:
    listener = await open_listener(Rules())
    async with await RawClient.connect(listener.port) as client:
        await client.hear()
        await client.ask("EHLO client.test")
        await client.say("STARTTLS")
        # A segment of its own, sent before the 220 was read: the 220 is all that ever comes.
        await client.send(injected)
        assert await client.rest() in (b"", b"220 2.0.0 Ready to start TLS\r\n")


async def test_a_client_that_leaves_instead_of_the_handshake_is_let_go(
    open_listener: OpenListener,
) -> None:
    listener = await open_listener(Rules(max_connections=1))
    async with await RawClient.connect(listener.port) as client:
        await client.hear()
        await client.ask("EHLO client.test")
        await client.ask("STARTTLS")
    # Its place is free again.
    async with await RawClient.connect(listener.port) as next_client:
        assert (await next_client.hear()).startswith("220 ")


async def test_submissions_is_tls_from_the_first_octet(
    open_listener: OpenListener, certificate: ServerCertificate
) -> None:
    listener = await open_listener(IMPLICIT)
    async with await RawClient.connect(listener.port, ca_file=certificate.ca_file) as client:
        assert await client.hear() == "220 mail.test ESMTP Postseal"
        offered = await client.ask("EHLO client.test")
        assert "AUTH PLAIN" in offered
        assert "STARTTLS" not in offered
        assert (await client.ask("STARTTLS")).startswith("503 ")
        assert (await client.ask(auth_plain())).startswith("235 ")
    async with await RawClient.connect(listener.port) as client:
        # In clear not even the greeting is to be had.
        await client.say("EHLO client.test")
        assert b"220" not in await client.rest()


@pytest.mark.parametrize(
    ("username", "password"),
    [(USERNAME, "wrong"), ("nobody", PASSWORD), (USERNAME, PASSWORD + " "), ("ada\u0301", "x")],
)
async def test_wrong_credentials_are_refused_alike(
    open_listener: OpenListener, certificate: ServerCertificate, username: str, password: str
) -> None:
    listener = await open_listener(Rules())
    async with await _sealed(listener.port, certificate.ca_file) as client:
        await client.ask("EHLO client.test")
        refused = await client.ask(auth_plain(username, password))
        assert refused == "535 5.7.8 Authentication credentials invalid"
        assert (await client.ask("MAIL FROM:<a@example.com>")).startswith("530 ")
        # A second try may be the right one.
        assert (await client.ask(auth_plain())).startswith("235 ")
        assert (await client.ask(auth_plain())) == "503 5.5.1 already authenticated"


async def test_nobody_acts_for_somebody_else(
    open_listener: OpenListener, certificate: ServerCertificate
) -> None:
    # RFC 4616 2: the first part of the response is the identity to act as.
    listener = await open_listener(Rules())
    async with await _sealed(listener.port, certificate.ca_file) as client:
        await client.ask("EHLO client.test")
        assert (await client.ask(auth_plain(identity="bob"))).startswith("535 ")
        assert (await client.ask("MAIL FROM:<a@example.com>")).startswith("530 ")


async def test_our_own_mailer_and_smtplib_submit(
    open_listener: OpenListener, certificate: ServerCertificate, store: Store
) -> None:
    sealed_later, sealed_at_once = await open_listener(Rules()), await open_listener(IMPLICIT)
    message = Message(
        from_="Ada <ada@example.com>", to="bob@example.org", subject="From ours", text="Hello"
    )
    for scheme, listener in (("smtp", sealed_later), ("smtps", sealed_at_once)):
        url = f"{scheme}://{USERNAME}@127.0.0.1:{listener.port}"
        async with AsyncMailer(url, password=PASSWORD, ca_file=certificate.ca_file) as mailer:
            delivery = await mailer.send(message)
            assert [str(one) for one in delivery.accepted] == ["bob@example.org"]
            assert delivery.tls.authenticated_by.startswith("certificate for 127.0.0.1")
        async with AsyncMailer(url, password="wrong", ca_file=certificate.ca_file) as mailer:
            with pytest.raises(AuthError, match="did not take the credentials"):
                await mailer.send(message)

    def by_smtplib() -> None:
        context = ssl.create_default_context(cafile=str(certificate.ca_file))
        with smtplib.SMTP("127.0.0.1", sealed_later.port, timeout=20) as client:
            client.starttls(context=context)
            client.login(USERNAME, PASSWORD)
            refused = client.sendmail(
                "ada@example.com", ["bob@example.org"], "Subject: From smtplib\r\n\r\nHello\r\n"
            )
            assert refused == {}
        with (
            smtplib.SMTP_SSL(
                "127.0.0.1", sealed_at_once.port, timeout=20, context=context
            ) as client,
            pytest.raises(smtplib.SMTPAuthenticationError),
        ):
            client.login(USERNAME, "wrong")

    await asyncio.to_thread(by_smtplib)
    rows = await store.list_messages(limit=10)
    assert sorted(row.summary.subject for row in rows) == ["From ours", "From ours", "From smtplib"]


async def test_credentials_that_cannot_be_checked_are_neither_right_nor_wrong(
    open_listener: OpenListener, certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: Store, _username: str) -> None:
        raise StorageError("database is locked")

    listener = await open_listener(Rules())
    async with await _sealed(listener.port, certificate.ca_file) as client:
        await client.ask("EHLO client.test")
        with monkeypatch.context() as broken:
            broken.setattr(Store, "find_credential", fail)
            # RFC 4954 6: 454, so that the client keeps its password and comes again.
            assert await client.ask(auth_plain()) == "454 4.7.0 Temporary authentication failure"
        assert (await client.ask("MAIL FROM:<a@example.com>")).startswith("530 ")
        assert (await client.ask(auth_plain())).startswith("235 ")


async def test_who_talks_before_the_greeting_is_not_served(open_listener: OpenListener) -> None:
    # RFC 5321 4.3.1. All of it arrives while the event loop is not running.
    listener = await open_listener(Rules())
    with socket.create_connection(("127.0.0.1", listener.port)) as client:
        client.sendall(b"EHLO client.test\r\nMAIL FROM:<a@example.com>\r\n")
        client.setblocking(False)
        heard = b""
        while octets := await asyncio.get_running_loop().sock_recv(client, 1000):
            heard += octets
    assert heard == b"554 5.5.0 data was sent before the greeting\r\n"
