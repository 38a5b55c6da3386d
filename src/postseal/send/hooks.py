"""What an application has done with each message: interceptors before it goes, observers after.

A mailer calls them in one place each: `intercept` before a message is written, signed or counted,
`conclude` when its end is known.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from inspect import isawaitable, iscoroutinefunction
from typing import Final, Self, TypeAlias

from postseal.errors import InvalidSetting
from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage
from postseal.send.outgoing import Outgoing
from postseal.send.pending import Sent

__all__ = ["AnyMessage", "Hooks", "Interceptor", "SentObserver"]

AnyMessage: TypeAlias = Message | PreparedMessage | Outgoing
"""What mailers are given to send."""

Interceptor: TypeAlias = Callable[[AnyMessage], AnyMessage | Awaitable[AnyMessage]]
"""Takes a message as the mailer was given it, and gives the one to be sent: the same, or another.

To keep a message back it raises a `MailError`, such as `Withheld`; it must not return None. In an
`AsyncMailer` it may be a coroutine function.
"""

SentObserver: TypeAlias = Callable[[Sent[AnyMessage]], Awaitable[None] | None]
"""Is told what became of a message: the delivery or the error. What it raises is logged."""

_log: Final = logging.getLogger("postseal.send")


@dataclass(frozen=True, slots=True)
class Hooks:
    """Interceptors and observers, each in the order in which they are called.

    Every interceptor gets what the one before it gave, so the last has the last word.
    """

    before_send: tuple[Interceptor, ...] = ()
    after_send: tuple[SentObserver, ...] = ()

    def __add__(self, others: Hooks) -> Hooks:
        return Hooks(self.before_send + others.before_send, self.after_send + others.after_send)

    def before(self, *interceptors: Interceptor) -> Self:
        """The same hooks and these interceptors behind them."""
        return replace(self, before_send=self.before_send + interceptors)

    def after(self, *observers: SentObserver) -> Self:
        """The same hooks and these observers behind them."""
        return replace(self, after_send=self.after_send + observers)

    def check_blocking(self) -> None:
        """Raise `InvalidSetting` for a hook that only an event loop can run."""
        for hook in (*self.before_send, *self.after_send):
            if iscoroutinefunction(hook) or iscoroutinefunction(getattr(hook, "__call__", None)):  # noqa: B004
                raise InvalidSetting(
                    f"the hook {_name(hook)} is a coroutine function, and a Mailer has no event "
                    "loop to run it",
                    hint="Use an AsyncMailer, or a plain function.",
                )

    async def intercept(self, message: AnyMessage) -> AnyMessage:
        """Give the message as it is to be sent.

        Raises what an interceptor raises, and `InvalidSetting` where one gives no message: a
        forgotten `return` must not let through what was to be changed.
        """
        for interceptor in self.before_send:
            given = interceptor(message)
            message = _checked(await given if isawaitable(given) else given, interceptor)
        return message

    async def conclude(self, sent: Sent[AnyMessage]) -> None:
        """Tell the observers; none of them changes what became of the message."""
        for observer in self.after_send:
            try:
                answer = observer(sent)
                if isawaitable(answer):
                    await answer
            except Exception:  # noqa: BLE001  # the message is sent, or is not, all the same
                _log.exception("the observer %s failed", _name(observer))


def _checked(given: object, interceptor: Interceptor) -> AnyMessage:
    if isinstance(given, AnyMessage):
        return given
    raise InvalidSetting(
        f"the interceptor {_name(interceptor)} gave {type(given).__name__}, no message",
        hint="Return the message, or raise Withheld to keep it back.",
    )


def _name(hook: object) -> str:
    return getattr(hook, "__qualname__", type(hook).__qualname__)
