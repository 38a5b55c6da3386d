r"""CRLF in addresses, parameters and the EHLO name: commands smuggled in by a value.

- Ruby net/smtp CVE-2015-9096: CR LF in an address began the next command.
- aiosmtplib GHSA-v3q9-hj7j-63hq: so did control characters in any argument.
- nodemailer GHSA-c7w3-x93f-qmm8: so did the size given with the envelope.
- CVE-2025-7962: Jakarta Mail refused CR and LF, but cut each code point to its low octet on the way
  out; that of U+010D is CR, that of U+010A is LF.

Promise 6: there is no value that holds a line break, so no command does either.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from postseal.address import Address
from postseal.errors import InvalidInput, LocalProtocolError
from postseal.smtp.commands import Auth, AuthResponse, Command, Ehlo, Helo, Lhlo, Mail, Rcpt
from postseal.smtp.parse import Refusal, parse_command
from postseal.smtp.xclient import ClientAttributes, Xclient

ADA = Address("ada", "example.com")
HIDDEN = "RCPT TO:<victim@example.com>"

# Everything that some program takes for the end of a line.
BREAKS = ["\r\n", "\r", "\n", "\x00", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]

PLACES: dict[str, Callable[[str], Command]] = {
    "EHLO name": lambda text: Ehlo(f"client.example{text}"),
    "HELO name": lambda text: Helo(f"client.example{text}"),
    "LHLO name": lambda text: Lhlo(f"client.example{text}"),
    "EHLO literal": lambda text: Ehlo(f"[192.0.2.1{text}]"),
    "mechanism": lambda text: Auth(f"PLAIN{text}"),
    "local part": lambda text: Mail(Address(f"ada{text}", "example.com")),
    "domain": lambda text: Rcpt(Address("ada", f"example.com{text}")),
    "literal": lambda text: Rcpt(Address("ada", f"[192.0.2.1{text}]")),
    "address": lambda text: Rcpt(Address.parse(f"ada@example.com{text}")),
    "quoted address": lambda text: Rcpt(Address.parse(f'"ada{text}"@example.com')),
    "parameter of MAIL": lambda text: Mail(ADA, (f"SIZE=1{text}",)),
    "keyword": lambda text: Mail(ADA, (f"SIZE{text}=1",)),
    "parameter of RCPT": lambda text: Rcpt(ADA, (f"ORCPT=rfc822;ada{text}",)),
    "XCLIENT name": lambda text: Xclient(ClientAttributes(name=f"client.example{text}")),
    "XCLIENT HELO": lambda text: Xclient(ClientAttributes(greeting_name=f"client.example{text}")),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("line_break", BREAKS, ids=ascii)
def test_no_value_holds_a_line_break(place: str, line_break: str) -> None:
    for text in (line_break, f"{line_break}{HIDDEN}", f">{line_break}{HIDDEN}"):
        with pytest.raises((InvalidInput, LocalProtocolError)):
            PLACES[place](text).encode()


def test_a_response_is_encoded_so_it_may_hold_any_octets() -> None:
    response = f"ada\r\n{HIDDEN}".encode()
    assert AuthResponse(response).encode().count(b"\r\n") == 1
    assert Auth("PLAIN", response).encode().count(b"\r\n") == 1


# U+760D and U+760A end with the octets of CR and LF in UTF-16; so do these of other planes.
LOW_OCTETS = ["\u760d\u760a", "\u010d\u010a", "\u4e0d\u540a", "\U0001f30d\U0001f30a"]


@pytest.mark.parametrize("text", LOW_OCTETS, ids=ascii)
def test_a_code_point_is_not_cut_to_its_low_octet(text: str) -> None:
    line = Mail(Address(f"ada{text}", "example.com"), ("SMTPUTF8",)).encode()
    assert line == f"MAIL FROM:<ada{text}@example.com> SMTPUTF8\r\n".encode()
    assert line.count(b"\r") == line.count(b"\n") == 1


@pytest.mark.parametrize("text", LOW_OCTETS, ids=ascii)
def test_a_code_point_in_a_domain_becomes_an_A_label_or_is_refused(text: str) -> None:
    try:
        line = Ehlo(f"client{text}.example").encode()
    except LocalProtocolError:
        return
    assert line.startswith(b"EHLO xn--")
    assert line.count(b"\r") == line.count(b"\n") == 1


@pytest.mark.parametrize("text", LOW_OCTETS, ids=ascii)
def test_a_parameter_is_ascii(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        Mail(ADA, (f"ENVID={text}",))


@pytest.mark.parametrize(
    "line",
    [
        "MAIL FROM:<ada\r@example.com>",
        'MAIL FROM:<"ada\n"@example.com>',
        "EHLO client\x00.example",
        "RCPT TO:<ada@example.com> X=\x0b",
        'RCPT TO:<"ada\u2028"@example.com>',
        'RCPT TO:<"ada\x85"@example.com>',
        "NOOP \x07",
        "VRFY ada\x00",
    ],
    ids=ascii,
)
def test_a_server_lets_none_in(line: str) -> None:
    # What came in here would go out again, in a trace field or to the next server.
    with pytest.raises(Refusal):
        parse_command(line.encode())
