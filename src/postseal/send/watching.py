"""What is told of a connection that is watched: its dialogue to the log, events to an observer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from typing import Final

from postseal.errors import MailError
from postseal.send.events import (
    Authenticated,
    ConnectionClosed,
    ConnectionFailed,
    ConnectionOpened,
    HandshakeDone,
    Observer,
    SendEvent,
)
from postseal.send.observing import ConnectionWatch, error_in_words, notify
from postseal.send.printable import printable
from postseal.smtp.client_core import ReplyReceived
from postseal.smtp.commands import Auth, AuthCancel, AuthResponse, Command
from postseal.tls.levels import TLSOutcome

__all__ = ["TellingWatch"]

_dialogue: Final = logging.getLogger("postseal.send.dialogue")

_SASL: Final = (Auth, AuthResponse, AuthCancel)
# Tells the connections of a process apart.
_numbers: Final = count(1)


class TellingWatch(ConnectionWatch):
    """Writes the dialogue and tells the observer.

    While credentials are exchanged, no text is written, neither ours nor the server's: some servers
    repeat what they heard.
    """

    def __init__(
        self,
        host: str,
        *,
        now: Callable[[], float],
        observer: Observer | None,
        logs_dialogue: bool,
    ) -> None:
        self._host = host
        self._now = now
        self._observer = observer
        self._logs = logs_dialogue
        self._name = f"#{next(_numbers)} {host}" if logs_dialogue else ""
        self._began = self._step_began = now()
        self._opened: float | None = None
        self._mechanism = ""
        self._is_in_auth = False
        self._messages = 0

    def opened(self, port: int, peer_address: str) -> None:
        self._opened = now = self._now()
        self._write("connected to %s port %d", peer_address or "a socket", port)
        seconds = now - self._began
        self._tell(
            ConnectionOpened(host=self._host, port=port, peer_address=peer_address, seconds=seconds)
        )

    def sealing(self) -> None:
        self._step_began = self._now()

    def sealed(self, tls: TLSOutcome) -> None:
        self._write("TLS: %s", tls)
        seconds = self._now() - self._step_began
        self._tell(HandshakeDone(host=self._host, tls=tls, seconds=seconds))

    def said(self, commands: Iterable[Command]) -> None:
        for command in commands:
            if isinstance(command, Auth):
                self._mechanism = command.mechanism
                self._step_began = self._now()
            self._is_in_auth = isinstance(command, _SASL)
            if self._logs:
                self._write("C: %s", _without_secret(command))

    def heard(self, replies: Iterable[ReplyReceived]) -> None:
        if not self._logs:
            return
        for received in replies:
            reply = received.reply
            if self._is_in_auth:
                reply = replace(reply, lines=("(text withheld)",))
            self._write("S: %s", reply)

    def handed_over(self, size: int) -> None:
        self._messages += 1
        self._write("C: (a message of %d octets)", size)

    def authenticated(self) -> None:
        seconds = self._now() - self._step_began
        self._tell(Authenticated(host=self._host, mechanism=self._mechanism, seconds=seconds))

    def failed(self, error: MailError) -> None:
        self._write("failed: %s", error_in_words(error))
        self._tell(
            ConnectionFailed(
                host=self._host,
                kind=type(error),
                phase=error.phase,
                code=error.code,
                seconds=self._now() - self._began,
            )
        )

    def closed(self) -> None:
        if self._opened is None:
            return
        seconds, self._opened = self._now() - self._opened, None
        self._write("closed after %d messages", self._messages)
        self._tell(ConnectionClosed(host=self._host, messages=self._messages, seconds=seconds))

    def _tell(self, event: SendEvent) -> None:
        notify(self._observer, event)

    def _write(self, text: str, *arguments: object) -> None:
        if self._logs:
            _dialogue.debug(f"%s {text}", self._name, *arguments)


def _without_secret(command: Command) -> str:
    match command:
        case Auth(mechanism, response):
            return f"AUTH {mechanism}" if response is None else f"AUTH {mechanism} ***"
        case AuthResponse():
            return "***"
    return printable(command.encode().decode("utf-8", "replace").removesuffix("\r\n"))
