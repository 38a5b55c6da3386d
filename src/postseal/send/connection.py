"""One connection to a server: opened, sealed and authenticated as its endpoint asks.

These are the only coroutines that talk to servers. They run over the asyncio network and, driven
by `postseal.send.blocking.run`, over the blocking one.
"""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass, field

from postseal.errors import (
    ConnectError,
    Disconnected,
    HandshakeFailed,
    MailError,
    Phase,
    RemoteProtocolError,
    StartTLSInjection,
    StartTLSStripped,
    TimedOut,
)
from postseal.secrets import Secret
from postseal.send.authentication import authenticate
from postseal.send.endpoint import Endpoint, is_loopback
from postseal.send.network import Network, Stream
from postseal.send.sealed import SealedStream
from postseal.send.timeouts import Timeouts
from postseal.smtp import ClientSession, ClientState, Extensions, Reply, ReplyReceived
from postseal.smtp.commands import Command, Ehlo, Quit, StartTLS
from postseal.tls import (
    Channel,
    Opening,
    PolicySource,
    TLSLevel,
    TLSOutcome,
    TLSPolicy,
    Trust,
    require,
)

__all__ = ["Connection", "ConnectionOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """How connections are made, apart from where to.

    `tls_name` is the name that the server's certificate must hold, when it is not the endpoint's
    host. `local_name` is said with EHLO; None says the connection's own address.
    """

    trust: Trust = field(default_factory=Trust.system)
    policy_source: PolicySource = PolicySource.CALLER
    tls_name: str | None = None
    local_name: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    password: Secret | None = None


class Connection:
    """An open SMTP connection; made by `open`, ended by `quit` or `close`.

    Methods raise `MailError`s that say phase and host; after one that is no refusal of the server
    the connection is closed.
    """

    def __init__(
        self, network: Network, stream: Stream, endpoint: Endpoint, options: ConnectionOptions
    ) -> None:
        self.endpoint = endpoint
        self.tls = TLSOutcome.in_clear()
        self.peer_address = stream.peer_address
        self._network = network
        self._stream = stream
        self._options = options
        self._replies: deque[ReplyReceived] = deque()
        self._is_closed = False
        in_clear = endpoint.level is TLSLevel.NONE and is_loopback(stream.peer_address)
        self._session = ClientSession(dangerous_auth_in_clear=in_clear)

    @classmethod
    async def open(
        cls, network: Network, endpoint: Endpoint, options: ConnectionOptions, *, deadline: float
    ) -> Connection:
        """Connect, seal and authenticate.

        Raises `ConnectError`, `TimedOut`, `TLSError`s, `AuthError` and `RemoteProtocolError`; no
        credential has then left for a peer that was not authenticated.
        """
        timeouts = options.timeouts
        try:
            stream = await network.connect(
                endpoint.host, endpoint.port, min(deadline, network.now() + timeouts.connect)
            )
        except MailError as error:
            error.at(phase=Phase.CONNECT, host=endpoint.host)
            raise
        connection = cls(network, stream, endpoint, options)
        try:
            await connection._begin(deadline)
        except MailError as error:
            connection.close()
            error.at(phase=connection._session.waiting_for, host=endpoint.host)
            raise
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def session(self) -> ClientSession:
        """The protocol's state, for the transaction that runs over this connection."""
        return self._session

    @property
    def extensions(self) -> Extensions:
        """What the server offers."""
        return self._session.extensions

    @property
    def channel_binding(self) -> bytes:
        """The `tls-server-end-point` of the connection; empty without TLS (RFC 5929 4)."""
        stream = self._stream
        return stream.channel_binding() if isinstance(stream, SealedStream) else b""

    @property
    def is_open(self) -> bool:
        """True until either side has closed, as far as is known."""
        return not self._is_closed and self._session.state is not ClientState.CLOSED

    @property
    def is_usable(self) -> bool:
        """True when nothing is open and nothing unexpected, such as an end, has arrived."""
        return self._session.is_idle and not self._replies and not self._stream.has_input()

    async def quit(self, *, deadline: float) -> None:
        """Say QUIT, hear the answer and close. Never raises for what the server does."""
        try:
            with contextlib.suppress(MailError):
                await self.ask(Quit(), deadline=deadline)
                if isinstance(self._stream, SealedStream):
                    await self._stream.end(self._until(deadline, Phase.QUIT))
        finally:
            self.close()

    def close(self) -> None:
        """Close without a word."""
        self._is_closed = True
        self._stream.close()

    # -- what transactions are made of ----------------------------------------------------------

    async def ask(self, command: Command, *, deadline: float) -> Reply:
        """Send one command and wait for its reply."""
        await self.write(self.encode(command), deadline=deadline)
        return await self.reply(deadline=deadline)

    def encode(self, command: Command) -> bytes:
        """Give the octets of a command, to be written next."""
        try:
            return self._session.send(command)
        except MailError as error:
            error.at(phase=command.phase)
            raise

    async def write(self, data: bytes, *, deadline: float) -> None:
        """Write what the session gave.

        Raises `Disconnected`, with the server's 421 where it said why.
        """
        limit = self._network.now() + self._options.timeouts.body_block
        try:
            await self._stream.write(data, min(deadline, limit))
        except Disconnected as error:
            # Nobody hears us any more, but the reason may have arrived before.
            with contextlib.suppress(MailError):
                await self._receive(deadline)
            if self._replies and self._replies[-1].reply.code == 421:
                raise _farewell(self._replies[-1]) from error
            raise

    async def reply(self, *, deadline: float) -> Reply:
        """Wait for the next reply that is due; the time of its phase is for the whole of it.

        Raises `Disconnected` when the server takes its leave with 421.
        """
        if not self._replies:
            await self._await_reply(deadline)
        received = self._replies.popleft()
        if received.reply.code == 421:
            raise _farewell(received)
        return received.reply

    async def _await_reply(self, deadline: float) -> None:
        phase = self._session.waiting_for or Phase.NOOP
        limit = self._until(deadline, phase)
        try:
            while not self._replies:
                await self._receive(limit)
        except MailError as error:
            error.at(phase=phase)
            raise

    async def _receive(self, limit: float) -> None:
        if self._session.failure is not None:
            raise self._session.failure
        data = await self._stream.read(limit)
        self._replies.extend(self._session.receive(data))
        if not data and not self._replies:
            # Goodbye was said and not answered: nothing more will come.
            raise Disconnected("the server closed the connection")

    # -- opening ------------------------------------------------------------------------------

    async def _begin(self, deadline: float) -> None:
        endpoint = self.endpoint
        if endpoint.opening is Opening.IMPLICIT:
            await self._seal(deadline)
            self._session = ClientSession(peer_authenticated=self._peer_is_authenticated)
        await self._greeting(deadline)
        await self._hello(deadline)
        if endpoint.opening is Opening.STARTTLS and endpoint.level > TLSLevel.NONE:
            await self._starttls(deadline)
        policy = TLSPolicy(endpoint.level, self._options.policy_source)
        require(policy, self.tls, host=endpoint.host)
        if self._options.password is not None:
            await authenticate(self, endpoint.username, self._options.password, deadline=deadline)

    async def _greeting(self, deadline: float) -> None:
        try:
            reply = await self.reply(deadline=deadline)
        except (TimedOut, Disconnected, RemoteProtocolError) as error:
            error.at(phase=Phase.GREETING)
            if self.endpoint.opening is Opening.STARTTLS and error.code is None:
                error.hint = "A port that gives no greeting may want TLS at once: try smtps://."
            raise
        if reply.code != 220:
            raise ConnectError(
                f"the server does not take mail: {reply}",
                phase=Phase.GREETING,
                code=reply.code,
                enhanced_code=reply.enhanced_code,
            )

    async def _hello(self, deadline: float) -> None:
        name = self._options.local_name or _address_literal(self._stream.local_address)
        reply = await self.ask(Ehlo(name), deadline=deadline)
        if not reply.is_positive:
            raise ConnectError(
                f"the server does not take EHLO: {reply}",
                phase=Phase.EHLO,
                code=reply.code,
                enhanced_code=reply.enhanced_code,
            )

    async def _starttls(self, deadline: float) -> None:
        must = self.endpoint.level > TLSLevel.OPPORTUNISTIC
        if "STARTTLS" not in self.extensions:
            if must:
                raise StartTLSStripped(
                    "the server does not offer STARTTLS, and TLS is required",
                    phase=Phase.STARTTLS,
                    hint="Either it has no TLS on this port, or somebody on the path removed the "
                    "offer. Nothing was sent.",
                )
            return
        reply = await self.ask(StartTLS(), deadline=deadline)
        if reply.code != 220:
            if must:
                raise StartTLSStripped(
                    f"the server refused STARTTLS, and TLS is required: {reply}",
                    phase=Phase.STARTTLS,
                    code=reply.code,
                    enhanced_code=reply.enhanced_code,
                )
            return
        if self._stream.has_input():
            await self._report_injection(deadline)
        await self._seal(deadline)
        self._session.tls_established(peer_authenticated=self._peer_is_authenticated)
        await self._hello(deadline)

    async def _report_injection(self, deadline: float) -> None:
        # The server speaks second in a handshake: whatever came already came in clear.
        if await self._stream.read(self._until(deadline, Phase.HANDSHAKE)):
            raise StartTLSInjection(
                "data in clear arrived behind the reply to STARTTLS",
                phase=Phase.STARTTLS,
                hint="Somebody on the path may be injecting data. Nothing was sent.",
            )
        raise HandshakeFailed(
            "the server closed the connection instead of starting TLS", phase=Phase.HANDSHAKE
        )

    async def _seal(self, deadline: float) -> None:
        channel = Channel.client(
            self._options.tls_name or self.endpoint.host,
            trust=self._options.trust,
            level=self.endpoint.level,
            opening=self.endpoint.opening,
        )
        try:
            sealed = await SealedStream.establish(
                self._stream, channel, self._until(deadline, Phase.HANDSHAKE)
            )
        except MailError as error:
            error.at(phase=Phase.HANDSHAKE)
            raise
        self._stream = sealed
        self.tls = sealed.outcome(trust=self._options.trust)

    @property
    def _peer_is_authenticated(self) -> bool:
        return self.tls.level >= TLSLevel.AUTHENTICATED

    def _until(self, deadline: float, phase: Phase) -> float:
        return min(deadline, self._network.now() + self._options.timeouts.of(phase))


def _farewell(received: ReplyReceived) -> Disconnected:
    return Disconnected(
        f"the server closes the connection: {received.reply.text}",
        phase=received.command.phase if received.command else None,
        code=received.reply.code,
        enhanced_code=received.reply.enhanced_code,
    )


def _address_literal(address: str) -> str:
    # RFC 5321 4.1.4: a client without a name of its own gives its address. A host name would
    # tell the receiver more about this machine than it needs.
    address = address.partition("%")[0]
    if not address:
        return "localhost"
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
