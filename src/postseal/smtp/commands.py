"""Commands as values that can only be written as one line (RFC 5321 4.1, 3207, 4954).

Each command encodes itself for the wire and knows the phase it belongs to. Arguments are checked
when the value is made, so there is no command that holds a line ending.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import ClassVar

from postseal.address import Address
from postseal.errors import LocalProtocolError, Phase
from postseal.smtp.grammar import ESMTP_PARAMETER, KEYWORD, check_greeting_name

__all__ = [
    "Auth",
    "AuthCancel",
    "AuthResponse",
    "Bdat",
    "Command",
    "Data",
    "Ehlo",
    "EndOfData",
    "Helo",
    "Lhlo",
    "Mail",
    "Noop",
    "Quit",
    "Rcpt",
    "Rset",
    "StartTLS",
]


class Command:
    """What a client says to a server; subclasses are the commands."""

    __slots__ = ()
    verb: ClassVar[str]
    phase: ClassVar[Phase]

    def encode(self) -> bytes:
        """Write the command for the wire, with its CRLF."""
        return f"{self.verb}\r\n".encode("ascii")


@dataclass(frozen=True, slots=True)
class Ehlo(Command):
    """EHLO with a host name or an address literal."""

    verb: ClassVar[str] = "EHLO"
    phase: ClassVar[Phase] = Phase.EHLO
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", check_greeting_name(self.name))

    def encode(self) -> bytes:
        return f"{self.verb} {self.name}\r\n".encode("ascii")


@dataclass(frozen=True, slots=True)
class Helo(Ehlo):
    """HELO: the greeting of a client that wants no extensions (RFC 5321 4.1.1.1)."""

    verb: ClassVar[str] = "HELO"


@dataclass(frozen=True, slots=True)
class Lhlo(Ehlo):
    """LHLO: the EHLO of local delivery (RFC 2033 4.1)."""

    verb: ClassVar[str] = "LHLO"


@dataclass(frozen=True, slots=True)
class StartTLS(Command):
    """STARTTLS: it has no arguments and must be the last of a group (RFC 3207 4)."""

    verb: ClassVar[str] = "STARTTLS"
    phase: ClassVar[Phase] = Phase.STARTTLS


@dataclass(frozen=True, slots=True)
class Auth(Command):
    """AUTH with a mechanism and, where the mechanism speaks first, its response."""

    verb: ClassVar[str] = "AUTH"
    phase: ClassVar[Phase] = Phase.AUTH
    mechanism: str
    initial_response: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # RFC 4422 3.1: sasl-mech = 1*20mech-char; "_" is one, unlike in an EHLO keyword.
        if not KEYWORD.match(self.mechanism.replace("_", "-")) or len(self.mechanism) > 20:
            raise LocalProtocolError(f"{self.mechanism!a} is no SASL mechanism name")

    def encode(self) -> bytes:
        line = f"AUTH {self.mechanism}".encode("ascii")
        if self.initial_response is not None:
            # RFC 4954 4: an empty response is written "=".
            line += b" " + (b64encode(self.initial_response) or b"=")
        return line + b"\r\n"


@dataclass(frozen=True, slots=True)
class AuthResponse(Command):
    """The answer to a challenge of the server, a line of base64 (RFC 4954 4)."""

    verb: ClassVar[str] = "AUTH response"
    phase: ClassVar[Phase] = Phase.AUTH
    response: bytes = field(repr=False)

    def encode(self) -> bytes:
        return b64encode(self.response) + b"\r\n"


@dataclass(frozen=True, slots=True)
class AuthCancel(Command):
    """The line that ends an exchange without credentials; the server answers 501."""

    verb: ClassVar[str] = "AUTH cancel"
    phase: ClassVar[Phase] = Phase.AUTH

    def encode(self) -> bytes:
        return b"*\r\n"


@dataclass(frozen=True, slots=True)
class Mail(Command):
    """MAIL with the reverse-path, None being the null one, and ESMTP parameters."""

    verb: ClassVar[str] = "MAIL"
    phase: ClassVar[Phase] = Phase.MAIL
    reverse_path: Address | None
    parameters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_parameters(self.parameters)

    def encode(self) -> bytes:
        return _encode_path("MAIL FROM:", self.reverse_path, self.parameters)


@dataclass(frozen=True, slots=True)
class Rcpt(Command):
    """RCPT with one forward-path and ESMTP parameters."""

    verb: ClassVar[str] = "RCPT"
    phase: ClassVar[Phase] = Phase.RCPT
    forward_path: Address
    parameters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_parameters(self.parameters)

    def encode(self) -> bytes:
        return _encode_path("RCPT TO:", self.forward_path, self.parameters)


@dataclass(frozen=True, slots=True)
class Data(Command):
    """DATA: asks the server to take the body."""

    verb: ClassVar[str] = "DATA"
    phase: ClassVar[Phase] = Phase.DATA


@dataclass(frozen=True, slots=True)
class Bdat(Command):
    """BDAT: announces a chunk of `size` octets, which follow without a go-ahead (RFC 3030 2)."""

    verb: ClassVar[str] = "BDAT"
    phase: ClassVar[Phase] = Phase.BODY
    size: int
    is_last: bool = False

    def __post_init__(self) -> None:
        # RFC 3030 2: chunk-size = 1*DIGIT; more than 20 digits are no size of anything.
        if not 0 <= self.size < 10**20:
            raise LocalProtocolError(f"a chunk cannot have {self.size} octets")

    def encode(self) -> bytes:
        return f"BDAT {self.size}{' LAST' if self.is_last else ''}\r\n".encode("ascii")


@dataclass(frozen=True, slots=True)
class EndOfData(Command):
    """The end of a body; it stands for the body where its reply is concerned."""

    verb: ClassVar[str] = "end of data"
    phase: ClassVar[Phase] = Phase.BODY


@dataclass(frozen=True, slots=True)
class Rset(Command):
    """RSET: drops the transaction, keeps the session."""

    verb: ClassVar[str] = "RSET"
    phase: ClassVar[Phase] = Phase.RSET


@dataclass(frozen=True, slots=True)
class Noop(Command):
    """NOOP: asks for a sign of life."""

    verb: ClassVar[str] = "NOOP"
    phase: ClassVar[Phase] = Phase.NOOP


@dataclass(frozen=True, slots=True)
class Quit(Command):
    """QUIT: says goodbye."""

    verb: ClassVar[str] = "QUIT"
    phase: ClassVar[Phase] = Phase.QUIT


def _check_parameters(parameters: tuple[str, ...]) -> None:
    for parameter in parameters:
        if not ESMTP_PARAMETER.match(parameter):
            raise LocalProtocolError(f"{parameter!a} is no ESMTP parameter")


def _encode_path(verb: str, path: Address | None, parameters: tuple[str, ...]) -> bytes:
    written = path.to_ascii() if path is not None else ""
    line = f"{verb}<{written}>"
    if parameters:
        line = f"{line} {' '.join(parameters)}"
    # Only a local part can still be non-ASCII here: UTF-8, by SMTPUTF8 (RFC 6531 3.3).
    return f"{line}\r\n".encode()
