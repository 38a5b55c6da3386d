"""The end of each message, told in one place: to the log, to the observer, to the hooks."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from postseal.errors import MailError
from postseal.send.hooks import AnyMessage, Hooks
from postseal.send.observing import error_in_words, notify
from postseal.send.pending import Sent
from postseal.send.results import Delivery

if TYPE_CHECKING:
    from postseal.send.events import Observer

__all__ = ["Reporting"]

_log: Final = logging.getLogger("postseal.send")


@dataclass(frozen=True, slots=True)
class Reporting:
    """Who is told of messages, besides the log."""

    hooks: Hooks = field(default_factory=Hooks)
    observer: Observer | None = None

    async def conclude(self, sent: Sent[AnyMessage], *, seconds: float) -> None:
        """Tell what became of a message, after so many seconds. Never raises for who is told."""
        if sent.delivery is not None:
            self._sent(sent.message, sent.delivery, seconds)
        elif sent.error is not None:
            self._refused(sent.message, sent.error, seconds)
        await self.hooks.conclude(sent)

    def _sent(self, message: AnyMessage, delivery: Delivery, seconds: float) -> None:
        if _log.isEnabledFor(logging.INFO):
            _log.info(
                "message %s: sent to %d of %d recipients by %s, %s, %d, %.3f s",
                _identifier(message),
                len(delivery.accepted),
                len(delivery.accepted) + len(delivery.refused),
                delivery.host,
                delivery.tls,
                delivery.reply.code,
                seconds,
            )
        if self.observer is not None:
            from postseal.send.events import MessageSent

            event = MessageSent(
                host=delivery.host,
                accepted=len(delivery.accepted),
                refused=len(delivery.refused),
                code=delivery.reply.code,
                tls=delivery.tls,
                seconds=seconds,
            )
            notify(self.observer, event)

    def _refused(self, message: AnyMessage, error: MailError, seconds: float) -> None:
        if _log.isEnabledFor(logging.INFO):
            _log.info(
                "message %s: not sent to %d recipients, %s, %.3f s",
                _identifier(message),
                len(message.envelope.recipients),
                error_in_words(error),
                seconds,
            )
        if self.observer is not None:
            from postseal.send.events import MessageRefused

            event = MessageRefused(
                host=error.host or "",
                kind=type(error),
                phase=error.phase,
                code=error.code,
                enhanced_code=error.enhanced_code,
                is_temporary=error.is_temporary,
                seconds=seconds,
            )
            notify(self.observer, event)


def _identifier(message: AnyMessage) -> str:
    # Only of a composed message is it known without reading.
    return getattr(message, "message_id", "without a known Message-ID")
