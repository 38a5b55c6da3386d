r"""Quoted local parts: an address that contains another, or a piece of a command.

- go-mail CVE-2025-59937: the quotes were dropped on the way into MAIL and RCPT, so that what they
  had held was read as the end of the path and parameters behind it.
- nodemailer GHSA-mm7p-fcc7-pg87: an address inside the quotes was taken for the recipient.
- MimeKit GHSA-g7hc-96xr-gvvx: a quoted local part could hold a line break.

A program that drops the quotes, or looks for the first `@` or `>`, sends the mail elsewhere.
"""

from __future__ import annotations

import pytest

from postseal import Envelope
from postseal.address import Address
from postseal.smtp.commands import Mail, Rcpt
from postseal.smtp.events import MailReceived, RecipientReceived
from postseal.smtp.parse import parse_command
from tests.parts.server_sessions import ready
from tests.parts.transcript import run_server
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import PLAIN, hand_over

# text, local part, domain: the domain behind the last "@" is the one that counts.
QUOTED = [
    ('"victim@evil.example x"@good.example', "victim@evil.example x", "good.example"),
    ('"victim@evil.example"@good.example', "victim@evil.example", "good.example"),
    ('"x> ORCPT=rfc822;victim"@good.example', "x> ORCPT=rfc822;victim", "good.example"),
    ('"x> SIZE=1 BODY=8BITMIME"@good.example', "x> SIZE=1 BODY=8BITMIME", "good.example"),
    ('"x><victim@evil.example>"@good.example', "x><victim@evil.example>", "good.example"),
    ('"a\\"@evil.example>\\""@good.example', 'a"@evil.example>"', "good.example"),
    ('"a\\\\"@good.example', "a\\", "good.example"),
    ('"@evil.example:victim"@good.example', "@evil.example:victim", "good.example"),
    ('"a, victim@evil.example"@good.example', "a, victim@evil.example", "good.example"),
    ('" "@good.example', " ", "good.example"),
]


@pytest.mark.parametrize(("text", "local", "domain"), QUOTED)
def test_it_stays_one_address_of_its_domain(text: str, local: str, domain: str) -> None:
    address = Address.parse(text)
    assert (address.local, address.domain) == (local, domain)
    assert str(address) == text
    # What we write keeps the quotes, so that what follows ">" is still the command's.
    assert Mail(address, ("SIZE=1",)).encode() == f"MAIL FROM:<{text}> SIZE=1\r\n".encode()
    # And what we read is the same again, with the command's own parameters alone.
    read = parse_command(Rcpt(address, ("X=1",)).encode().removesuffix(b"\r\n"))
    assert read == Rcpt(address, ("X=1",))


@pytest.mark.parametrize(("local", "domain"), [(local, domain) for _, local, domain in QUOTED])
def test_an_address_made_of_its_parts_is_quoted_where_it_must_be(local: str, domain: str) -> None:
    address = Address(local, domain)
    assert str(address).startswith('"')
    assert Address.parse(str(address)) == address


@in_each_world
@pytest.mark.parametrize("text", [text for text, _, _ in QUOTED])
def test_a_connection_says_it_with_its_quotes(world: World, text: str) -> None:
    address = Address.parse(text)
    delivery = hand_over(
        world,
        PLAIN
        + f"""
        C: MAIL FROM:<{text}>
        S: 250 ok
        C: RCPT TO:<{text}>
        S: 250 ok
        C: DATA
        S: 354 go
        C: Hello.
        C: .
        S: 250 ok
        """,
        envelope=Envelope(address, (address,)),
        content=(b"Hello.\r\n",),
    )
    assert delivery.accepted == (address,)


@pytest.mark.parametrize(("text", "local", "domain"), QUOTED)
def test_a_server_takes_it_for_what_it_is(text: str, local: str, domain: str) -> None:
    run = run_server(
        ready(),
        f"""
        C: MAIL FROM:<{text}> SIZE=1
        S: 250 2.1.0 OK
        C: RCPT TO:<{text}>
        S: 250 2.1.5 OK
        """,
    )
    mail, recipient = run.events
    assert isinstance(mail, MailReceived)
    assert isinstance(recipient, RecipientReceived)
    assert mail.reverse_path == recipient.recipient == Address(local, domain)
