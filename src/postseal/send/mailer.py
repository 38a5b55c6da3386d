"""`Mailer`: mail from threads."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from postseal.errors import InvalidSetting
from postseal.mail.envelope import Envelope
from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage
from postseal.send.core import M
from postseal.send.keeping import KeptByThread
from postseal.send.mailer_base import MailerBase, Needs
from postseal.send.many import Arranged, Backlog, Order, TakenInTurn, numbered
from postseal.send.networks.blocking import BlockingNetwork, iterate, run
from postseal.send.networks.network import IPAddress, Network
from postseal.send.outgoing import Outgoing
from postseal.send.pending import Sent
from postseal.send.results import Delivery
from postseal.send.transport import Verification

if TYPE_CHECKING:
    from postseal.smtp.delivery_options import DeliveryOptions

__all__ = ["Mailer"]


class Mailer(MailerBase):
    """Sends mail, from any number of threads; the options are those of `MailerBase`.

    It opens connections when it needs them, keeps them for the next message, and closes them at the
    end of a `with` block or by `close`. A process forked from this one makes its own.
    """

    _is_blocking = True
    _keeper: KeptByThread | None = None

    def send(
        self, message: Message | PreparedMessage, *, options: DeliveryOptions | None = None
    ) -> Delivery:
        """Send a message to all its recipients, with what `options` ask of the delivery.

        Returns as soon as the server took it for at least one of them; who was refused is in the
        result. Raises `Rejected` when it took it for none, and `DeliveryUnknown` when the message
        may have been taken all the same.
        """
        self._keep_ready()
        return run(self._core.send(message, options=options))

    def send_raw(
        self, envelope: Envelope, content: Iterable[bytes], **needs: Unpack[Needs]
    ) -> Delivery:
        """Send octets that are a message already, in pieces of any size; see `Outgoing`."""
        self._keep_ready()
        outgoing = Outgoing(envelope=envelope, content=content, **needs)
        return run(self._core.send(outgoing))

    def send_many(
        self,
        messages: Iterable[M],
        *,
        order: Order = Order.AS_COMPLETED,
        connections: int = 1,
    ) -> Generator[Sent[M], None, None]:
        """Send messages one behind the other over a connection; give what became of each.

        `messages` is read a few ahead, so a generator may be endless. A message that cannot be sent
        is reported in its turn and stops no other. With several `connections`, of which the pool
        has no more than its `max_connections`, each is used by a thread of its own. Messages are
        read, hooks called and results given in the caller's thread all the same; what is read in
        the others is the content of messages. Raises `InvalidSetting` for less than one.
        """
        if connections < 1:
            raise InvalidSetting("connections must be at least 1")
        self._keep_ready()
        lanes = min(connections, self._core.transport.lanes)
        if lanes == 1:
            return self._send_in_turn(messages, order)
        from postseal.send.crew import Crew

        return Crew[M](self._core, self._network, order, size=lanes).send(messages)

    def _send_in_turn(self, messages: Iterable[M], order: Order) -> Generator[Sent[M], None, None]:
        backlog = Backlog(self._network, TakenInTurn(numbered(messages)))
        arranged: Arranged[M] = Arranged(order)
        with closing(iterate(self._core.send_some(backlog, order))) as outcomes:
            for outcome in outcomes:
                run(self._core.conclude(outcome))
                yield from arranged.ready(outcome.number, outcome.sent)

    def verify(self) -> Verification:
        """Connect, seal and authenticate, without sending anything."""
        return run(self._core.verify())

    def close(self) -> None:
        """Say goodbye on all connections."""
        if self._keeper is not None:
            self._keeper.stop()
        run(self._core.close())

    def __enter__(self) -> Self:
        self._keep_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _keep_ready(self) -> None:
        if self._keeps_ready:
            self._keeper = self._keeper or KeptByThread(self._core.transport)
            self._keeper.ensure()

    @staticmethod
    def _system_network(local_address: IPAddress | None) -> Network:
        return BlockingNetwork(local_address=local_address)
