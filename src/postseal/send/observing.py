"""Who looks on while mail is sent: the log, and the application's observer.

Logs go to the loggers `postseal.send` (INFO: one line a message) and `postseal.send.dialogue`
(DEBUG: one line for each command and each reply). Neither holds a credential or a body.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from postseal.errors import MailError, Phase
from postseal.send.printable import printable

if TYPE_CHECKING:
    from postseal.send.events import Observer, SendEvent
    from postseal.smtp.client_core import ReplyReceived
    from postseal.smtp.commands import Command
    from postseal.tls.levels import TLSOutcome

__all__ = ["ConnectionWatch", "all_of", "error_in_words", "notify", "watch_connection"]

_log: Final = logging.getLogger("postseal.send")
_dialogue: Final = logging.getLogger("postseal.send.dialogue")


def all_of(*observers: Observer) -> Observer:
    """One observer that passes everything on to several."""

    def tell_all(event: SendEvent) -> None:
        for observer in observers:
            notify(observer, event)

    return tell_all


def notify(observer: Observer | None, event: SendEvent) -> None:
    """Tell an observer; what it raises is logged, and goes no further."""
    if observer is None:
        return
    try:
        observer(event)
    except Exception:  # noqa: BLE001  # who looks on must not stop the mail
        _log.exception("the observer failed at %s", type(event).__name__)


class ConnectionWatch:
    """What a connection tells while it lives; this one tells nobody, and costs nothing."""

    def opened(self, port: int, peer_address: str) -> None:
        """The stream is there."""

    def sealing(self) -> None:
        """A TLS handshake begins."""

    def sealed(self, tls: TLSOutcome) -> None:
        """The handshake is done, and the peer has proved what it was asked to."""

    def said(self, commands: Iterable[Command]) -> None:
        """Commands are about to be written."""

    def heard(self, replies: Iterable[ReplyReceived]) -> None:
        """Replies have arrived."""

    def handed_over(self, size: int) -> None:
        """A message is about to be whole, in so many octets as they go over the wire."""

    def authenticated(self) -> None:
        """The server took the credentials."""

    def failed(self, error: MailError) -> None:
        """The connection did not come to the point where a message may be sent."""

    def closed(self) -> None:
        """The connection is closed, whoever did it; told once."""


_UNWATCHED: Final = ConnectionWatch()


def watch_connection(
    host: str, *, now: Callable[[], float], observer: Observer | None
) -> ConnectionWatch:
    """Begin to watch a connection that is about to be made, for the log and an observer.

    Whether the dialogue is logged is decided now.
    """
    logs_dialogue = _dialogue.isEnabledFor(logging.DEBUG)
    if observer is None and not logs_dialogue:
        return _UNWATCHED
    from postseal.send.watching import TellingWatch

    return TellingWatch(host, now=now, observer=observer, logs_dialogue=logs_dialogue)


def error_in_words(error: MailError) -> str:
    """Write an error on one line of a log; one of the phase AUTH without the server's words."""
    if error.phase is Phase.AUTH:
        said = " ".join(str(part) for part in (error.code, error.enhanced_code) if part)
        return f"{type(error).__name__} at auth {said}".rstrip()
    return f"{type(error).__name__}: {printable(str(error))}"
