"""`Mailer` and `AsyncMailer`: the same mailer, for threads and for tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from postseal.mail import Envelope, Message
from postseal.mail.conversion import Conversion
from postseal.secrets import Secret
from postseal.send.aio import AsyncioNetwork
from postseal.send.authentication import TokenSource
from postseal.send.blocking import BlockingNetwork, run
from postseal.send.core import Core, M, Verification
from postseal.send.many import Sent
from postseal.send.network import Network
from postseal.send.outgoing import Content, Framing, Outgoing
from postseal.send.results import Delivery
from postseal.send.timeouts import Timeouts
from postseal.smtp.delivery_options import DeliveryOptions
from postseal.tls import INTERMEDIATE, Profile, Trust

__all__ = ["AsyncMailer", "Mailer"]


class AsyncMailer:
    """Sends mail from asyncio tasks; see `Mailer`, whose words all hold here."""

    def __init__(
        self,
        url: str,
        *,
        password: Secret | str | None = None,
        token: TokenSource | None = None,
        mechanisms: Iterable[str] | None = None,
        ca_file: str | Path | None = None,
        trust: Trust | None = None,
        profile: Profile = INTERMEDIATE,
        local_name: str | None = None,
        timeouts: Timeouts | None = None,
        max_connections: int = 5,
        network: Network | None = None,
    ) -> None:
        self._core = Core(
            network or AsyncioNetwork(),
            url,
            password=password,
            token=token,
            mechanisms=mechanisms,
            ca_file=ca_file,
            trust=trust,
            profile=profile,
            local_name=local_name,
            timeouts=timeouts,
            max_connections=max_connections,
        )

    async def send(self, message: Message, *, options: DeliveryOptions | None = None) -> Delivery:
        """Send a message to all its recipients."""
        return await self._core.send(Outgoing.of(message, options=options))

    async def send_raw(
        self,
        envelope: Envelope,
        content: Content,
        *,
        size: int | None = None,
        is_8bit: bool = False,
        is_internationalized: bool = False,
        is_binary: bool = False,
        framing: Framing = Framing.AUTOMATIC,
        conversion: Conversion = Conversion.UNLESS_SIGNED,
        options: DeliveryOptions | None = None,
    ) -> Delivery:
        """Send octets that are a message already, from any iterable or async iterable."""
        return await self._core.send(
            Outgoing(
                envelope=envelope,
                content=content,
                size=size,
                is_8bit=is_8bit,
                is_internationalized=is_internationalized,
                is_binary=is_binary,
                framing=framing,
                conversion=conversion,
                options=options,
            )
        )

    async def send_many(self, messages: Iterable[M]) -> AsyncIterator[Sent[M]]:
        """Send messages over all connections at once; give what became of each as it is known.

        `messages` is read as far as the connections can take them, so a generator may be endless.
        A message that cannot be sent is reported in its turn and stops no other.
        """
        source = iter(messages)
        results: asyncio.Queue[Sent[M] | None] = asyncio.Queue(self._core.max_connections)

        async def work() -> None:
            try:
                async for sent in self._core.send_many(source):
                    await results.put(sent)
            finally:
                await results.put(None)

        workers = [asyncio.create_task(work()) for _ in range(self._core.max_connections)]
        try:
            for _ in workers:
                while (sent := await results.get()) is not None:
                    yield sent
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

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
    server against the system's authorities, those in `ca_file` alone, or as `trust` says; `profile`
    names the versions and suites of TLS that are spoken. With a user in the URL
    goes a `password`, or a `token` that is fetched for each connection; either leaves only for a
    server that was verified, or over loopback. `mechanisms` narrows the SASL mechanisms down to
    some names; with EXTERNAL among them the client's certificate is what it logs in by.
    `local_name` is the name said with EHLO, by default the connection's address. Up to
    `max_connections` stay open for further messages. `network` takes the place of the system's,
    for example that of `postseal.testing`.

    Raises `InvalidURL` and `InvalidSetting` when made, and for everything on the way the errors
    of `postseal.errors`, each with host, phase and hint.
    """

    def __init__(
        self,
        url: str,
        *,
        password: Secret | str | None = None,
        token: TokenSource | None = None,
        mechanisms: Iterable[str] | None = None,
        ca_file: str | Path | None = None,
        trust: Trust | None = None,
        profile: Profile = INTERMEDIATE,
        local_name: str | None = None,
        timeouts: Timeouts | None = None,
        max_connections: int = 5,
        network: Network | None = None,
    ) -> None:
        self._core = Core(
            network or BlockingNetwork(),
            url,
            password=password,
            token=token,
            mechanisms=mechanisms,
            ca_file=ca_file,
            trust=trust,
            profile=profile,
            local_name=local_name,
            timeouts=timeouts,
            max_connections=max_connections,
        )

    def send(self, message: Message, *, options: DeliveryOptions | None = None) -> Delivery:
        """Send a message to all its recipients, with what `options` ask of the delivery.

        Returns as soon as the server took it for at least one of them; who was refused is in the
        result. Raises `Rejected` when it took it for none, and after an error of phase `body`
        the message may have been taken all the same.
        """
        return run(self._core.send(Outgoing.of(message, options=options)))

    def send_raw(
        self,
        envelope: Envelope,
        content: Iterable[bytes],
        *,
        size: int | None = None,
        is_8bit: bool = False,
        is_internationalized: bool = False,
        is_binary: bool = False,
        framing: Framing = Framing.AUTOMATIC,
        conversion: Conversion = Conversion.UNLESS_SIGNED,
        options: DeliveryOptions | None = None,
    ) -> Delivery:
        """Send octets that are a message already, in pieces of any size; see `Outgoing`."""
        return run(
            self._core.send(
                Outgoing(
                    envelope=envelope,
                    content=content,
                    size=size,
                    is_8bit=is_8bit,
                    is_internationalized=is_internationalized,
                    is_binary=is_binary,
                    framing=framing,
                    conversion=conversion,
                    options=options,
                )
            )
        )

    def send_many(self, messages: Iterable[M]) -> Iterator[Sent[M]]:
        """Send messages one behind the other over one connection; give what became of each.

        `messages` is read one ahead, so a generator may be endless. A message that cannot be sent
        is reported in its turn and stops no other.
        """
        outcomes = self._core.send_many(iter(messages))
        try:
            while (sent := run(_next(outcomes))) is not None:
                yield sent
        finally:
            run(_end(outcomes))

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


async def _next(outcomes: AsyncGenerator[Sent[M], None]) -> Sent[M] | None:
    return await anext(outcomes, None)


async def _end(outcomes: AsyncGenerator[Sent[M], None]) -> None:
    await outcomes.aclose()
