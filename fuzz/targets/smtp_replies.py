"""Whatever a server sends, and however it is cut, a client session gives the same replies, each
printable, ends in the same state, and raises RemoteProtocolError, StartTLSInjection or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fuzz.chunks import cuts
from postseal.address import Address
from postseal.errors import MailError, RemoteProtocolError, StartTLSInjection
from postseal.smtp import ClientSession, ClientState, Reply
from postseal.smtp.commands import Auth, Command, Data, Ehlo, Mail, Quit, Rcpt, StartTLS

__all__ = ["run"]

_ADA: Final = Address("ada", "example.com")


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses the cut, the second what was said before."""
    if len(data) < 2:
        return
    situation = _SITUATIONS[data[1] % len(_SITUATIONS)]
    outcomes = [_hear(situation(), pieces) for pieces in cuts(data[0], data[2:])]
    assert outcomes[1:] == [outcomes[0]] * 2


def _hear(
    session: ClientSession, pieces: list[bytes]
) -> tuple[list[tuple[Command | None, Reply]], type[MailError] | None, ClientState]:
    replies: list[tuple[Command | None, Reply]] = []
    fault: type[MailError] | None = None
    try:
        for piece in pieces:
            replies += ((event.command, event.reply) for event in session.receive(piece))
        if session.failure is not None:
            raise session.failure
    except (RemoteProtocolError, StartTLSInjection) as error:
        assert str(error).isprintable()
        assert session.state is ClientState.CLOSED
        fault = type(error)
    assert all(str(reply).isprintable() for _, reply in replies)
    if fault is StartTLSInjection:
        # Whether the go-ahead was heard before the injection is up to the cut.
        replies = [pair for pair in replies if not isinstance(pair[0], StartTLS)]
    return replies, fault, session.state


def _connected() -> ClientSession:
    return ClientSession()


def _ready() -> ClientSession:
    session = ClientSession(dangerous_auth_in_clear=True)
    session.receive(b"220 mx\r\n")
    session.send(Ehlo("client.example"))
    session.receive(b"250-mx\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n")
    return session


def _greeting() -> ClientSession:
    session = ClientSession()
    session.receive(b"220 mx\r\n")
    session.send(Ehlo("client.example"))
    return session


def _starting_tls() -> ClientSession:
    session = _ready()
    session.send(StartTLS())
    return session


def _authenticating() -> ClientSession:
    session = _ready()
    session.send(Auth("PLAIN", b"x"))
    return session


def _in_an_envelope() -> ClientSession:
    session = _ready()
    for command in (Mail(_ADA), Rcpt(_ADA), Rcpt(_ADA), Data()):
        session.send(command)
    return session


def _behind_a_body() -> ClientSession:
    session = _in_an_envelope()
    session.receive(b"250 a\r\n" * 3 + b"354 b\r\n")
    session.end_body()
    session.send(Mail(None))
    session.send(Quit())
    return session


_SITUATIONS: Final[tuple[Callable[[], ClientSession], ...]] = (
    _connected,
    _greeting,
    _ready,
    _starting_tls,
    _authenticating,
    _in_an_envelope,
    _behind_a_body,
)
