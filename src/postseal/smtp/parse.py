"""Command lines as a server reads them: a line of octets in, a command or the right refusal out."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from typing import Final

from postseal.address import Address
from postseal.errors import InvalidAddress, LocalProtocolError
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
from postseal.smtp.grammar import ESMTP_PARAMETER, PATH, is_base64, parse_mailbox
from postseal.smtp.reply import Reply
from postseal.smtp.xclient import Xclient, parse_attributes

__all__ = ["Refusal", "Vrfy", "parse_command", "parse_response"]

# RFC 5321 4.5.3.1.5: a reply line may have 512 octets, and a text may quote what the client wrote.
_MAX_REPLY_TEXT: Final = 400

_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
# RFC 5321 4.1.1.2 and 4.1.1.3; spaces before the path are taken from clients that write them.
_FROM: Final = re.compile(rf"FROM: *{PATH.pattern}( .*)?\Z", re.IGNORECASE)
_TO: Final = re.compile(rf"TO: *{PATH.pattern}( .*)?\Z", re.IGNORECASE)
_CHUNK: Final = re.compile(r"([0-9]{1,20})(?: +(LAST))?\Z", re.IGNORECASE | re.ASCII)


class Refusal(Exception):
    """A line that is no command we take; `reply` says why."""

    def __init__(self, code: int, enhanced_code: str, text: str) -> None:
        self.reply = Reply(code, (text[:_MAX_REPLY_TEXT],), enhanced_code)
        super().__init__(str(self.reply))


class Vrfy(Noop):
    """VRFY: never answered with what we know (RFC 5321 3.5.3 allows 252)."""

    __slots__ = ()
    verb = "VRFY"


def parse_command(line: bytes) -> Command:
    """Read one line without its CRLF. Raises `Refusal` with the reply that fits."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(500, "5.5.2", "the line is not UTF-8") from None
    if _CONTROL.search(line):
        raise Refusal(500, "5.5.2", "control characters are not part of a command")
    verb, _, argument = text.partition(" ")
    # Beyond ASCII there are letters whose upper case is ASCII: "\u017f" is no "S" here.
    parser = _PARSERS.get(verb.upper()) if verb.isascii() else None
    if parser is None:
        raise Refusal(500, "5.5.1", "command not recognized")
    return parser(argument.strip(" "))


def parse_response(line: bytes) -> bytes | None:
    """Read the answer to a SASL challenge; None when the client cancels with `*`."""
    if line == b"*":
        return None
    return _decode(line)


def _greeting(kind: type[Ehlo]) -> Callable[[str], Command]:
    def parse(argument: str) -> Command:
        try:
            return kind(argument)
        except LocalProtocolError:
            raise Refusal(501, "5.5.4", "a host name or an address literal is needed") from None

    return parse


def _bare(command: Command) -> Callable[[str], Command]:
    def parse(argument: str) -> Command:
        if argument:
            raise Refusal(501, "5.5.4", f"{command.verb} takes no argument")
        return command

    return parse


def _auth(argument: str) -> Command:
    mechanism, _, response = argument.partition(" ")
    if not mechanism:
        raise Refusal(501, "5.5.4", "a mechanism is needed")
    if not mechanism.isascii():
        raise Refusal(504, "5.5.4", "mechanism not recognized")
    initial: bytes | None = None
    if response == "=":
        initial = b""
    elif response:
        initial = _decode(response.encode())
    try:
        return Auth(mechanism.upper(), initial)
    except LocalProtocolError:
        raise Refusal(504, "5.5.4", "mechanism not recognized") from None


def _decode(data: bytes) -> bytes:
    if not is_base64(data):
        raise Refusal(501, "5.5.2", "this is not base64")
    return b64decode(data)


def _bdat(argument: str) -> Command:
    # RFC 3030 2: bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ]
    found = _CHUNK.match(argument)
    if found is None:
        raise Refusal(501, "5.5.4", "the syntax is BDAT size [LAST]")
    return Bdat(int(found[1]), is_last=found[2] is not None)


def _xclient(argument: str) -> Command:
    attributes = parse_attributes(argument)
    if attributes is None:
        raise Refusal(501, "5.5.4", "the attributes of XCLIENT are not well formed")
    return Xclient(attributes)


def _mail(argument: str) -> Command:
    path, parameters = _path(_FROM, argument)
    return Mail(_mailbox(path) if path else None, parameters)


def _rcpt(argument: str) -> Command:
    path, parameters = _path(_TO, argument)
    if path.lower() == "postmaster":
        # RFC 5321 4.5.1 lets this one stand without a domain; we have none to give it.
        raise Refusal(550, "5.1.1", "write postmaster with its domain")
    return Rcpt(_mailbox(path), parameters)


def _path(syntax: re.Pattern[str], argument: str) -> tuple[str, tuple[str, ...]]:
    found = syntax.match(argument)
    if found is None:
        keyword = "FROM" if syntax is _FROM else "TO"
        raise Refusal(501, "5.5.4", f"the syntax is {keyword}:<address>")
    path, behind = found.groups()
    if not behind:
        return path, ()
    parameters = tuple(word for word in behind.split(" ") if word)
    if not all(ESMTP_PARAMETER.match(parameter) for parameter in parameters):
        raise Refusal(501, "5.5.4", "a parameter is not well formed")
    return path, parameters


def _mailbox(path: str) -> Address:
    try:
        return parse_mailbox(path)
    except InvalidAddress as error:
        raise Refusal(553, "5.1.3", error.text) from None


_PARSERS: Final[dict[str, Callable[[str], Command]]] = {
    "EHLO": _greeting(Ehlo),
    "HELO": _greeting(Helo),
    "LHLO": _greeting(Lhlo),
    "STARTTLS": _bare(StartTLS()),
    "AUTH": _auth,
    "MAIL": _mail,
    "RCPT": _rcpt,
    "DATA": _bare(Data()),
    "BDAT": _bdat,
    "RSET": _bare(Rset()),
    "NOOP": lambda _: Noop(),
    "QUIT": _bare(Quit()),
    "VRFY": lambda _: Vrfy(),
    "XCLIENT": _xclient,
}
