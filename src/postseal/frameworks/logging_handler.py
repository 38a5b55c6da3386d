"""A handler of `logging` that mails what went wrong, without holding up or hurting the program.

Records wait in a queue that never blocks, and a thread of its own sends them: many in one message,
and not more than one message in a while. What does not fit is counted, and the count is mailed.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterable
from typing import Final

from postseal.errors import DeliveryUnknown, InvalidSetting, MailError
from postseal.mail.arguments import MailboxesLike, MailboxLike
from postseal.mail.marks import AutoSubmitted
from postseal.mail.message import Message
from postseal.send.mailer import Mailer

__all__ = ["MailHandler"]

_OWN: Final = "postseal"
_MAX_RECORD: Final = 20_000
_MAX_SUBJECT: Final = 150
_PATIENCE: Final = 10.0


class MailHandler(logging.Handler):
    """Mails records by a mailer, from one address to one or several.

    The first record is sent at once; those that follow wait until `interval` seconds have passed,
    and go together. `capacity` records are kept meanwhile, and while the server cannot be reached;
    of more, the oldest are dropped and counted. What Postseal itself logs is never mailed, for
    sending would log again. What goes wrong here is written to `sys.stderr`, unless
    `logging.raiseExceptions` is off, and never raised.

    `flush` sends what waits; so does `close`, which `logging.shutdown` calls at the end of the
    program. Both wait for ten seconds at most. A process that was forked begins with an empty
    queue and a thread of its own. The mailer is not closed. Raises `InvalidAddress` and
    `InvalidSetting` when it is made.
    """

    _process: int
    _changed: threading.Condition
    _records: deque[tuple[str, str]]
    _dropped: int
    _attempts: int
    _wanted: int
    _is_sending: bool
    _thread: threading.Thread

    def __init__(
        self,
        mailer: Mailer,
        *,
        from_: MailboxLike,
        to: MailboxesLike,
        subject: str = "Log",
        level: int = logging.ERROR,
        interval: float = 60.0,
        capacity: int = 1000,
    ) -> None:
        if interval < 0 or capacity < 1:
            raise InvalidSetting("interval is not negative, and capacity is at least 1")
        # Whatever is wrong with the addresses is said now, and not when something burns.
        pattern = Message(from_=from_, to=to, subject=subject, text="")
        super().__init__(level)
        self._mailer = mailer
        self._from, self._to = pattern.from_, pattern.to
        self._subject = subject
        self._interval = interval
        self._capacity = capacity
        self._is_closing = False
        self._begin()

    def filter(self, record: logging.LogRecord) -> bool:
        """Leave out what sending itself logs, before any lock is taken for it."""
        is_own = record.name == _OWN or record.name.startswith(f"{_OWN}.")
        if is_own or threading.current_thread() is self._thread:
            return False
        return super().filter(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Put a record into the queue; never waits for the network and never raises."""
        try:
            text = _readable(self.format(record)[:_MAX_RECORD])
            headline = _readable(f"{record.levelname}: {record.getMessage()}"[:_MAX_SUBJECT])
            if self._process != os.getpid():
                self._begin()
            with self._changed:
                self._keep([(headline, text)])
                self._changed.notify_all()
        except Exception:  # noqa: BLE001  # so does every handler of logging
            self.handleError(record)

    def flush(self) -> None:
        """Try to send what waits now."""
        if self._process != os.getpid() or threading.current_thread() is self._thread:
            return
        with self._changed:
            if not (self._records or self._is_sending):
                return
            wanted = self._attempts + self._is_sending + bool(self._records)
            self._wanted = max(self._wanted, wanted)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._attempts >= wanted, _PATIENCE)

    def close(self) -> None:
        """Send what waits, and end."""
        self.flush()
        # Of a queue that a fork has left behind, the lock may be held for ever.
        if self._process == os.getpid():
            with self._changed:
                self._is_closing = True
                self._changed.notify_all()
            self._thread.join(_PATIENCE)
        super().close()

    def _begin(self) -> None:
        """Make what a fork does not take along, or leaves locked."""
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._records = deque()
        self._dropped = 0
        self._attempts = self._wanted = 0
        self._is_sending = False
        self._thread = threading.Thread(target=self._work, name="postseal log", daemon=True)
        self._thread.start()

    def _keep(self, records: Iterable[tuple[str, str]]) -> None:
        self._records.extend(records)
        while len(self._records) > self._capacity:
            self._records.popleft()
            self._dropped += 1

    def _work(self) -> None:
        due = time.monotonic()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._records or self._is_closing)
                while not (self._attempts < self._wanted or self._is_closing):
                    if (left := due - time.monotonic()) <= 0:
                        break
                    self._changed.wait(left)
                if not self._records:
                    return
                batch, dropped = list(self._records), self._dropped
                self._records.clear()
                self._dropped = 0
                self._is_sending = True
            unsent = self._send(batch, dropped)
            with self._changed:
                due = time.monotonic() + self._interval
                if unsent:
                    waiting = list(self._records)
                    self._records.clear()
                    self._dropped += dropped
                    self._keep([*batch, *waiting])
                self._attempts += 1
                self._is_sending = False
                self._changed.notify_all()
                if self._is_closing:
                    return

    def _send(self, batch: list[tuple[str, str]], dropped: int) -> bool:
        """Send records as one message; tell whether they have to be tried again."""
        texts = [text for _, text in batch]
        if dropped:
            texts.insert(0, f"{dropped} older records were dropped.")
        more = f" (+{len(batch) - 1})" if len(batch) > 1 else ""
        headline = batch[0][0].partition("\n")[0].replace("\t", " ")
        try:
            message = Message(
                from_=self._from,
                to=self._to,
                subject=f"{self._subject}: {headline}{more}",
                text="\n\n".join(texts),
                auto_submitted=AutoSubmitted.GENERATED,
            )
            self._mailer.send(message)
        except Exception as error:  # noqa: BLE001  # a log must not end the program
            if logging.raiseExceptions and sys.stderr is not None:
                traceback.print_exception(error, limit=1, file=sys.stderr)
            is_undecided = isinstance(error, MailError) and error.is_temporary
            return is_undecided and not isinstance(error, DeliveryUnknown)
        return False


def _readable(text: str) -> str:
    return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text)
