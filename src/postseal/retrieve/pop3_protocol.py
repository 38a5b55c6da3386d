"""The standard library's `poplib`, over our own wire and without its limits.

It is given the wire in place of a socket. What differs: octets in clear behind STLS end the
session, every wait has a deadline, a line of a message may be of any length (poplib gives up behind
2048 octets), and no argument can hold a line break (CVE-2025-15367).
"""

from __future__ import annotations

import poplib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from postseal.errors import MailError, RemoteProtocolError
from postseal.retrieve.arguments import refuse_controls
from postseal.retrieve.errors import RetrievalRefused
from postseal.retrieve.login import Responder
from postseal.retrieve.wire import Wire, shown

__all__ = ["POP3Protocol", "spoken"]

_CRLF: Final = b"\r\n"
# What poplib raises on answers that it did not expect, besides its own error.
_CONFUSED: Final = (ValueError, TypeError, AttributeError, LookupError)


class POP3Protocol(poplib.POP3):
    """A `POP3` that reads the greeting from a wire it is given."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        super().__init__("")

    def ask(self, command: str) -> bytes:
        """Send a command that is answered by one line, and give that."""
        answer: bytes = self._shortcmd(command)  # type: ignore[attr-defined]
        return answer

    def authenticate(self, mechanism: str, respond: Responder) -> None:
        """Do one exchange of SASL (RFC 5034 4)."""
        answer = self.ask(f"AUTH {mechanism}")
        # `+` alone is a challenge, `+OK` the end.
        while not answer.startswith(b"+OK"):
            challenge = b64decode(answer.removeprefix(b"+").strip(), validate=True)
            answer = self.ask(b64encode(respond(challenge)).decode())

    def _create_socket(self, timeout: float) -> _WireSocket:
        return _WireSocket(self._wire)

    def _putcmd(self, line: str) -> None:
        refuse_controls(line, f"a {line[:4]} command")
        super()._putcmd(line)  # type: ignore[misc]

    def _getline(self) -> tuple[bytes, int]:
        line = self._wire.read_line()
        return line.removesuffix(_CRLF), len(line)


class _WireSocket:
    """The wire, as what poplib asks of a socket."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def makefile(self, _: str) -> _WireSocket:
        return self

    def sendall(self, line: bytes) -> None:
        self._wire.write(line)

    def shutdown(self, _: int) -> None:
        self._wire.end()

    def close(self) -> None:
        self._wire.close()


@contextmanager
def spoken(wire: Wire, what: str) -> Iterator[None]:
    """Make typed errors of what poplib raises while it does `what`."""
    try:
        yield
    except MailError as error:
        raise wire.failure or error from None
    except poplib.error_proto as error:
        # poplib has the server's words in octets, and its own in a text.
        said = shown(error.args[0] if error.args else "")
        if said.startswith("-ERR"):
            raise RetrievalRefused(f"{what}: {said}") from None
        raise _nonsense(wire, what, said) from None
    except _CONFUSED as error:
        raise _nonsense(wire, what, error) from None


def _nonsense(wire: Wire, what: str, said: object) -> MailError:
    return wire.failure or wire.fail(
        RemoteProtocolError(f"{what}: the server's answer makes no sense: {shown(said)}")
    )
