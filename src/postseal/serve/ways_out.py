"""The parts of the platform that mail leaves by: made from the settings, to be run together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from functools import partial
from typing import Any, Final

import structlog

from postseal.dns import CachingResolver, Resolver, ResolverFailure
from postseal.dns.stub import StubResolver
from postseal.errors import MailError
from postseal.mail.authentication.dkim_signing import DKIMSigner
from postseal.send.mx.destinations import Destinations
from postseal.send.mx.mta_sts import PolicyFinder
from postseal.send.networks.network import Network
from postseal.send.networks.resolved_network import ResolvedNetwork
from postseal.serve.attempts import TLS_REPORT_LISTENER
from postseal.serve.experience import Experience
from postseal.serve.intake import Intake
from postseal.serve.reporting import TLSReporter
from postseal.serve.routing import Router
from postseal.serve.setting_dns import DNSSettings
from postseal.serve.setting_reports import TLSReportSettings
from postseal.serve.settings import Settings
from postseal.serve.storage import Store
from postseal.serve.worker import Worker
from postseal.tls import Trust
from postseal.tls.remembered import RememberingRule
from postseal.tls.requiretls import TLSRequirement

__all__ = ["WaysOut", "make_resolver", "report_signer"]

# RFC 8461 3.3 suggests to look once a day; a failure leaves room for others before a policy ends.
_POLICY_ROUND: Final = 4 * 3600.0

_log = structlog.get_logger("postseal.serve")


class WaysOut:
    """Worker, reporter and the keeper of policies, over one resolver and one network."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        intake: Intake,
        *,
        resolver: Resolver,
        network: Network,
        web_trust: Trust | None,
    ) -> None:
        reports = settings.tls_reports
        web = ResolvedNetwork(network, resolver)
        self._policies = PolicyFinder(web, resolver, cache=store.policies, trust=web_trust)
        experience = Experience(
            store.levels,
            RememberingRule(fall=settings.delivery.remembered_level),
            results=store.tls_results if reports.enabled else None,
        )
        router = Router(settings, resolver, self._policies, experience)
        self._worker = Worker(store, router, Destinations(network), experience, settings.delivery)
        self._reporter: TLSReporter | None = None
        if reports.enabled and reports.contact is not None:
            post = partial(
                intake.post,
                listener=TLS_REPORT_LISTENER,
                tls_requirement=TLSRequirement.NOT_REQUIRED,
            )
            signer = report_signer(reports)
            self._reporter = TLSReporter(
                store.tls_results,
                resolver,
                web,
                post,
                organization=reports.organization or settings.hostname,
                contact=reports.contact,
                signer=signer,
                trust=web_trust,
            )

    def parts(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What is to run until it is cancelled."""
        yield self._worker.run()
        yield self._keep_policies()
        if self._reporter is not None:
            yield self._reporter.run()

    async def _keep_policies(self) -> None:
        """Fetch policies of MTA-STS again before they end, whether there is mail or not."""
        while True:
            try:
                for found in await self._policies.refresh():
                    if found.problem is not None:
                        _log.warning(
                            "a policy of MTA-STS cannot be fetched again",
                            domain=found.domain,
                            error=str(found.problem),
                        )
            except MailError as error:
                _log.error("the policies of MTA-STS cannot be kept", error=str(error))
            await asyncio.sleep(_POLICY_ROUND)


def report_signer(reports: TLSReportSettings) -> DKIMSigner | None:
    """Who signs TLS reports, None where no key is set; says in the log what follows of it."""
    identity = reports.identity
    if identity is None:
        _log.warning(
            "TLS reports do not go by mail: receivers ignore reports that are not signed",
            hint="Set tls_reports.dkim_selector and tls_reports.dkim_key.",
        )
        return None
    _log.info(
        "TLS reports by mail are signed; this record has to be published",
        name=f"{identity.selector}._domainkey.{identity.domain}",
        record=identity.key.record(service="tlsrpt"),
    )
    return DKIMSigner(identity)


def make_resolver(settings: DNSSettings) -> Resolver:
    """The resolver that the settings ask for; says in the log where DANE is off."""
    stub = StubResolver(
        name_servers=settings.name_servers,
        timeout=settings.timeout,
        dangerous_trust_ad_beyond_loopback=settings.dangerous_trust_ad_beyond_loopback,
    )
    try:
        is_trusting = bool(stub.trusted_servers())
    except ResolverFailure as error:
        _log.error("no name server is known: mail by MX records waits", error=str(error))
    else:
        if not is_trusting:
            _log.warning(
                "DANE is off: no name server is trusted to have validated its answers",
                hint="Run a validating resolver on this machine and name it in dns.name_servers.",
            )
    return CachingResolver(stub)
