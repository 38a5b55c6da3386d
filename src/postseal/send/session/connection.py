"""One connection to a server: opened, sealed and authenticated as its endpoint asks.

With `Conversation`, these are the only coroutines that talk to servers. They run over the asyncio
network and, driven by `postseal.send.networks.blocking.run`, over the blocking one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from postseal.errors import (
    ConnectError,
    Disconnected,
    HandshakeFailed,
    InvalidSetting,
    MailError,
    PermanentlyRejected,
    Phase,
    PolicyNotMet,
    RemoteProtocolError,
    StartTLSInjection,
    StartTLSStripped,
    TimedOut,
)
from postseal.send.endpoint import Endpoint, is_loopback
from postseal.send.networks.network import Network, Stream
from postseal.send.networks.sealed import SealedStream
from postseal.send.observing import ConnectionWatch, watch_connection
from postseal.send.session.authentication import CredentialsReplaced, authenticate
from postseal.send.session.connection_options import ConnectionOptions
from postseal.send.session.conversation import Conversation
from postseal.send.session.hello import say_for_whom, say_hello
from postseal.send.session.sessions import SessionCache
from postseal.smtp import ClientSession
from postseal.smtp.commands import Quit, StartTLS
from postseal.smtp.limits import Allowance
from postseal.smtp.protocol import Protocol
from postseal.tls import (
    ANY_PROOF,
    Channel,
    Opening,
    PeerProof,
    TLSLevel,
    TLSOutcome,
    TLSPolicy,
    meets,
    require,
)

__all__ = ["Connection", "ConnectionOptions", "Usage"]

T = TypeVar("T")


@dataclass(slots=True)
class Usage:
    """What a connection has been used for; moments are on the network's clock.

    `idle_since` is None until it lay idle for the first time.
    """

    opened_at: float
    messages: int = 0
    idle_since: float | None = None

    @property
    def is_new(self) -> bool:
        """True while the server had no time to forget about the connection."""
        return not self.messages and self.idle_since is None


class Connection(Conversation):
    """An open SMTP connection; made by `open`, ended by `quit` or `close`.

    Methods raise `MailError`s that say phase and host; after one that is no refusal of the server
    the connection is closed.
    """

    def __init__(
        self,
        network: Network,
        stream: Stream,
        endpoint: Endpoint,
        options: ConnectionOptions,
        sessions: SessionCache | None = None,
        watch: ConnectionWatch | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.tls = TLSOutcome.in_clear()
        self.peer_address = stream.peer_address
        self.allowance: Allowance | None = None
        self.usage = Usage(network.now())
        self._options = options
        self._sessions = sessions
        session = ClientSession(
            protocol=endpoint.protocol,
            dangerous_auth_in_clear=endpoint.level is TLSLevel.NONE and self._stays_here,
        )
        super().__init__(network, stream, session, options.timeouts, watch)

    @classmethod
    async def open(
        cls,
        network: Network,
        endpoint: Endpoint,
        options: ConnectionOptions,
        *,
        deadline: float,
        sessions: SessionCache | None = None,
    ) -> Connection:
        """Connect, seal and authenticate; resume a TLS session of `sessions` where one fits.

        Where the server refused credentials that were replaced meanwhile, the new are tried once,
        over a new connection: servers count failures, and some close after the first. Raises
        `ConnectError`, `TimedOut`, `TLSError`s, `AuthError`, `SecretError` and
        `RemoteProtocolError`; no credential has then left for a peer that was not authenticated.
        """
        try:
            return await cls._open(network, endpoint, options, deadline, sessions)
        except CredentialsReplaced:
            return await cls._open(network, endpoint, options, deadline, sessions)

    @classmethod
    async def _open(
        cls,
        network: Network,
        endpoint: Endpoint,
        options: ConnectionOptions,
        deadline: float,
        sessions: SessionCache | None,
    ) -> Connection:
        if options.dane is not None and endpoint.level < TLSLevel.AUTHENTICATED:
            raise InvalidSetting("DANE authenticates the server, but the level asked for is lower")
        timeouts = options.timeouts
        watch = watch_connection(endpoint.host, now=network.now, observer=options.observer)
        try:
            limit = min(deadline, network.now() + timeouts.connect)
            if endpoint.socket_path is None:
                stream = await network.connect(
                    endpoint.host, endpoint.port, limit, addresses=tuple(options.addresses)
                )
            else:
                stream = await network.connect_unix(endpoint.socket_path, limit)
        except MailError as error:
            error.at(phase=Phase.CONNECT, host=endpoint.host)
            watch.failed(error)
            raise
        connection = cls(network, stream, endpoint, options, sessions, watch)
        watch.opened(endpoint.port, stream.peer_address)
        try:
            await connection._begin(deadline)
        except MailError as error:
            error.at(phase=connection._session.waiting_for, host=endpoint.host)
            watch.failed(error)
            connection.close()
            raise
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def channel_binding(self) -> bytes:
        """The `tls-server-end-point` of the connection; empty without TLS (RFC 5929 4)."""
        stream = self._stream
        return stream.channel_binding() if isinstance(stream, SealedStream) else b""

    @property
    def is_usable(self) -> bool:
        """True when nothing is open and nothing unexpected, such as an end, has arrived."""
        if self.allowance is not None and self.allowance.is_spent:
            return False
        return self._session.is_idle and not self._replies and not self._stream.has_input()

    def abandon(self) -> None:
        """Let go of a connection that is not this process's, or this event loop's, any more."""
        self._is_closed = True
        self._stream.abandon()

    async def ask_keeper(self, ask: Callable[[float], T], *, deadline: float) -> T:
        """Call what blocks, for no longer than the seconds that it is given."""
        left = self._until(deadline, Phase.AUTH) - self._network.now()
        try:
            return await self._network.run_blocking(partial(ask, left))
        except MailError as error:
            error.at(phase=Phase.AUTH)
            raise

    async def quit(self, *, deadline: float) -> None:
        """Say QUIT, hear the answer and close. Never raises for what the server does."""
        try:
            with contextlib.suppress(MailError):
                await self.ask(Quit(), deadline=deadline)
                if isinstance(self._stream, SealedStream):
                    await self._stream.end(self._until(deadline, Phase.QUIT))
        finally:
            self.close()

    # -- opening ------------------------------------------------------------------------------

    async def _begin(self, deadline: float) -> None:
        endpoint = self.endpoint
        if self._options.beyond_this_machine:
            self._require_another_machine()
        if endpoint.opening is Opening.IMPLICIT:
            await self._seal(deadline)
            self._session = ClientSession(
                protocol=endpoint.protocol, peer_authenticated=self._peer_is_authenticated
            )
        elif endpoint.protocol is Protocol.LMTP and endpoint.level is TLSLevel.NONE:
            self._require_this_machine()
        await self._greeting(deadline)
        await self._hello(deadline)
        if endpoint.opening is Opening.STARTTLS and endpoint.level > TLSLevel.NONE:
            await self._starttls(deadline)
        options = self._options
        policy = TLSPolicy(endpoint.level, options.policy_source, options.proofs)
        require(policy, self.tls, host=endpoint.host)
        self._keep_session()
        if self._options.xclient is not None:
            await say_for_whom(self, self._options.xclient, deadline=deadline)
            await self._hello(deadline)
        if (login := self._options.login) is not None:
            await authenticate(self, endpoint, login, deadline=deadline)
            self._watch.authenticated()
        if (limits := self.extensions.limits) is not None:
            self.allowance = Allowance(limits)

    def _require_this_machine(self) -> None:
        # The URL's host was taken for this machine; it is the address reached that counts.
        if not self._stays_here:
            raise PolicyNotMet(
                f"LMTP in clear is for this machine, and {self.peer_address} is another",
                phase=Phase.CONNECT,
                hint="Write the host by its name, so that TLS is required.",
            )

    def _require_another_machine(self) -> None:
        # A connection to an address of this machine's own comes from that very address.
        if self._stays_here or self.peer_address == self._stream.local_address:
            raise PermanentlyRejected(
                f"{self.peer_address} is an address of this machine",
                phase=Phase.CONNECT,
                enhanced_code="5.4.6",
                hint="Mail is not handed to this machine's own services because the DNS says so.",
            )

    @property
    def _stays_here(self) -> bool:
        return self.endpoint.socket_path is not None or is_loopback(self.peer_address)

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
        await say_hello(
            self,
            name,
            self.endpoint,
            is_sealed=isinstance(self._stream, SealedStream),
            needs_extensions=self._options.login is not None or self._options.xclient is not None,
            deadline=deadline,
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
        dane = self._options.dane
        self._watch.sealing()
        channel = Channel.client(
            dane.base_domain if dane else self._options.tls_name or self.endpoint.host,
            trust=self._options.trust,
            # OpenSSL does not verify for DANE; that is done below.
            level=TLSLevel.ENCRYPTED if dane else self.endpoint.level,
            opening=self.endpoint.opening,
            profile=self._options.profile,
            resume=None if self._sessions is None else self._sessions.take(self._scope),
        )
        try:
            sealed = await SealedStream.establish(
                self._stream, channel, self._until(deadline, Phase.HANDSHAKE)
            )
            outcome = sealed.outcome()
            if dane is not None:
                match = dane.authenticate(channel.peer_chain(), now=self._options.clock())
                outcome = outcome.authenticated(PeerProof.DANE, by=str(match))
        except MailError as error:
            error.at(phase=Phase.HANDSHAKE)
            raise
        self._stream = sealed
        self.tls = outcome
        self._watch.sealed(outcome)

    def _keep_session(self) -> None:
        # By now a reply was read under TLS; the server gave its ticket before that.
        stream, sessions = self._stream, self._sessions
        if sessions is None or not isinstance(stream, SealedStream):
            return
        if sessions.has_room(self._scope) and (session := stream.resumable()) is not None:
            sessions.keep(self._scope, session)

    @property
    def _scope(self) -> Hashable:
        """All that a TLS session of this connection was gained with, and may be used for again."""
        return self.endpoint, replace(self._options, password=None)

    @property
    def _peer_is_authenticated(self) -> bool:
        return meets(TLSLevel.AUTHENTICATED, ANY_PROOF, self.tls)


def _address_literal(address: str) -> str:
    # RFC 5321 4.1.4: a client without a name of its own gives its address. A host name would
    # tell the receiver more about this machine than it needs.
    address = address.partition("%")[0]
    if not address:
        return "localhost"
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
