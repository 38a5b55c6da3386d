"""Many messages over several connections, for a caller that blocks: threads that send for it.

Only the sending is theirs. The caller's own thread reads messages, calls hooks and gives results:
what an application does there, such as asking its database, often works in one thread alone.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import closing
from contextvars import copy_context
from typing import Final

from postseal.send.core import Core, M, Outcome
from postseal.send.many import (
    KEPT_EACH,
    MAX_PUT_OFF,
    Arranged,
    Given,
    Jobs,
    Order,
    PutOff,
    numbered,
)
from postseal.send.networks.blocking import iterate, run
from postseal.send.networks.network import Network
from postseal.send.pending import Pending, Sent

__all__ = ["Crew"]

# Messages that are ready before they are wanted, for each thread: one can be announced to the
# server while another is written.
_AHEAD: Final = 3


class Crew(Jobs[M]):
    """Up to `size` threads, each with a connection, for the messages of one call."""

    def __init__(self, core: Core, network: Network, order: Order, *, size: int) -> None:
        self._core = core
        self._now = network.now
        self._order = order
        self._size = size
        self._threads: list[threading.Thread] = []
        # Whoever touches what follows holds the lock.
        lock = threading.Lock()
        self._to_do = threading.Condition(lock)
        self._done = threading.Condition(lock)
        self._ready: deque[Pending[M]] = deque()
        self._put_off: PutOff[M] = PutOff(network)
        self._outcomes: deque[Outcome[M]] = deque()
        self._idle = 0
        self._under_way = 0
        self._is_read = False
        self._is_stopped = False
        self._error: BaseException | None = None

    def send(self, messages: Iterable[M]) -> Generator[Sent[M], None, None]:
        """Send messages, which are read as far as they can be taken; give what became of each.

        What is under way when the caller goes away comes to its end before this does, unless the
        process is being interrupted.
        """
        source = numbered(messages)
        arranged: Arranged[M] = Arranged(self._order)
        try:
            while True:
                if self._may_read(kept=len(arranged)):
                    self._hand_out(next(source, None))
                elif (outcome := self._take_outcome()) is None:
                    return
                else:
                    run(self._core.conclude(outcome))
                    yield from arranged.ready(outcome.number, outcome.sent)
        except KeyboardInterrupt:
            # Whoever interrupts does not wait for a server. The threads end with the process.
            self._threads.clear()
            raise
        finally:
            self._stop()

    # -- what the threads call ------------------------------------------------------------------

    def take_now(self) -> Pending[M] | None:
        with self._to_do:
            return self._next_job()

    async def take(self) -> Pending[M] | None:
        with self._to_do:
            self._idle += 1
            try:
                while not self._is_over():
                    if (job := self._next_job()) is not None:
                        return job
                    due = self._put_off.next_due
                    self._to_do.wait(None if math.isinf(due) else max(0.0, due - self._now()))
                return None
            finally:
                self._idle -= 1

    def put_off(self, pending: Pending[M]) -> None:
        with self._to_do:
            self._put_off.add(pending)
            self._to_do.notify()

    # -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            with closing(iterate(self._core.send_some(self, self._order))) as outcomes:
                for outcome in outcomes:
                    with self._done:
                        self._outcomes.append(outcome)
                        self._done.notify()
                        if self._is_stopped:
                            return
        except BaseException as error:  # noqa: BLE001
            # It belongs to the caller, not to this thread.
            with self._done:
                self._error = error
                self._done.notify()

    def _may_read(self, *, kept: int) -> bool:
        """Wait for an outcome or for room; tell whether to read another message."""
        with self._done:
            while True:
                if self._error is not None:
                    raise self._error
                if self._has_room(kept):
                    return True
                if self._outcomes or not self._under_way:
                    return False
                self._done.wait()

    def _has_room(self, kept: int) -> bool:
        ahead = _AHEAD * self._size
        return (
            not self._is_read
            and max(len(self._ready), len(self._outcomes)) < ahead
            and kept < KEPT_EACH * self._size
            and len(self._put_off) < MAX_PUT_OFF
        )

    def _hand_out(self, given: Given[M] | None) -> None:
        step = None if given is None else run(self._core.begin(given))
        with self._to_do:
            if given is None or step is None:
                self._is_read = True
                self._to_do.notify_all()
                return
            self._under_way += 1
            if not isinstance(step, Pending):
                self._outcomes.append(Outcome(given.number, step, self._now()))
                return
            self._ready.append(step)
            if len(self._ready) <= self._idle:
                self._to_do.notify()
            elif len(self._threads) < self._size:
                # Where a context names an outer operation, what is sent belongs to it.
                work = copy_context().run
                thread = threading.Thread(
                    target=work, args=(self._work,), name="postseal-send", daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _take_outcome(self) -> Outcome[M] | None:
        with self._done:
            if not self._outcomes:
                return None
            self._under_way -= 1
            return self._outcomes.popleft()

    def _next_job(self) -> Pending[M] | None:
        if self._is_stopped:
            return None
        if (pending := self._put_off.take_due()) is not None:
            return pending
        if not self._ready:
            return None
        if len(self._ready) <= self._size:
            self._done.notify()
        # Its time begins now: nobody has tried it yet.
        return self._ready.popleft()._replace(deadline=self._core.deadline())

    def _is_over(self) -> bool:
        return self._is_stopped or (self._is_read and not (self._ready or self._put_off))

    def _stop(self) -> None:
        with self._to_do:
            self._is_stopped = True
            self._to_do.notify_all()
        for thread in self._threads:
            thread.join()
