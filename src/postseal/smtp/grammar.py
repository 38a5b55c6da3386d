"""The grammar of SMTP, each rule beside the section that gives it.

Bytes arrive as octets and are matched as octets; what is not in these expressions is not SMTP.
"""

from __future__ import annotations

import re

from postseal.address import Address, ascii_domain
from postseal.errors import InvalidAddress, LocalProtocolError

__all__ = [
    "ESMTP_PARAMETER",
    "KEYWORD",
    "PATH",
    "REPLY_LINE",
    "STATUS_CODE",
    "check_greeting_name",
    "decode_xtext",
    "encode_xtext",
    "is_base64",
    "parse_mailbox",
]

# RFC 5321 4.2: Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ]
# Reply-code = %x32-35 %x30-35 %x30-39
REPLY_LINE = re.compile(rb"([2-5][0-5][0-9])(?:([ -])([^\r\n]*))?\Z")

# RFC 2034 4, RFC 3463 2: status-code = class "." subject "." detail
STATUS_CODE = re.compile(r"([245])\.[0-9]{1,3}\.[0-9]{1,3}(?= |\Z)")

# RFC 5321 4.1.1.1: ehlo-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*\Z")

# RFC 5321 4.1.2: esmtp-param = esmtp-keyword ["=" esmtp-value]
ESMTP_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?\Z")

# RFC 5321 4.1.2: Path = "<" [ A-d-l ":" ] Mailbox ">". A quoted local part may hold ">".
PATH = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^">\x00-\x20])*)>')

# RFC 5321 4.1.2: A-d-l = At-domain *( "," At-domain ); accepted and ignored (appendix C).
_SOURCE_ROUTE = re.compile(r"@[^@:,]+(?:,@[^@:,]+)*:")

# RFC 3461 4: xtext = *( xchar / hexchar ); hexchar = "+" and two digits, upper case
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*\Z")
_HEXCHAR = re.compile(r"\+([0-9A-F]{2})")

# RFC 4648 3.5: the bits that padding leaves over are zero.
_BASE64 = re.compile(
    rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?\Z"
)


def parse_mailbox(text: str) -> Address:
    """Read the inside of a path, without its angle brackets.

    Raises `InvalidAddress` where it is no `Mailbox` (RFC 5321 4.1.2).
    """
    if route := _SOURCE_ROUTE.match(text):
        text = text[route.end() :]
    return Address.parse(text)


def check_greeting_name(name: str) -> str:
    """Return the argument for EHLO: a domain in A-labels or an address literal.

    Raises `LocalProtocolError` for anything else (RFC 5321 4.1.1.1).
    """
    try:
        return ascii_domain(Address("postmaster", name).domain)
    except InvalidAddress as error:
        raise LocalProtocolError(
            f"{name!a} cannot be the name given with EHLO: {error.text}",
            hint="Give a host name or an address literal such as [192.0.2.1].",
        ) from None


def decode_xtext(text: str) -> str | None:
    """Read xtext (RFC 3461 4).

    None where it is none, or stands for anything but printable ASCII: what hides a line ending
    on this hop would end a line on the next.
    """
    if not _XTEXT.match(text):
        return None
    decoded = _HEXCHAR.sub(lambda found: chr(int(found[1], 16)), text)
    return decoded if decoded.isascii() and decoded.isprintable() else None


def encode_xtext(text: str) -> str:
    """Write printable ASCII as xtext (RFC 3461 4). Raises `LocalProtocolError` for other text."""
    if not (text.isascii() and text.isprintable()):
        raise LocalProtocolError(f"{text!a} cannot be written as xtext")
    return "".join(c if c not in "+= " else f"+{ord(c):02X}" for c in text)


def is_base64(data: bytes) -> bool:
    """Tell whether octets are canonical base64 (RFC 4648 4), as RFC 4954 4 demands."""
    return _BASE64.match(data) is not None
