"""Our server session on a port or a Unix domain socket, by SMTP or LMTP, driven by plain threads.

It refuses recipients whose names begin with "no-", and in LMTP has no room for the mail of those
whose names begin with "full-".
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from postseal.address import Address
from postseal.smtp import Reply, ServerSession
from postseal.smtp.events import (
    BodyReceived,
    MailReceived,
    MessageReceived,
    MessageRefused,
    RecipientReceived,
    ServerEvent,
    SessionEnded,
    Transaction,
)
from postseal.smtp.protocol import Extension, Protocol
from postseal.smtp.rules import Offer, ServerRules
from tests.parts.ports import LOOPBACK

_PATIENCE = 20.0
_OK = Reply(250, ("OK",), "2.0.0")
_UNKNOWN = Reply(550, ("nobody of that name",), "5.1.1")
_FULL = Reply(452, ("the mailbox is full",), "4.2.2")


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that was accepted for somebody."""

    transaction: Transaction
    recipients: tuple[Address, ...]
    content: bytes


@dataclass(slots=True)
class OwnServer:
    """A server with all extensions but those that need TLS, or with some; a context manager.

    It listens at `path`, or where there is none on a free loopback `port`.
    """

    protocol: Protocol = Protocol.SMTP
    path: Path | None = None
    max_recipients: int = 1000
    max_messages: int | None = None
    extensions: frozenset[Extension] = frozenset(Extension)
    messages: list[Taken] = field(default_factory=list)
    connections: int = 0
    _listening: socket.socket = field(init=False)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where it listens, if not at a path."""
        return int(self._listening.getsockname()[1])

    def __enter__(self) -> Self:
        if self.path is None:
            self._listening = socket.create_server((LOOPBACK, 0))
        else:
            self._listening = socket.socket(socket.AF_UNIX)
            self._listening.bind(str(self.path))
            self._listening.listen()
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone would leave a thread in `accept`.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(_PATIENCE)
            assert not thread.is_alive(), "a conversation did not end"

    def _start(self, work: object, *arguments: object) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                self._start(self._converse, connection)

    def _converse(self, connection: socket.socket) -> None:
        rules = ServerRules(
            "own.test",
            starttls=Offer.UNAVAILABLE,
            authentication=Offer.UNAVAILABLE,
            protocol=self.protocol,
            extensions=self.extensions,
            max_recipients=self.max_recipients,
            max_messages=self.max_messages,
        )
        session = ServerSession(rules)
        session.greet()
        body: list[bytes] = []
        with connection, contextlib.suppress(OSError):
            connection.settimeout(_PATIENCE)
            while True:
                connection.sendall(session.data_to_send())
                data = connection.recv(65536)
                if not data:
                    return
                session.receive(data)
                while (event := session.next_event()) is not None:
                    if isinstance(event, SessionEnded):
                        connection.sendall(session.data_to_send())
                        return
                    self._answer(session, event, body)

    def _answer(self, session: ServerSession, event: ServerEvent, body: list[bytes]) -> None:
        match event:
            case BodyReceived(data):
                body.append(data)
            case MessageRefused():
                body.clear()
            case MailReceived():
                session.answer(_OK)
            case RecipientReceived(recipient):
                session.answer(_UNKNOWN if recipient.local.startswith("no-") else _OK)
            case MessageReceived(transaction):
                self._take(session, transaction, b"".join(body))
                body.clear()

    def _take(self, session: ServerSession, transaction: Transaction, content: bytes) -> None:
        recipients = transaction.recipients
        if self.protocol is Protocol.LMTP:
            recipients = tuple(one for one in recipients if not one.local.startswith("full-"))
            session.answer_each(
                *(_OK if one in recipients else _FULL for one in transaction.recipients)
            )
        else:
            session.answer(_OK)
        self.messages.append(Taken(transaction, recipients, content))
