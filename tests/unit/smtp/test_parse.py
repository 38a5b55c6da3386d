"""Command lines as a server reads them: what they mean, and what each wrong one is told."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postseal.address import Address
from postseal.smtp.commands import (
    Auth,
    Bdat,
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
from postseal.smtp.parse import Refusal, Vrfy, parse_command, parse_response

ADA = Address("ada", "example.com")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"EHLO client.example", Ehlo("client.example")),
        (b"LHLO client.example", Lhlo("client.example")),
        # RFC 3030 2: bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ]
        (b"BDAT 5", Bdat(5)),
        (b"bdat 0 last", Bdat(0, is_last=True)),
        (b"BDAT 86400  LAST ", Bdat(86400, is_last=True)),
        # RFC 5321 2.4: verbs and keywords in any case; spaces at the end are tolerated (4.1.1).
        (b"ehlo client.example  ", Ehlo("client.example")),
        (b"EHLO [IPv6:2001:db8::1]", Ehlo("[IPv6:2001:db8::1]")),
        (b"HELO client.example", Helo("client.example")),
        (b"StartTLS ", StartTLS()),
        (b"AUTH plain", Auth("PLAIN")),
        (b"AUTH PLAIN =", Auth("PLAIN", b"")),
        (b"AUTH PLAIN AGEAYg==", Auth("PLAIN", b"\x00a\x00b")),
        (b"MAIL FROM:<>", Mail(None)),
        (b"mail from:<ada@example.com>", Mail(ADA)),
        # RFC 5321 3.3: no space belongs behind the colon, but old clients write one.
        (b"MAIL FROM: <ada@example.com>", Mail(ADA)),
        (b"MAIL FROM:<> SIZE=1  BODY=7BIT", Mail(None, ("SIZE=1", "BODY=7BIT"))),
        (b"RCPT TO:<ada@example.com>", Rcpt(ADA)),
        # RFC 5321 appendix C: a source route is read and ignored.
        (b"RCPT TO:<@a.example,@b.example:ada@example.com>", Rcpt(ADA)),
        (b'RCPT TO:<"a>b c"@example.com>', Rcpt(Address("a>b c", "example.com"))),
        (b'RCPT TO:<"a\\"b"@example.com> X=1', Rcpt(Address('a"b', "example.com"), ("X=1",))),
        (b"RCPT TO:<ada@[192.0.2.1]>", Rcpt(Address("ada", "[192.0.2.1]"))),
        ("RCPT TO:<ада@пример.рф>".encode(), Rcpt(Address("ада", "пример.рф"))),
        (b"DATA", Data()),
        (b"RSET", Rset()),
        # RFC 5321 4.1.1.9: what stands behind NOOP is ignored.
        (b"NOOP anything", Noop()),
        (b"VRFY root", Vrfy()),
        (b"QUIT", Quit()),
    ],
)
def test_reads_a_command(line: bytes, command: Command) -> None:
    found = parse_command(line)
    assert type(found) is type(command)
    assert found == command


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"", "500 5.5.1 command not recognized"),
        (b" NOOP", "500 5.5.1 command not recognized"),
        (b"EXPN staff", "500 5.5.1 command not recognized"),
        (b"NOOP\tx", "500 5.5.2 control characters"),
        (b"NOOP\x00", "500 5.5.2 control characters"),
        (b"NO\x7fOP", "500 5.5.2 control characters"),
        (b"EHLO \xff", "500 5.5.2 the line is not UTF-8"),
        # A long s has the upper case S, a dotless i has I: no guard upstream would know.
        ("\u017fTARTTLS".encode(), "500 5.5.1 command not recognized"),
        ("QU\u0131T".encode(), "500 5.5.1 command not recognized"),
        ("AUTH PLA\u0131N".encode(), "504 5.5.4 mechanism not recognized"),
        (b"EHLO", "501 5.5.4 a host name or an address literal"),
        (b"EHLO a b", "501 5.5.4 a host name"),
        (b"HELO [::1]", "501 5.5.4 a host name"),
        # RFC 3207 4: "STARTTLS foo" must give 501.
        (b"STARTTLS foo", "501 5.5.4 STARTTLS takes no argument"),
        (b"DATA x", "501 5.5.4 DATA takes no argument"),
        (b"RSET x", "501 5.5.4 RSET takes no argument"),
        (b"QUIT x", "501 5.5.4 QUIT takes no argument"),
        (b"AUTH", "501 5.5.4 a mechanism is needed"),
        (b"AUTH A=B", "504 5.5.4 mechanism not recognized"),
        (b"AUTH PLAIN !", "501 5.5.2 this is not base64"),
        (b"AUTH PLAIN AGEAYg", "501 5.5.2 this is not base64"),
        (b"AUTH PLAIN AGEAYh==", "501 5.5.2 this is not base64"),
        (b"AUTH PLAIN AGEA Yg==", "501 5.5.2 this is not base64"),
        (b"MAIL", "501 5.5.4 the syntax is FROM:<address>"),
        (b"MAIL <ada@example.com>", "501 5.5.4 the syntax is FROM:<address>"),
        (b"MAIL FROM:ada@example.com", "501 5.5.4 the syntax is FROM:<address>"),
        (b"MAIL FROM:<ada@example.com", "501 5.5.4 the syntax is FROM:<address>"),
        (b'MAIL FROM:<"ada@example.com>', "501 5.5.4 the syntax is FROM:<address>"),
        (b"MAIL FROM:<ada@example.com>SIZE=1", "501 5.5.4 the syntax is FROM:<address>"),
        (b"MAIL FROM:<a b@example.com>", "501 5.5.4 the syntax is FROM:<address>"),
        (b"RCPT FROM:<ada@example.com>", "501 5.5.4 the syntax is TO:<address>"),
        (b"MAIL FROM:<> SIZE=", "501 5.5.4 a parameter is not well formed"),
        (b"MAIL FROM:<> =", "501 5.5.4 a parameter is not well formed"),
        # Only the space of ASCII separates parameters.
        ("MAIL FROM:<> SIZE=1\u00a0BODY=7BIT".encode(), "501 5.5.4 a parameter is not well"),
        (b"MAIL FROM:<ada>", "553 5.1.3 'ada' has no @"),
        (b"RCPT TO:<>", "553 5.1.3 '' has no @"),
        (b"RCPT TO:<@a.example:>", "553 5.1.3 '' has no @"),
        (b"RCPT TO:<a@b@example.com>", "553 5.1.3"),
        (b"RCPT TO:<a@-b>", "553 5.1.3"),
        ("RCPT TO:<a\u2028b@example.com>".encode(), "553 5.1.3"),
        (b"RCPT TO:<Postmaster>", "550 5.1.1 write postmaster with its domain"),
    ],
)
def test_refuses_a_line(line: bytes, says: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_command(line)
    assert str(caught.value.reply).startswith(says)


@pytest.mark.parametrize(
    "line",
    [
        b"MAIL FROM:<" + b"a" * 11000 + b"@example.com>",
        ("RCPT TO:<" + "\U0001f600" * 60 + "@" + "\U0001f601" * 60 + ".example>").encode(),
        b"MAIL FROM:<> " + b"A" * 11000 + b"=",
    ],
)
def test_an_answer_quotes_no_more_than_its_line_may_hold(line: bytes) -> None:
    # RFC 5321 4.5.3.1.5: 512 octets with code and CRLF.
    with pytest.raises(Refusal) as caught:
        parse_command(line)
    assert len(caught.value.reply.encode()) <= 512


@pytest.mark.parametrize(
    ("line", "response"),
    [(b"*", None), (b"", b""), (b"AGEAYg==", b"\x00a\x00b"), (b"Kg==", b"*")],
)
def test_reads_a_response(line: bytes, response: bytes | None) -> None:
    assert parse_response(line) == response


@pytest.mark.parametrize(
    "line", [b"**", b"=", b"AGEAYg", b"MAIL FROM:<>", b"\x00", b"\xff", b"A==="]
)
def test_refuses_a_response(line: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        parse_response(line)
    assert caught.value.reply.code == 501


@given(
    st.one_of(
        st.binary(max_size=80),
        st.tuples(
            st.sampled_from(
                [
                    "EHLO ",
                    "AUTH ",
                    "AUTH PLAIN ",
                    "MAIL FROM:<",
                    "RCPT TO:<",
                    "MAIL FROM:<> ",
                    "RCPT TO:<a@",
                    "LHLO ",
                    "BDAT ",
                    "XCLIENT NAME=",
                    "XCLIENT ",
                ]
            ),
            st.text(max_size=40),
        ).map(lambda parts: "".join(parts).encode()),
    )
)
@example(b"RCPT TO:<a@[>")
@example("EHLO \u2100".encode())
def test_any_line_is_a_command_or_refused(line: bytes) -> None:
    answer = written(line)
    assert answer.endswith(b"\r\n")
    assert answer.count(b"\n") == 1


def written(line: bytes) -> bytes:
    """What a line stands for: its command as we would write it, or our refusal."""
    try:
        return parse_command(line).encode()
    except Refusal as refusal:
        return refusal.reply.encode()
