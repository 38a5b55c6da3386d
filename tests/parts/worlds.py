"""The two worlds in which the client lives, so that a test written once runs in both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from enum import Enum, unique
from typing import Any, Protocol, TypeVar

import pytest

from postseal import AsyncMailer, Delivery, Envelope, Mailer, Message
from postseal.send import DeliveryOptions, Framing, Outgoing, Sent, Verification
from postseal.send.assembling import Target
from postseal.send.networks.aio import AsyncioNetwork
from postseal.send.networks.blocking import BlockingNetwork, run
from postseal.send.networks.lookup import LookUp, ask_system
from postseal.send.networks.network import Network
from postseal.send.outgoing import Content

T = TypeVar("T")


class AnyMailer(Protocol):
    """What both mailers can, as coroutines."""

    async def send(
        self, message: Message, *, options: DeliveryOptions | None = None
    ) -> Delivery: ...

    async def send_raw(
        self,
        envelope: Envelope,
        content: Content,
        *,
        size: int | None = None,
        is_8bit: bool = False,
        is_binary: bool = False,
        framing: Framing = Framing.AUTOMATIC,
        options: DeliveryOptions | None = None,
    ) -> Delivery: ...

    def send_many(self, messages: Iterable[Outgoing]) -> AsyncIterator[Sent[Outgoing]]: ...

    async def verify(self) -> Verification: ...


@unique
class World(Enum):
    """Threads that block, or tasks that suspend."""

    BLOCKING = "blocking"
    ASYNCIO = "asyncio"

    def network(self, *, look_up: LookUp = ask_system) -> Network:
        """The system's network, as this world reaches it."""
        kind = BlockingNetwork if self is World.BLOCKING else AsyncioNetwork
        return kind(look_up=look_up)

    def drive(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine over this world's network to its end."""
        return run(coroutine) if self is World.BLOCKING else asyncio.run(coroutine)

    def mail(
        self, url: Target, use: Callable[[AnyMailer], Coroutine[Any, Any, T]], **options: Any
    ) -> T:
        """Make this world's mailer, hand it to `use`, close it and return what that gave."""
        return self.drive(self._mail(url, use, options))

    async def _mail(
        self,
        url: Target,
        use: Callable[[AnyMailer], Coroutine[Any, Any, T]],
        options: dict[str, Any],
    ) -> T:
        if self is World.ASYNCIO:
            async with AsyncMailer(url, **options) as mailer:
                return await use(mailer)
        with Mailer(url, **options) as blocking:
            return await use(_Blocking(blocking))


in_each_world = pytest.mark.parametrize("world", list(World), ids=lambda world: world.value)


class _Blocking:
    """A `Mailer` whose calls are coroutines that never suspend."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    async def send(self, message: Message, *, options: DeliveryOptions | None = None) -> Delivery:
        return self._mailer.send(message, options=options)

    async def send_raw(self, envelope: Envelope, content: Content, **needs: Any) -> Delivery:
        # An async iterable is no input of a Mailer; what becomes of one is a test's business.
        return self._mailer.send_raw(envelope, content, **needs)  # type: ignore[arg-type]

    async def send_many(self, messages: Iterable[Outgoing]) -> AsyncIterator[Sent[Outgoing]]:
        for sent in self._mailer.send_many(messages):
            yield sent

    async def verify(self) -> Verification:
        return self._mailer.verify()
