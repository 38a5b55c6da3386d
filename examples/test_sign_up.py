"""How an application that sends mail is tested: ``pytest examples/test_sign_up.py``.

The fixtures come with the package.
"""

# ruff: noqa: D103, S101  # the name of a test is its documentation, and asserting its purpose

from __future__ import annotations

import pytest

from postseal import Mailer, MailError, Message
from postseal.errors import CertificateRejected, Phase, StartTLSStripped
from postseal.testing import Fault, Outbox, SMTPServer
from postseal.tls import Trust


def sign_up(
    address: str, *, url: str = "smtp://mail.example.com", trust: Trust | None = None
) -> str:
    """Do what the application does; it says what it shows to whoever signs up."""
    welcome = Message(from_="shop@example.com", to=address, subject="Welcome", text="Hello.")
    with Mailer(url, trust=trust) as mailer:
        try:
            mailer.send(welcome)
        except MailError as error:
            return "Please try again later." if error.is_temporary else "This address is no good."
    return "Look into your mailbox."


def test_a_new_customer_is_welcomed(outbox: Outbox) -> None:
    assert sign_up("ada@example.org") == "Look into your mailbox."
    outbox.assert_sent(to="ada@example.org", subject="Welcome", times=1)


def test_the_way_is_sealed(smtp_server: SMTPServer) -> None:
    sign_up("ada@example.org", url=smtp_server.url, trust=smtp_server.trust)
    smtp_server.outbox.assert_sent(to="ada@example.org")
    assert smtp_server.sessions[0].tls.version == "TLSv1.3"


def test_an_unknown_address(smtp_server: SMTPServer) -> None:
    smtp_server.fault(Fault.refuse("nobody@example.org"))
    shown = sign_up("nobody@example.org", url=smtp_server.url, trust=smtp_server.trust)
    assert shown == "This address is no good."


def test_a_busy_server(implicit_smtp_server: SMTPServer) -> None:
    server = implicit_smtp_server
    server.fault(Fault.answer(Phase.MAIL, "451 4.3.0 try again later"))
    assert sign_up("ada@example.org", url=server.url, trust=server.trust).endswith("later.")


def test_nothing_is_sent_through_a_stripped_connection(stripped_smtp_server: SMTPServer) -> None:
    server = stripped_smtp_server
    with Mailer(server.url, trust=server.trust) as mailer, pytest.raises(StartTLSStripped):
        mailer.verify()
    sign_up("ada@example.org", url=server.url, trust=server.trust)
    server.outbox.assert_nothing_sent()


def test_nothing_is_sent_to_an_impostor(impostor_smtp_server: SMTPServer) -> None:
    server = impostor_smtp_server
    with Mailer(server.url, trust=server.trust) as mailer, pytest.raises(CertificateRejected):
        mailer.verify()


def test_a_relay_on_this_machine(plaintext_smtp_server: SMTPServer) -> None:
    sign_up("ada@example.org", url=plaintext_smtp_server.url)
    plaintext_smtp_server.outbox.assert_sent(to="ada@example.org")
