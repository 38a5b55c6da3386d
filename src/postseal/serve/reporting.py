"""TLS reports of ours: of each day that is over, to the domains that ask for them (RFC 8460).

Reports are optional, and mail is not: whatever goes wrong here is logged and tried again later.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final

import structlog

from postseal.dns import NameDoesNotExist, Resolver
from postseal.errors import InvalidReport, MailError
from postseal.mail.authentication.dkim_signing import DKIMSigner
from postseal.mail.prepared import PreparedMessage
from postseal.send.networks.network import Network
from postseal.send.tls_reports import post_tls_report, signed_tls_report, tls_report_message
from postseal.serve.storage.seal_memory import StoredResults
from postseal.tls import Trust
from postseal.tls.reports import (
    HTTPSDestination,
    MailDestination,
    Report,
    ReportDestination,
    ReportPeriod,
    day_of,
    report_id,
    reporting_destinations,
    reporting_name,
)

__all__ = ["TLSReporter"]

# RFC 8460 4.1: senders spread their reports over the hours after midnight.
_SPREAD: Final = 4 * 3600.0
_RETRY: Final = 3600.0
# RFC 8460 5.5: redelivery is attempted for up to 24 hours.
_KEPT: Final = timedelta(days=2)
_POST_TIMEOUT: Final = 60.0

_log = structlog.get_logger("postseal.serve.reporting")


class TLSReporter:
    """Sends the reports of a platform; `post` queues a report that goes by mail.

    Without a `signer`, which signs for the domain of the contact, none does. `clock` gives seconds
    since the epoch, `jitter` numbers from 0 to 1.
    """

    def __init__(
        self,
        results: StoredResults,
        resolver: Resolver,
        network: Network,
        post: Callable[[PreparedMessage], Awaitable[None]],
        *,
        organization: str,
        contact: str,
        signer: DKIMSigner | None = None,
        trust: Trust | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._results = results
        self._resolver = resolver
        self._network = network
        self._post = post
        self._organization = organization
        self._contact = contact
        self._signer = signer
        self._trust = trust
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    async def run(self) -> None:
        """Report until cancelled: what an earlier run left at once, then after each UTC day."""
        while True:
            try:
                is_done = await self.report()
            except MailError as error:
                _log.error("the results for TLS reports cannot be read", error=str(error))
                is_done = False
            await self._sleep(self._until_next_day() if is_done else _RETRY)

    async def report(self) -> bool:
        """Send what is due; return whether nothing of it has to be tried again.

        Raises what the store of results raises.
        """
        today = day_of(self._now())
        await self._results.forget(today - _KEPT)
        is_done = True
        for day, domain in await self._results.reportable(today):
            if await self._is_settled(day, domain):
                await self._results.remove(day, domain)
            else:
                is_done = False
        return is_done

    async def _is_settled(self, day: date, domain: str) -> bool:
        """Report on one domain; return False where that is to be tried again."""
        log = _log.bind(day=day.isoformat(), domain=domain)
        try:
            destinations = await self._destinations(domain)
        except InvalidReport as error:
            log.info("a domain asks for TLS reports in words that cannot be read", error=str(error))
            return True
        except MailError as error:
            log.info("whether a domain asks for TLS reports is not known", error=str(error))
            return False
        if self._signer is None:
            destinations = tuple(
                one for one in destinations if not isinstance(one, MailDestination)
            )
        if not destinations:
            return True
        report = Report(
            organization_name=self._organization,
            contact_info=self._contact,
            report_id=report_id(
                day, policy_domain=domain, submitter=self._contact.rpartition("@")[2]
            ),
            period=ReportPeriod.of_day(day),
            policies=await self._results.results(day, domain),
        )
        is_sent = False
        for send in self._ways(report, destinations, domain):
            try:
                await send()
                is_sent = True
            except MailError as error:
                log.warning("a TLS report could not be sent", error=str(error))
        if is_sent:
            log.info("TLS report sent", to=[str(one) for one in destinations])
        return is_sent

    async def _destinations(self, domain: str) -> tuple[ReportDestination, ...]:
        try:
            answer = await self._resolver.txt(reporting_name(domain))
        except NameDoesNotExist:
            return ()
        return reporting_destinations(answer.records)

    def _ways(
        self, report: Report, destinations: Sequence[ReportDestination], domain: str
    ) -> Iterator[Callable[[], Awaitable[None]]]:
        mail = [one for one in destinations if isinstance(one, MailDestination)]
        if mail and self._signer is not None:
            message = tls_report_message(report, mail, policy_domain=domain, clock=self._now)
            yield partial(self._post, signed_tls_report(message, self._signer))
        for one in destinations:
            if isinstance(one, HTTPSDestination):
                deadline = self._network.now() + _POST_TIMEOUT
                yield partial(
                    post_tls_report,
                    self._network,
                    report,
                    one,
                    deadline=deadline,
                    trust=self._trust,
                )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _until_next_day(self) -> float:
        midnight = datetime.combine(day_of(self._now()) + timedelta(days=1), datetime.min.time())
        return midnight.replace(tzinfo=UTC).timestamp() - self._clock() + self._jitter() * _SPREAD
