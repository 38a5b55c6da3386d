"""The delivery worker: leases what is due, attempts it, and records what became of it.

A lease has a deadline that a heartbeat moves on. When the process dies, the leases run out and
the deliveries are due again: mail may then arrive twice, and is never lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

import structlog

from postseal.errors import MailError
from postseal.send.mx.destinations import Destinations
from postseal.serve.attempts import Attempts, Consignment
from postseal.serve.experience import Experience
from postseal.serve.routing import Router
from postseal.serve.schedule import RetrySchedule
from postseal.serve.settings import DeliverySettings
from postseal.serve.storage import Attempt, DeliveryState, Lease, Outcome, Store

__all__ = ["Worker"]

_LONGEST_SLEEP: Final = 30.0
_SWEEP_SECONDS: Final = 30.0
_AFTER_FAILURE: Final = 5.0
_HEARTBEATS_PER_LEASE: Final = 3

_log = structlog.get_logger("postseal.serve.worker")


class Worker:
    """Delivers until it is cancelled; made for one store, run by `run`."""

    def __init__(
        self,
        store: Store,
        router: Router,
        destinations: Destinations,
        experience: Experience,
        settings: DeliverySettings,
        *,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._destinations = destinations
        self._attempts = Attempts(router, destinations, experience, clock=clock)
        self._settings = settings
        self._schedule = RetrySchedule(
            first=settings.retry_first,
            factor=settings.retry_factor,
            cap=settings.retry_cap,
            lifetime=settings.lifetime,
        )
        self._clock = clock
        self._jitter = jitter
        self._owner = f"worker-{secrets.token_hex(8)}"
        self._held: dict[int, asyncio.Task[None]] = {}
        self._settlements: set[asyncio.Task[None]] = set()
        self._slot_freed = asyncio.Event()

    async def run(self) -> None:
        """Deliver; when cancelled, break off what is under way and give the leases back.

        What a server has taken already is still recorded: it must not be delivered twice.
        """
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(self._keep_leases())
                parts.create_task(self._sweep())
                parts.create_task(self._take_what_is_due())
        finally:
            tasks = set(self._held.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*self._settlements, return_exceptions=True)
            with contextlib.suppress(MailError):
                await self._store.release(owner=self._owner)
            await self._destinations.close()

    async def _take_what_is_due(self) -> None:
        while True:
            try:
                await self._step()
            except MailError as error:
                # The store does not answer; what is leased stays ours until the lease ends.
                _log.error("the queue cannot be read", error=str(error))
                await asyncio.sleep(_AFTER_FAILURE)

    async def _step(self) -> None:
        free = self._settings.concurrency - len(set(self._held.values()))
        if free <= 0:
            self._slot_freed.clear()
            await self._slot_freed.wait()
            return
        leases = await self._store.lease(owner=self._owner, until=self._lease_end(), limit=free)
        for consignment in self._consign(leases):
            task = asyncio.create_task(self._deliver(consignment))
            for lease in consignment.leases:
                self._held[lease.delivery_id] = task
        if leases:
            return
        due = await self._store.next_due()
        wait = _LONGEST_SLEEP if due is None else due - self._clock()
        await self._store.wait_for_mail(timeout=min(max(wait, 0.01), _LONGEST_SLEEP))

    def _consign(self, leases: Iterable[Lease]) -> list[Consignment]:
        together: defaultdict[tuple[str, str], list[Lease]] = defaultdict(list)
        for lease in leases:
            together[lease.message_id, lease.domain].append(lease)
        return [
            Consignment(tuple(group), partial(self._store.content, group[0].message_id))
            for group in together.values()
        ]

    async def _deliver(self, consignment: Consignment) -> None:
        try:
            attempts = await self._attempt(consignment)
            settlement = asyncio.create_task(self._settle(consignment, attempts))
            self._settlements.add(settlement)
            settlement.add_done_callback(self._settlements.discard)
            await asyncio.shield(settlement)
        finally:
            for lease in consignment.leases:
                self._held.pop(lease.delivery_id, None)
            self._slot_freed.set()

    async def _settle(self, consignment: Consignment, attempts: Mapping[int, Attempt]) -> None:
        try:
            outcomes = [
                self._outcome(lease, attempts[lease.delivery_id]) for lease in consignment.leases
            ]
            await self._store.settle(outcomes, owner=self._owner)
        except MailError as error:
            # What was delivered and could not be recorded is delivered again (promise 4).
            _log.error("an attempt could not be recorded", error=str(error))
        else:
            self._report(consignment, outcomes)

    async def _attempt(self, consignment: Consignment) -> dict[int, Attempt]:
        started = self._clock()
        try:
            return await self._attempts.make(consignment)
        except Exception:  # noqa: BLE001  # one message must not stop the others
            # Recorded like any other attempt, so that the schedule bounds it.
            _log.exception("a delivery failed by a defect of ours")
            failed = Attempt(
                started_at=started,
                finished_at=self._clock(),
                outcome=DeliveryState.DEFERRED,
                text="This is a defect of Postseal; the log has its traceback.",
            )
            return {lease.delivery_id: failed for lease in consignment.leases}

    def _outcome(self, lease: Lease, made: Attempt) -> Outcome:
        state, next_attempt_at, reason = made.outcome, None, made.text
        if made.phase:
            reason = f"{made.host or lease.domain} at {made.phase}: {made.text}"
        if state is DeliveryState.DEFERRED:
            next_attempt_at = self._schedule.next_attempt(
                attempts=lease.attempts + 1,
                received_at=lease.received_at,
                now=self._clock(),
                random=self._jitter,
            )
            if next_attempt_at is None:
                state = DeliveryState.FAILED
                reason = f"given up after {lease.attempts + 1} attempts; the last: {reason}"
        return Outcome(
            delivery_id=lease.delivery_id,
            state=state,
            attempt=made,
            next_attempt_at=next_attempt_at,
            reason=reason,
        )

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_seconds / _HEARTBEATS_PER_LEASE)
            held = dict(self._held)
            if not held:
                continue
            try:
                ours = await self._store.renew(
                    owner=self._owner, delivery_ids=held, until=self._lease_end()
                )
            except MailError as error:
                _log.error("leases could not be renewed", error=str(error))
                continue
            for delivery_id in held.keys() - ours:
                # Settled meanwhile, or taken over by another worker: then it is theirs.
                if self._held.get(delivery_id) is held[delivery_id]:
                    held[delivery_id].cancel()

    async def _sweep(self) -> None:
        # Apart from the queue: a server that is slow to say goodbye must not hold up the mail.
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            await self._destinations.sweep()

    def _lease_end(self) -> float:
        return self._clock() + self._settings.lease_seconds

    def _report(self, consignment: Consignment, outcomes: Iterable[Outcome]) -> None:
        for lease, outcome in zip(consignment.leases, outcomes, strict=True):
            _log.info(
                "delivery attempted",
                message=lease.message_id,
                delivery=lease.delivery_id,
                state=outcome.state.value,
                host=outcome.attempt.host,
                tls=outcome.attempt.tls_version,
                authenticated_by=outcome.attempt.authenticated_by,
                reason=outcome.reason,
            )
