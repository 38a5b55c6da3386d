"""`Mailer` and `AsyncMailer`: the same mailer, for threads and for tasks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from postseal.errors import AuthError, InvalidSetting, Phase
from postseal.mail import Envelope, Message
from postseal.secrets import Secret
from postseal.send.aio import AsyncioNetwork
from postseal.send.blocking import BlockingNetwork, run
from postseal.send.connection import ConnectionOptions
from postseal.send.endpoint import Endpoint
from postseal.send.network import Network
from postseal.send.pool import Pool
from postseal.send.results import Delivery, rejection
from postseal.send.timeouts import Timeouts
from postseal.send.transaction import Content, Outgoing, deliver
from postseal.tls import TLSLevel, TLSOutcome, Trust

__all__ = ["AsyncMailer", "Mailer", "Verification"]


@dataclass(frozen=True, slots=True)
class Verification:
    """What a connection without a message showed."""

    host: str
    peer_address: str
    tls: TLSOutcome
    extensions: tuple[str, ...]


class _Core:
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

    async def send(self, message: Message) -> Delivery:
        return await self.send_raw(
            message.envelope,
            message.chunks(),
            size=message.size,
            is_8bit=False,
            is_internationalized=message.needs_smtputf8,
        )

    async def send_raw(
        self,
        envelope: Envelope,
        content: Content,
        *,
        size: int | None,
        is_8bit: bool,
        is_internationalized: bool,
    ) -> Delivery:
        outgoing = Outgoing(
            envelope=envelope,
            content=content,
            size=size,
            is_8bit=is_8bit,
            is_internationalized=is_internationalized,
        )
        deadline = self._network.now() + self._total
        connection = await self._pool.take(deadline)
        try:
            delivery = await deliver(connection, outgoing, deadline=deadline)
        finally:
            self._pool.put_back(connection)
        if not delivery.accepted:
            # Temporary if any refusal is: whoever tries again may reach that recipient.
            refusals = sorted(delivery.refused, key=lambda one: not one.reply.is_temporary)
            raise rejection(refusals[0], host=delivery.host)
        return delivery

    async def verify(self) -> Verification:
        connection = await self._pool.take(self._network.now() + self._total)
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
        await self._pool.close()


class AsyncMailer:
    """Sends mail from asyncio tasks; see `Mailer`, whose words all hold here."""

    def __init__(
        self,
        url: str,
        *,
        password: Secret | str | None = None,
        ca_file: str | Path | None = None,
        local_name: str | None = None,
        timeouts: Timeouts | None = None,
        max_connections: int = 5,
    ) -> None:
        self._core = _Core(
            AsyncioNetwork(),
            url,
            password=password,
            ca_file=ca_file,
            local_name=local_name,
            timeouts=timeouts,
            max_connections=max_connections,
        )

    async def send(self, message: Message) -> Delivery:
        """Send a message to all its recipients."""
        return await self._core.send(message)

    async def send_raw(
        self,
        envelope: Envelope,
        content: Content,
        *,
        size: int | None = None,
        is_8bit: bool = False,
        is_internationalized: bool = False,
    ) -> Delivery:
        """Send octets that are a message already, from any iterable or async iterable."""
        return await self._core.send_raw(
            envelope,
            content,
            size=size,
            is_8bit=is_8bit,
            is_internationalized=is_internationalized,
        )

    async def verify(self) -> Verification:
        """Connect, seal and authenticate, without sending anything."""
        return await self._core.verify()

    async def close(self) -> None:
        """Say goodbye on all connections."""
        await self._core.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


class Mailer:
    """Sends mail through one server, from any number of threads.

    `url` says which server and how sealed (see `Endpoint`): `smtp://` and `smtps://` verify the
    server against the system's authorities, or those in `ca_file` alone. With a user in the URL
    goes a `password`; it leaves only for a server that was verified, or over loopback.
    `local_name` is the name said with EHLO, by default the connection's address. Up to
    `max_connections` stay open for further messages.

    Raises `InvalidURL` and `InvalidSetting` when made, and for everything on the way the errors
    of `postseal.errors`, each with host, phase and hint.
    """

    def __init__(
        self,
        url: str,
        *,
        password: Secret | str | None = None,
        ca_file: str | Path | None = None,
        local_name: str | None = None,
        timeouts: Timeouts | None = None,
        max_connections: int = 5,
    ) -> None:
        self._core = _Core(
            BlockingNetwork(),
            url,
            password=password,
            ca_file=ca_file,
            local_name=local_name,
            timeouts=timeouts,
            max_connections=max_connections,
        )

    def send(self, message: Message) -> Delivery:
        """Send a message to all its recipients.

        Returns as soon as the server took it for at least one of them; who was refused is in the
        result. Raises `Rejected` when it took it for none, and after an error of phase `body`
        the message may have been taken all the same.
        """
        return run(self._core.send(message))

    def send_raw(
        self,
        envelope: Envelope,
        content: Iterable[bytes],
        *,
        size: int | None = None,
        is_8bit: bool = False,
        is_internationalized: bool = False,
    ) -> Delivery:
        """Send octets that are a message already, in pieces of any size."""
        return run(
            self._core.send_raw(
                envelope,
                content,
                size=size,
                is_8bit=is_8bit,
                is_internationalized=is_internationalized,
            )
        )

    def verify(self) -> Verification:
        """Connect, seal and authenticate, without sending anything."""
        return run(self._core.verify())

    def close(self) -> None:
        """Say goodbye on all connections."""
        run(self._core.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


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
