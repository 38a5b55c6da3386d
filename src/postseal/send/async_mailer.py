"""`AsyncMailer`: mail from asyncio tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from postseal.mail.envelope import Envelope
from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage
from postseal.send.core import M
from postseal.send.feeding import Fed
from postseal.send.gathering import Gathered
from postseal.send.keeping import keep_ready
from postseal.send.mailer_base import MailerBase, Needs
from postseal.send.many import Backlog, Given, Order, Source, TakenInTurn, numbered
from postseal.send.networks.aio import AsyncioNetwork
from postseal.send.networks.network import IPAddress, Network
from postseal.send.outgoing import Content, Outgoing
from postseal.send.pending import Sent
from postseal.send.results import Delivery
from postseal.send.transport import Verification

if TYPE_CHECKING:
    from postseal.smtp.delivery_options import DeliveryOptions

__all__ = ["AsyncMailer"]


class AsyncMailer(MailerBase):
    """Sends mail from the tasks of one event loop; the options are those of `MailerBase`.

    It belongs to the loop that first uses it; in another, it raises `LocalProtocolError` until that
    has ended, and begins anew then.
    """

    _is_blocking = False
    _keeper: asyncio.Task[None] | None = None

    async def send(
        self, message: Message | PreparedMessage, *, options: DeliveryOptions | None = None
    ) -> Delivery:
        """Send a message to all its recipients; see `Mailer.send`."""
        self._keep_ready()
        return await self._core.send(message, options=options)

    async def send_raw(
        self, envelope: Envelope, content: Content, **needs: Unpack[Needs]
    ) -> Delivery:
        """Send octets that are a message already, from any iterable or async iterable."""
        self._keep_ready()
        outgoing = Outgoing(envelope=envelope, content=content, **needs)
        return await self._core.send(outgoing)

    async def send_many(
        self,
        messages: Iterable[M] | AsyncIterable[M],
        *,
        order: Order = Order.AS_COMPLETED,
    ) -> AsyncGenerator[Sent[M], None]:
        """Send messages over all connections at once; give what became of each.

        `messages` is read as far as the connections can take them, so a generator may be endless.
        A message that cannot be sent is reported in its turn and stops no other. Close the
        generator, as by `contextlib.aclosing`, where it is not read to its end.
        """
        self._keep_ready()
        lanes = self._core.transport.lanes
        source: Source[Given[M]]
        if isinstance(messages, AsyncIterable):
            source = Fed(messages, ahead=lanes)
        else:
            source = TakenInTurn(numbered(messages))
        backlog = Backlog(self._network, source)
        results: Gathered[M] = Gathered(order, tasks=lanes)

        async def work() -> None:
            try:
                async with aclosing(self._core.send_some(backlog, order)) as outcomes:
                    async for outcome in outcomes:
                        await self._core.conclude(outcome)
                        await results.put(outcome.number, outcome.sent)
            finally:
                results.leave()

        workers = [asyncio.create_task(work()) for _ in range(lanes)]
        try:
            while (sent := await results.take()) is not None:
                yield sent
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            if isinstance(source, Fed):
                await source.close()

    async def verify(self) -> Verification:
        """Connect, seal and authenticate, without sending anything."""
        return await self._core.verify()

    async def close(self) -> None:
        """Say goodbye on all connections."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._core.close()

    async def __aenter__(self) -> Self:
        self._keep_ready()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _keep_ready(self) -> None:
        if not self._keeps_ready:
            return
        loop = asyncio.get_running_loop()
        if self._keeper is None or self._keeper.get_loop() is not loop:
            work = keep_ready(self._network, self._core.transport)
            self._keeper = loop.create_task(work)

    @staticmethod
    def _system_network(local_address: IPAddress | None) -> Network:
        return AsyncioNetwork(local_address=local_address)
