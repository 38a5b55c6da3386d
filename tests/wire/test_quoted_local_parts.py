r"""Quoted local parts: an address that contains another, or a piece of a command.

go-mail CVE-2025-59937, nodemailer GHSA-mm7p-fcc7-pg87, MimeKit GHSA-g7hc-96xr-gvvx. A program that
drops the quotes, or looks for the first `@` or `>`, sends the mail elsewhere.
"""

from __future__ import annotations

import pytest

from postseal.address import Address
from postseal.smtp.commands import Mail, Rcpt
from postseal.smtp.parse import parse_command

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
