"""What both mailers are: a pool of connections to one endpoint, and the coroutines over it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from postseal.errors import AuthError, InvalidSetting, MailError, Phase
from postseal.mail import Message
from postseal.secrets import Secret
from postseal.send.authentication import TokenSource
from postseal.send.connection import ConnectionOptions
from postseal.send.endpoint import Endpoint
from postseal.send.many import Pending, Sent, send_one_by_one
from postseal.send.network import Network
from postseal.send.outgoing import Outgoing
from postseal.send.pool import Pool
from postseal.send.results import Delivery
from postseal.send.timeouts import Timeouts
from postseal.send.transaction import deliver
from postseal.tls import Profile, TLSLevel, TLSOutcome, Trust, client_context

__all__ = ["Core", "M", "Verification"]

M = TypeVar("M", bound=Message | Outgoing)


@dataclass(frozen=True, slots=True)
class Verification:
    """What a connection without a message showed."""

    host: str
    peer_address: str
    tls: TLSOutcome
    extensions: tuple[str, ...]


class Core:
    """What both mailers are: a pool and the coroutines over it."""

    def __init__(
        self,
        network: Network,
        url: str,
        *,
        password: Secret | str | None,
        token: TokenSource | None,
        mechanisms: Iterable[str] | None,
        ca_file: str | Path | None,
        trust: Trust | None,
        profile: Profile,
        local_name: str | None,
        timeouts: Timeouts | None,
        max_connections: int,
    ) -> None:
        endpoint = Endpoint.parse(url)
        if isinstance(password, str):
            password = Secret(password)
        options = ConnectionOptions(
            trust=_trust(endpoint, ca_file, trust),
            profile=profile,
            local_name=local_name,
            timeouts=timeouts or Timeouts(),
            password=password or None,
            token=token,
            mechanisms=None if mechanisms is None else frozenset(map(str.upper, mechanisms)),
        )
        _check_login(endpoint, options)
        if endpoint.level > TLSLevel.NONE:
            # Kept for the connections; a file that cannot be used is no matter of the network.
            client_context(options.trust, endpoint.level, options.profile)
        self._network = network
        self._total = options.timeouts.total
        self._pool = Pool(network, endpoint, options, max_connections=max_connections)
        self.max_connections = max_connections

    async def send(self, message: M) -> Delivery:
        """Send one message; raise `Rejected` when it reached nobody."""
        pending = Pending(message, _outgoing(message))
        deadline = self._deadline()
        while True:
            try:
                step = pending.delivered(await self._deliver(pending.outgoing, deadline))
            except MailError as error:
                if pending.so_far is None:
                    raise
                step = pending.failed(error)
            if isinstance(step, Sent):
                return step.result()
            pending = step

    async def _deliver(self, outgoing: Outgoing, deadline: float) -> Delivery:
        connection = await self._pool.take(deadline)
        try:
            return await deliver(connection, outgoing, deadline=deadline)
        finally:
            self._pool.put_back(connection)

    def send_many(self, messages: Iterator[M]) -> AsyncGenerator[Sent[M], None]:
        """Send what `messages` gives over one connection; several of these may share it."""
        return send_one_by_one(self._pool, messages, _outgoing, self._deadline)

    async def verify(self) -> Verification:
        """Open a connection, or take an open one, and tell what it is."""
        connection = await self._pool.take(self._deadline())
        try:
            return Verification(
                host=connection.endpoint.host,
                peer_address=connection.peer_address,
                tls=connection.tls,
                extensions=tuple(sorted(connection.extensions.parameters)),
            )
        finally:
            self._pool.put_back(connection)

    async def close(self) -> None:
        """Say goodbye on all connections."""
        await self._pool.close()

    def _deadline(self) -> float:
        return self._network.now() + self._total


def _outgoing(message: Message | Outgoing) -> Outgoing:
    return message if isinstance(message, Outgoing) else Outgoing.of(message)


def _trust(endpoint: Endpoint, ca_file: str | Path | None, trust: Trust | None) -> Trust:
    if ca_file is not None:
        if trust is not None:
            raise InvalidSetting(
                "ca_file= and trust= both say whom to trust",
                hint="Leave ca_file out, and give trust=Trust.only(...) alone.",
            )
        trust = Trust.only(ca_file)
    if trust is None:
        return Trust.system()
    # Who the client is can be shown to anybody.
    asked = replace(trust, client_certificate=None)
    if endpoint.level < TLSLevel.AUTHENTICATED and asked != Trust.system():
        what = "a CA file" if asked.ca_path else "a pin" if asked.pins else "trust"
        raise InvalidSetting(
            f"{what} has no effect where the peer is not verified",
            hint="Use smtp:// or smtps://.",
        )
    return trust


def _check_login(endpoint: Endpoint, options: ConnectionOptions) -> None:
    login = options.login
    if login is None:
        if endpoint.username:
            raise AuthError(
                f"the URL names the user {endpoint.username!a}, but there is no password",
                host=endpoint.host,
                phase=Phase.AUTH,
                hint="Give the argument password= or token=, or leave the user out.",
            )
        return
    if endpoint.level is TLSLevel.OPPORTUNISTIC:
        raise AuthError(
            "smtp+opportunistic:// never carries credentials: whoever is on the path could "
            "read them",
            host=endpoint.host,
            phase=Phase.AUTH,
            hint="Use smtp:// or smtps://.",
        )
    login.check_user(endpoint.username)
    if (
        login.is_by_certificate
        and endpoint.level > TLSLevel.NONE
        and options.trust.client_certificate is None
    ):
        raise InvalidSetting(
            "EXTERNAL logs in by the client's certificate, and there is none",
            hint="Give one: trust=Trust.system().with_client_certificate(chain, key).",
        )
