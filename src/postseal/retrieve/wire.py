"""One connection to a mailbox server, read in lines and in counted octets, each within bounds.

The protocol modules of the standard library read through a buffered file, which keeps what arrived
in clear behind the answer to STARTTLS and gives it out as if it had come under TLS (CVE-2011-0411).
They are given this in place of a socket: it knows what it has in hand when TLS begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from postseal.address import is_loopback
from postseal.errors import (
    Disconnected,
    HandshakeFailed,
    MailError,
    Phase,
    PolicyNotMet,
    RemoteProtocolError,
    StartTLSInjection,
)
from postseal.send.endpoint import Endpoint
from postseal.send.networks.blocking import run
from postseal.send.networks.network import Network, Stream
from postseal.send.networks.sealed import SealedStream
from postseal.send.timeouts import Timeouts
from postseal.tls.channel import Channel, Opening
from postseal.tls.levels import TLSLevel, TLSOutcome, TLSPolicy, require
from postseal.tls.profiles import Profile
from postseal.tls.trust import Trust

__all__ = ["Wire", "shown"]

# A search may find half a million messages, which are named in one line.
_MAX_LINE: Final = 4 * 1024 * 1024
_CRLF: Final = b"\r\n"
_MAX_SHOWN: Final = 200
# The handshake is read by its own code, and bounded there.
_HANDSHAKE_OCTETS: Final = 0


def shown(said: object) -> str:
    """Make of what a server said a text that can be printed."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return "".join(one if one.isprintable() else "?" for one in text[:_MAX_SHOWN])


class Wire:
    """Octets to and from one server.

    Everything is done within an `operation`, and all that is read and waited for counts towards
    what that may take. Any failure is kept in `failure`, closes the connection and is raised.
    """

    def __init__(self, network: Network, stream: Stream, host: str, timeouts: Timeouts) -> None:
        self.tls = TLSOutcome.in_clear()
        self.failure: MailError | None = None
        self._network = network
        self._stream = stream
        self._host = host
        self._timeouts = timeouts
        self._received = bytearray()
        self._searched = 0
        self._phase: Phase | None = None
        self._deadline = 0.0
        self._room = 0

    @classmethod
    def connect(cls, network: Network, endpoint: Endpoint, timeouts: Timeouts) -> Wire:
        """Connect, without saying anything. Raises `ConnectError`, `TimedOut` and `PolicyNotMet`.

        The last is for what would be in clear, and leave this machine.
        """
        limit = network.now() + min(timeouts.connect, timeouts.total)
        try:
            stream = run(network.connect(endpoint.host, endpoint.port, limit))
        except MailError as error:
            error.at(phase=Phase.CONNECT, host=endpoint.host)
            raise
        if endpoint.level is TLSLevel.NONE and not is_loopback(stream.peer_address):
            stream.close()
            raise PolicyNotMet(
                f"a mailbox is read in clear on this machine alone, and {stream.peer_address} is "
                "another",
                phase=Phase.CONNECT,
                host=endpoint.host,
                hint="Use imaps:// or pop3s://.",
            )
        return cls(network, stream, endpoint.host, timeouts)

    @contextmanager
    def operation(self, *, max_octets: int, phase: Phase | None = None) -> Iterator[None]:
        """Do what has a deadline of its own, and may bring so many octets.

        Errors on the way say where they happened.
        """
        if self.failure is not None:
            raise Disconnected(
                f"the connection was closed before: {self.failure.text}", host=self._host
            )
        self._phase = phase
        self._deadline = self._network.now() + self._timeouts.total
        self._room = max_octets
        try:
            yield
        except MailError as error:
            error.at(phase=phase, host=self._host)
            raise
        except BaseException:
            # The rest of an answer would be taken for that to the next question.
            self.close()
            raise

    def write(self, data: bytes) -> None:
        """Write all of it."""
        try:
            run(self._stream.write(data, self._until()))
        except MailError as error:
            raise self.fail(error) from None

    def read_line(self) -> bytes:
        """Read up to the next CRLF, which is given with the line."""
        while (end := self._received.find(_CRLF, self._searched)) < 0:
            # The last octet may be half of a CRLF.
            self._searched = max(0, len(self._received) - 1)
            if len(self._received) > _MAX_LINE:
                raise self.fail(RemoteProtocolError(f"a line of more than {_MAX_LINE} octets"))
            self._receive()
        return self._take(end + len(_CRLF))

    def read_exactly(self, size: int) -> bytes:
        """Read so many octets."""
        if size > self._room + len(self._received):
            raise self.fail(
                RemoteProtocolError(f"the server announces {size} octets, more than are taken")
            )
        while len(self._received) < size:
            self._receive()
        return self._take(size)

    def seal(self, endpoint: Endpoint, trust: Trust, profile: Profile) -> None:
        """Do the handshake, behind the answer to STARTTLS or from the first octet.

        Raises `TLSError`s. What arrived in clear behind the answer is `StartTLSInjection`.
        """
        with self.operation(max_octets=_HANDSHAKE_OCTETS, phase=Phase.HANDSHAKE):
            if self._received:
                raise self.fail(
                    StartTLSInjection(
                        "data in clear arrived behind the answer to STARTTLS",
                        phase=Phase.STARTTLS,
                        hint="Somebody on the path may be injecting data. Nothing was sent.",
                    )
                )
            try:
                self._handshake(endpoint, trust, profile)
            except MailError as error:
                if isinstance(error, HandshakeFailed) and endpoint.opening is Opening.IMPLICIT:
                    error.hint = (
                        "A port that greets in clear wants STARTTLS: imap:// rather than "
                        "imaps://, pop3:// rather than pop3s://."
                    )
                raise self.fail(error) from None

    def channel_binding(self) -> bytes:
        """What ties an authentication to this very server (RFC 5929 4); empty without TLS."""
        return self._stream.channel_binding() if isinstance(self._stream, SealedStream) else b""

    def fail(self, error: MailError) -> MailError:
        """Close because of an error that was found above, and give it with the place filled in."""
        error.at(phase=self._phase, host=self._host)
        self.failure = self.failure or error
        self.close()
        return error

    def close(self) -> None:
        """Close the connection; nothing more is said."""
        self._stream.close()

    def end(self) -> None:
        """Say close_notify where there is TLS, and close. Never raises for what the server does."""
        if self.failure is None and isinstance(self._stream, SealedStream):
            try:
                run(self._stream.end(self._until()))
            except MailError as error:
                self.failure = error
        self.close()

    def _handshake(self, endpoint: Endpoint, trust: Trust, profile: Profile) -> None:
        channel = Channel.client(
            endpoint.host,
            trust=trust,
            level=endpoint.level,
            opening=endpoint.opening,
            profile=profile,
        )
        sealed = run(SealedStream.establish(self._stream, channel, self._until()))
        self._stream, self.tls = sealed, sealed.outcome()
        require(TLSPolicy(endpoint.level), self.tls, host=endpoint.host)

    def _take(self, size: int) -> bytes:
        data = bytes(memoryview(self._received)[:size])
        del self._received[:size]
        self._searched = 0
        return data

    def _receive(self) -> None:
        try:
            data = run(self._stream.read(self._until()))
        except MailError as error:
            raise self.fail(error) from None
        if not data:
            raise self.fail(Disconnected("the server closed the connection"))
        self._room -= len(data)
        if self._room < 0:
            raise self.fail(RemoteProtocolError("the server sends more than the answer can have"))
        self._received += data

    def _until(self) -> float:
        step = self._timeouts.of(self._phase) if self._phase else self._timeouts.command
        return min(self._deadline, self._network.now() + step)
