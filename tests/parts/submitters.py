"""Clients that submit mail by smtplib, outlive the server, and note how each attempt ended.

The client is not of this project, so what it takes for an acknowledgement is nobody's opinion here.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, unique
from pathlib import Path

_PATIENCE = 60.0


@unique
class Ending(Enum):
    """How one attempt to submit a message ended, as its client saw it."""

    ACKNOWLEDGED = "250 to the final dot"
    IN_FLIGHT = "the connection broke after the final dot was sent and before its reply"
    INTERRUPTED = "the connection broke before the final dot"


@dataclass(frozen=True, slots=True)
class Submission:
    """What to submit: one message with CRLF line ends, from one address to one address."""

    key: str
    sender: str
    recipient: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Server:
    """One life of the server. A client that lost one waits for the next."""

    life: int
    port: int
    ca_file: Path
    username: str
    password: str


@dataclass(slots=True)
class Ledger:
    """What the clients noted: for each message, how often its attempts ended how."""

    endings: dict[str, Counter[Ending]] = field(default_factory=dict)

    def count(self, ending: Ending) -> int:
        """How many attempts ended so."""
        return sum(counter[ending] for counter in self.endings.values())


class Submitters:
    """Several connections that share a list of messages and repeat each until it is acknowledged.

    They begin a message only with leave (`allow`), and connect to the server that was last
    announced (`announce`).
    """

    def __init__(self, submissions: list[Submission], *, connections: int) -> None:
        self.ledger = Ledger({submission.key: Counter() for submission in submissions})
        self._todo = deque(submissions)
        self._connections = connections
        self._allowed = 0
        self._server: Server | None = None
        self._dots = 0
        self._failures: list[BaseException] = []
        # One lock for all the state above; every change of it is announced.
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._closing = False

    def start(self) -> None:
        """Begin to connect."""
        for number in range(self._connections):
            thread = threading.Thread(target=self._work, name=f"submitter-{number}")
            self._threads.append(thread)
            thread.start()

    def announce(self, server: Server) -> None:
        """Tell the clients where the server is now."""
        with self._changed:
            self._server = server
            self._changed.notify_all()

    def allow(self, count: int) -> None:
        """Let the clients begin `count` more messages."""
        with self._changed:
            self._allowed += count
            self._changed.notify_all()

    def wait_for_dots(self, count: int) -> None:
        """Return when `count` more final dots are about to be sent."""
        with self._changed:
            target = self._dots + count
            done = self._changed.wait_for(
                lambda: self._dots >= target or self._failures, timeout=_PATIENCE
            )
        assert done, f"no {count} messages within {_PATIENCE:g} s"

    def join(self) -> None:
        """Wait until every message is acknowledged; raise what went wrong in a client."""
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def close(self) -> None:
        """Make the clients give up, whatever they are waiting for."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        try:
            with _Client(self._next_server, self._note_dot) as client:
                for submission in self._take():
                    ending = None
                    while ending is not Ending.ACKNOWLEDGED:
                        ending = client.submit(submission)
                        self.ledger.endings[submission.key][ending] += 1
        except BaseException as failure:  # noqa: BLE001  # join() raises it
            with self._changed:
                self._failures.append(failure)
                self._changed.notify_all()

    def _take(self) -> Iterator[Submission]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._allowed or self._closing or not self._todo)
                if not self._todo:
                    return
                if self._closing:
                    raise RuntimeError("closed before all was submitted")
                submission = self._todo.popleft()
                self._allowed -= 1
                self._changed.notify_all()
            yield submission

    def _next_server(self, after: int) -> Server:
        """Wait for a server of a later life than `after`."""
        with self._changed:
            self._changed.wait_for(
                lambda: (self._server and self._server.life > after) or self._closing, _PATIENCE
            )
            if self._server is None or self._server.life <= after or self._closing:
                raise RuntimeError(f"life {after} broke a connection, and no other came after it")
            return self._server

    def _note_dot(self) -> None:
        with self._changed:
            self._dots += 1
            self._changed.notify_all()


class _Client:
    """One connection at a time, sealed and authenticated, made anew in the server's next life."""

    def __init__(self, next_server: Callable[[int], Server], on_dot: Callable[[], None]) -> None:
        self._next_server = next_server
        self._on_dot = on_dot
        self._life = 0
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, *_: object) -> None:
        if self._smtp:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._smtp.quit()
            self._smtp.close()

    def submit(self, submission: Submission) -> Ending:
        """Try once, connecting where needed. Raises SMTPResponseException for a refusal."""
        smtp = self._smtp or self._connect()
        ending = Ending.INTERRUPTED
        try:
            _expect(250, smtp.mail(submission.sender))
            _expect(250, smtp.rcpt(submission.recipient))
            _expect(354, smtp.docmd("DATA"))
            # RFC 5321 4.5.2
            smtp.send(submission.content.replace(b"\r\n.", b"\r\n.."))
            ending = Ending.IN_FLIGHT
            self._on_dot()
            smtp.send(b".\r\n")
            _expect(250, smtp.getreply())
        except OSError as error:
            smtp.close()
            self._smtp = None
            _raise_unless_broken(error)
            return ending
        return Ending.ACKNOWLEDGED

    def _connect(self) -> smtplib.SMTP:
        while True:
            server = self._next_server(self._life)
            self._life = server.life
            context = ssl.create_default_context(cafile=server.ca_file)
            with contextlib.ExitStack() as on_failure:
                try:
                    smtp = smtplib.SMTP("localhost", server.port, timeout=30)
                    on_failure.callback(smtp.close)
                    smtp.starttls(context=context)
                    smtp.login(server.username, server.password)
                except OSError as error:
                    _raise_unless_broken(error)
                    continue
                on_failure.pop_all()
            self._smtp = smtp
            return smtp


def _expect(code: int, reply: tuple[int, bytes]) -> None:
    if reply[0] != code:
        raise smtplib.SMTPResponseException(*reply)


def _raise_unless_broken(error: OSError) -> None:
    """Let a broken connection pass; a refusal or a wrong certificate is no part of the game."""
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return
    if isinstance(error, smtplib.SMTPException | ssl.SSLCertVerificationError):
        raise error
