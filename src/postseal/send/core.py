"""What both mailers are: a pool of connections to one endpoint, and the coroutines over it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from postseal.errors import AuthError, InvalidSetting, Phase
from postseal.mail import Message
from postseal.secrets import Secret
from postseal.send.connection import ConnectionOptions
from postseal.send.endpoint import Endpoint
from postseal.send.many import Sent, send_one_by_one
from postseal.send.network import Network
from postseal.send.pool import Pool
from postseal.send.results import Delivery, require_acceptance
from postseal.send.timeouts import Timeouts
from postseal.send.transaction import Outgoing, deliver
from postseal.tls import TLSLevel, TLSOutcome, Trust

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
        ca_file: str | Path | None,
        local_name: str | None,
        timeouts: Timeouts | None,
        max_connections: int,
    ) -> None:
        endpoint = Endpoint.parse(url)
        if isinstance(password, str):
            password = Secret(password)
        _check_credentials(endpoint, password)
        if ca_file is not None and endpoint.level < TLSLevel.AUTHENTICATED:
            raise InvalidSetting(
                "a CA file has no effect where the peer is not verified",
                hint="Use smtp:// or smtps://.",
            )
        options = ConnectionOptions(
            trust=Trust.only(ca_file) if ca_file is not None else Trust.system(),
            local_name=local_name,
            timeouts=timeouts or Timeouts(),
            password=password,
        )
        self._network = network
        self._total = options.timeouts.total
        self._pool = Pool(network, endpoint, options, max_connections=max_connections)
        self.max_connections = max_connections

    async def send(self, message: Message | Outgoing) -> Delivery:
        """Send one message; raise `Rejected` when it reached nobody."""
        outgoing = _outgoing(message)
        deadline = self._deadline()
        connection = await self._pool.take(deadline)
        try:
            delivery = await deliver(connection, outgoing, deadline=deadline)
        finally:
            self._pool.put_back(connection)
        return require_acceptance(delivery)

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
    if isinstance(message, Outgoing):
        return message
    return Outgoing(
        envelope=message.envelope,
        content=message.chunks(),
        size=message.size,
        # What we compose is 7-bit but for addresses that cannot be.
        is_internationalized=message.needs_smtputf8,
    )


def _check_credentials(endpoint: Endpoint, password: Secret | None) -> None:
    if endpoint.username and not password:
        raise AuthError(
            f"the URL names the user {endpoint.username!a}, but there is no password",
            host=endpoint.host,
            phase=Phase.AUTH,
            hint="Give the argument password=, or leave the user out.",
        )
    if password and not endpoint.username:
        raise AuthError(
            "a password was given, but no user",
            host=endpoint.host,
            phase=Phase.AUTH,
            hint="Write the user into the URL: smtp://user@host.",
        )
    if password and endpoint.level is TLSLevel.OPPORTUNISTIC:
        raise AuthError(
            "smtp+opportunistic:// never carries credentials: whoever is on the path could "
            "read them",
            host=endpoint.host,
            phase=Phase.AUTH,
            hint="Use smtp:// or smtps://.",
        )
