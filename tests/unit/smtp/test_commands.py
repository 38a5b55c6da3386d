"""Commands: each is one line, whatever its arguments are, or it cannot be made."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.address import Address
from postseal.errors import InvalidAddress, LocalProtocolError, MailError, Phase
from postseal.smtp.commands import (
    Auth,
    AuthCancel,
    AuthResponse,
    Command,
    Data,
    Ehlo,
    Helo,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTLS,
)
from postseal.smtp.parse import parse_command
from postseal.smtp.xclient import ClientAttributes, Xclient

ADA = Address("ada", "example.com")


@pytest.mark.parametrize(
    ("command", "wire", "phase"),
    [
        (Ehlo("client.example"), b"EHLO client.example\r\n", Phase.EHLO),
        (Ehlo("Пример.РФ"), b"EHLO xn--e1afmkfd.xn--p1ai\r\n", Phase.EHLO),
        (Ehlo("[192.0.2.1]"), b"EHLO [192.0.2.1]\r\n", Phase.EHLO),
        (Ehlo("[IPv6:2001:db8::1]"), b"EHLO [IPv6:2001:db8::1]\r\n", Phase.EHLO),
        (StartTLS(), b"STARTTLS\r\n", Phase.STARTTLS),
        (Auth("SCRAM-SHA-256"), b"AUTH SCRAM-SHA-256\r\n", Phase.AUTH),
        (Auth("PLAIN", b"\x00a\x00b"), b"AUTH PLAIN AGEAYg==\r\n", Phase.AUTH),
        # RFC 4954 4: an initial response that is empty is not the same as none.
        (Auth("EXTERNAL", b""), b"AUTH EXTERNAL =\r\n", Phase.AUTH),
        (AuthResponse(b"hi"), b"aGk=\r\n", Phase.AUTH),
        # A later one that is empty is an empty line.
        (AuthResponse(b""), b"\r\n", Phase.AUTH),
        (AuthCancel(), b"*\r\n", Phase.AUTH),
        (Mail(None), b"MAIL FROM:<>\r\n", Phase.MAIL),
        (
            Mail(ADA, ("SIZE=1", "SMTPUTF8")),
            b"MAIL FROM:<ada@example.com> SIZE=1 SMTPUTF8\r\n",
            "mail",
        ),
        (Rcpt(ADA), b"RCPT TO:<ada@example.com>\r\n", Phase.RCPT),
        (Rcpt(ADA, ("NOTIFY=NEVER",)), b"RCPT TO:<ada@example.com> NOTIFY=NEVER\r\n", Phase.RCPT),
        (
            Rcpt(Address("ада", "пример.рф")),
            "RCPT TO:<ада@xn--e1afmkfd.xn--p1ai>\r\n".encode(),
            "rcpt",
        ),
        (Data(), b"DATA\r\n", Phase.DATA),
        (Rset(), b"RSET\r\n", Phase.RSET),
        (Noop(), b"NOOP\r\n", Phase.NOOP),
        (Quit(), b"QUIT\r\n", Phase.QUIT),
    ],
)
def test_writes_a_command(command: Command, wire: bytes, phase: Phase) -> None:
    assert command.encode() == wire
    assert command.phase == phase


@pytest.mark.parametrize(
    "name",
    [
        "", "a b", "a\r\nMAIL FROM:<>", "a\n", "a\x00", "-a", "a..b", "a.", "[192.0.2.1", "[a]",
        "[IPv6:fe80::1%eth0]", "a@b", "x" * 64, "a.b" * 100,
    ],
)  # fmt: skip
def test_a_greeting_has_a_name_or_a_literal(name: str) -> None:
    with pytest.raises(LocalProtocolError, match="cannot be the name given with EHLO"):
        Ehlo(name)


@pytest.mark.parametrize(
    "mechanism", ["", "PLAIN X", "PLAIN\r\n", "-X", "PLÄIN", "X" * 21, "A=B", "PLAıN"]
)
def test_a_mechanism_has_a_name(mechanism: str) -> None:
    with pytest.raises(LocalProtocolError, match="no SASL mechanism"):
        Auth(mechanism)


def test_a_mechanism_may_have_the_longest_name() -> None:
    assert Auth("X" * 20).encode() == b"AUTH " + b"X" * 20 + b"\r\n"
    assert Auth("A_B-1").mechanism == "A_B-1"


@pytest.mark.parametrize(
    "parameter",
    ["", "SIZE=", "=1", "SIZE=1 BODY=7BIT", "SIZE=1\r\nRCPT TO:<x@y>", "SIZE=1\x00", "A=b=c",
     "-A", "A=é", "A=\u2028", "A=\u760d", "É", "A\n"],
)  # fmt: skip
def test_a_parameter_is_one_word(parameter: str) -> None:
    # nodemailer GHSA-c7w3-x93f-qmm8: an envelope size that carried a command.
    for make in (Mail, Rcpt):
        with pytest.raises(LocalProtocolError, match="no ESMTP parameter"):
            make(ADA, (parameter,))


def test_credentials_do_not_show() -> None:
    # Promise 5: commands end up in tracebacks and in logs.
    for command in (Auth("PLAIN", b"\x00ada\x00hunter2"), AuthResponse(b"\x00ada\x00hunter2")):
        assert "hunter2" not in repr(command)


ANY_TEXT = st.text(
    st.characters() | st.sampled_from('\r\n\x00 <>@"\\\u760a\u760d\u2028.'), max_size=40
)


@st.composite
def attempts(draw: st.DrawFn) -> bytes | None:
    """Any command that can be made of any texts, as it is written; None where it cannot be."""
    text = draw(ANY_TEXT)
    other = draw(ANY_TEXT | st.just("example.com"))
    makers: list[Callable[[], Command]] = [
        lambda: Ehlo(text),
        lambda: Helo(text),
        lambda: Lhlo(text),
        lambda: Xclient(ClientAttributes(name=text)),
        lambda: Xclient(ClientAttributes(name="a", greeting_name=text)),
        lambda: Xclient(ClientAttributes(protocol=text)),
        lambda: Auth(text),
        lambda: Auth("PLAIN", text.encode("utf-8", "surrogatepass")),
        lambda: AuthResponse(text.encode("utf-8", "surrogatepass")),
        lambda: Mail(Address(text, other)),
        lambda: Mail(Address.parse(text)),
        lambda: Mail(None, (text,)),
        lambda: Rcpt(Address(text, other), (other,)),
        lambda: Rcpt(Address(text, other)),
    ]
    try:
        return draw(st.sampled_from(makers))().encode()
    except MailError:
        return None


@given(attempts())
def test_a_command_is_one_line(wire: bytes | None) -> None:
    if wire is not None:
        assert wire.endswith(b"\r\n")
        assert wire.count(b"\r") == wire.count(b"\n") == 1
        assert b"\x00" not in wire


@given(ANY_TEXT, st.sampled_from(["example.com", "пример.рф", "[192.0.2.1]"]))
def test_a_server_reads_the_address_that_was_meant(local: str, domain: str) -> None:
    try:
        address = Address(local, domain)
    except InvalidAddress:
        return
    for command in (Mail(address, ("SMTPUTF8",)), Rcpt(address)):
        read = parse_command(command.encode().removesuffix(b"\r\n"))
        assert isinstance(read, type(command))
        assert read.parameters == command.parameters
        found = read.reverse_path if isinstance(read, Mail) else read.forward_path
        assert found is not None
        assert (found.local, found.to_ascii()) == (local, address.to_ascii())
