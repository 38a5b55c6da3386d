"""An extension for Flask: a mailer for each application, and an outbox under test.

::

    mail = Mail()
    mail.init_app(app)
    mail.send(Message(from_="shop@example.com", to="ada@example.org", subject="Thanks", text="..."))

`MAIL_URL` says where mail goes, with `MAIL_PASSWORD` or `MAIL_PASSWORD_FROM`; `MAIL_SERVER`,
`MAIL_PORT`, `MAIL_USERNAME`, `MAIL_USE_TLS` and `MAIL_USE_SSL` of Flask-Mail do as well. While
`TESTING` or `MAIL_SUPPRESS_SEND` is set, messages stay in `mail.outbox`.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakSet

from postseal.errors import InvalidSetting
from postseal.frameworks.extras import missing_framework
from postseal.frameworks.settings import OPTIONS, MailerSettings
from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage
from postseal.send.mailer import Mailer
from postseal.send.pending import Sent
from postseal.send.results import Delivery
from postseal.send.transports.memory import Outbox
from postseal.smtp.delivery_options import DeliveryOptions

try:
    from flask import Flask, current_app
except ModuleNotFoundError as error:
    raise missing_framework(error, extra="flask") from error

__all__ = ["Mail"]

_NAME: Final = "postseal"
# Flask-Mail calls the host so.
_KEYS: Final = {name: f"MAIL_{name.upper()}" for name in OPTIONS} | {"host": "MAIL_SERVER"}


@dataclass(slots=True, weakref_slot=True, eq=False)
class _State:
    """What one application has: its mailer, and where its messages stay under test."""

    settings: MailerSettings | None
    outbox: Outbox = field(default_factory=Outbox)
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: Mailer | None = None

    def mailer(self) -> Mailer:
        with self.lock:
            if self.made is None:
                self.made = Mailer(self.outbox) if self.settings is None else self.settings.mailer()
            return self.made

    def close(self) -> None:
        with self.lock:
            made, self.made = self.made, None
        if made is not None:
            made.close()


_states: WeakSet[_State] = WeakSet()


class Mail:
    """The extension; one may serve several applications.

    Threads share its connections; a worker that was forked has its own.
    """

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the configuration of an application. Raises `InvalidSetting` and its like."""
        is_kept = app.config.get("MAIL_SUPPRESS_SEND", app.testing)
        settings = None
        if not is_kept:
            settings = MailerSettings.read(
                {option: app.config.get(key) for option, key in _KEYS.items()}
            )
        state = _State(settings)
        _states.add(state)
        app.extensions[_NAME] = state

    @property
    def outbox(self) -> Outbox:
        """The messages of the current application, where they are kept."""
        state = _state()
        if state.settings is not None:
            raise InvalidSetting(
                "this application sends its mail, so that it has no outbox",
                hint="Set TESTING or MAIL_SUPPRESS_SEND before init_app.",
            )
        return state.outbox

    @property
    def mailer(self) -> Mailer:
        """The mailer of the current application."""
        return _state().mailer()

    def send(
        self, message: Message | PreparedMessage, *, options: DeliveryOptions | None = None
    ) -> Delivery:
        """Send a message; see `Mailer.send`."""
        return self.mailer.send(message, options=options)

    def send_many(
        self, messages: Iterable[Message], *, connections: int = 1
    ) -> Iterator[Sent[Message]]:
        """Send messages over so many connections; see `Mailer.send_many`."""
        return self.mailer.send_many(messages, connections=connections)

    def close(self) -> None:
        """Say goodbye on the connections of the current application."""
        _state().close()


def _state() -> _State:
    state = current_app.extensions.get(_NAME)
    if not isinstance(state, _State):
        raise InvalidSetting(
            "the current application has no mail", hint="Call mail.init_app(app) before."
        )
    return state


def _close_all() -> None:
    for state in tuple(_states):
        state.close()


atexit.register(_close_all)
