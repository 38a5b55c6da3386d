"""TLS reports of the platform: what its deliveries count, and what is sent after the day."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from postseal.dns import MX
from postseal.errors import ConnectError, StartTLSStripped, TLSResultType
from postseal.mail.authentication import DKIMSigner, KeyType
from postseal.mail.prepared import PreparedMessage
from postseal.serve.experience import Experience
from postseal.serve.reporting import TLSReporter
from postseal.serve.sealing import Hop
from postseal.serve.storage import Store
from postseal.testing import MemoryResolver
from postseal.tls import TLSLevel, TLSOutcome
from postseal.tls.mta_sts import MTAStsMode, MTAStsPolicy
from postseal.tls.remembered import RememberingRule
from postseal.tls.reports import AppliedPolicy, PolicyResults, day_of, read_report
from tests.integration.serve.delivering import settled, submit
from tests.parts.certificates import ServerCertificate
from tests.parts.dkimpy import dkimpy_verifies
from tests.parts.house import keep_house
from tests.parts.levels import Levels
from tests.parts.policy_server import PolicyServer
from tests.parts.receiver import Receiver
from tests.parts.signed_mail import selector_of, signer, signing_key
from tests.unit.serve.storage.samples import Clock

YESTERDAY, TODAY = date(2027, 3, 1), date(2027, 3, 2)
NOON = datetime(2027, 3, 2, 12, tzinfo=UTC).timestamp()
IN_CLEAR = TLSOutcome.in_clear()
ENCRYPTED = TLSOutcome(TLSLevel.ENCRYPTED, "TLSv1.3", "TLS_AES_256_GCM_SHA384")
STS = AppliedPolicy.of_mta_sts(
    "example.org", MTAStsPolicy(MTAStsMode.TESTING, ("mx.example.org",), 86_400)
)


# -- counting -------------------------------------------------------------------------------------


def _hop(*applied: AppliedPolicy, destination: str = "example.org") -> Hop:
    return Hop(host="mx.example.org", port=25, destination=destination, applied=applied)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "results.db", clock=clock)
    yield opened
    await opened.close()


async def test_sessions_are_counted_under_each_policy_that_applied(
    store: Store, clock: Clock
) -> None:
    experience = Experience(Levels(), RememberingRule(), results=store.tls_results, clock=clock)
    stripped = StartTLSStripped("the server does not offer STARTTLS")
    nothing = AppliedPolicy.none("example.org")
    await experience.count(_hop(nothing), ENCRYPTED, None, peer_address="192.0.2.25")
    # With less than MTA-STS in testing asks for; for who asks for nothing TLS was there.
    await experience.count(_hop(STS, nothing), ENCRYPTED, stripped, peer_address="192.0.2.25")
    await experience.count(_hop(nothing), IN_CLEAR, ConnectError("refused"))
    await experience.count(_hop(nothing, destination=""), ENCRYPTED, None)
    without, sts = await store.tls_results.results(TODAY, "example.org")
    assert (without.policy, without.successful_sessions, without.failed_sessions) == (nothing, 2, 0)
    assert (sts.policy, sts.successful_sessions, sts.failed_sessions) == (STS, 0, 1)
    (count,) = sts.failures
    assert count.failure.result_type == TLSResultType.STARTTLS_NOT_SUPPORTED
    assert str(count.failure.receiving_ip) == "192.0.2.25"


# -- sending --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Reporting:
    """A reporter on a clock that stands still, and what it sent."""

    store: Store
    web: PolicyServer
    clock: Clock
    resolver: MemoryResolver = field(default_factory=MemoryResolver)
    posted: list[PreparedMessage] = field(default_factory=list)
    signer: DKIMSigner | None = field(default_factory=signer)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def ask(self, domain: str, rua: str) -> None:
        self.resolver.add(f"_smtp._tls.{domain}", f"v=TLSRPTv1; rua={rua}")

    async def count(self, day: date, domain: str) -> None:
        results = PolicyResults(policy=AppliedPolicy.none(domain), successful_sessions=3)
        await self.store.tls_results.add(day, domain, results)

    async def left(self) -> list[str]:
        return [domain for _, domain in await self.store.tls_results.reportable(date.max)]

    @property
    def reporter(self) -> TLSReporter:
        return TLSReporter(
            self.store.tls_results,
            self.resolver,
            self.web,
            self._post,
            organization="Example",
            contact="tls@example.com",
            signer=self.signer,
            trust=self.web.trust,
            clock=self.clock,
            sleep=self.sleep,
            jitter=lambda: 0.5,
        )

    async def _post(self, message: PreparedMessage) -> None:
        self.posted.append(message)


@pytest.fixture
async def reporting(tmp_path: Path, store: Store, clock: Clock) -> AsyncIterator[Reporting]:
    async with PolicyServer(tmp_path, {}, hosts=["reports.example"]) as web:
        yield Reporting(store, web, clock)


async def test_a_finished_day_is_reported_to_who_asks(reporting: Reporting) -> None:
    reporting.ask("mail.example", "mailto:tls@mail.example,mailto:more@mail.example")
    reporting.ask("web.example", "https://reports.example/v1")
    for domain in ("mail.example", "web.example", "silent.example"):
        await reporting.count(YESTERDAY, domain)
    await reporting.count(TODAY, "mail.example")
    assert await reporting.reporter.report()
    assert await reporting.left() == ["mail.example"]  # today's
    (message,) = reporting.posted
    assert [str(one) for one in message.envelope.recipients] == [
        "tls@mail.example",
        "more@mail.example",
    ]
    assert b"TLS-Required: No" in message.content
    assert b"Report Domain: mail.example Submitter: example.com" in message.content
    assert dkimpy_verifies(message.content)
    signature = message.content.partition(b"\r\nDate:")[0].replace(b"\r\n", b"")
    for name in (
        b"from",
        b"subject",
        b"tls-required",
        b"tls-report-domain",
        b"tls-report-submitter",
    ):
        assert re.search(rb"h=[^;]*\b" + name + rb"\b", signature)
    assert b" l=" not in signature
    assert reporting.web.asked == ["POST /v1 reports.example"]
    (body,) = reporting.web.posted
    report = read_report(body).report
    assert report.organization_name == "Example"
    assert day_of(report.period.start) == day_of(report.period.end) == YESTERDAY
    assert report.policies[0].successful_sessions == 3
    assert json.loads(gzip.decompress(body))["report-id"].startswith("2027-03-01.web.example@")
    # Once is enough.
    assert await reporting.reporter.report()
    assert len(reporting.posted) == len(reporting.web.posted) == 1


async def test_what_is_not_taken_is_tried_again_until_it_is_too_old(reporting: Reporting) -> None:
    reporting.web.status = "503 Busy"
    reporting.ask("web.example", "https://reports.example/v1")
    reporting.resolver.time_out("_smtp._tls.dark.example")
    for domain in ("web.example", "dark.example"):
        await reporting.count(YESTERDAY, domain)
    assert not await reporting.reporter.report()
    assert await reporting.left() == ["dark.example", "web.example"]
    reporting.web.status = "201 Created"
    assert not await reporting.reporter.report()
    assert await reporting.left() == ["dark.example"]
    reporting.clock.now += 2 * 86_400
    assert await reporting.reporter.report()
    assert await reporting.left() == []


async def test_one_destination_of_several_is_enough(reporting: Reporting) -> None:
    reporting.web.status = "503 Busy"
    reporting.ask("both.example", "https://reports.example/v1,mailto:tls@both.example")
    await reporting.count(YESTERDAY, "both.example")
    assert await reporting.reporter.report()
    assert len(reporting.posted) == 1


async def test_without_a_key_no_report_goes_by_mail(reporting: Reporting) -> None:
    reporting.signer = None
    reporting.ask("mail.example", "mailto:tls@mail.example")
    reporting.ask("both.example", "https://reports.example/v1,mailto:tls@both.example")
    await reporting.count(YESTERDAY, "mail.example")
    await reporting.count(YESTERDAY, "both.example")
    assert await reporting.reporter.report()
    assert (reporting.posted, await reporting.left()) == ([], [])
    assert len(reporting.web.posted) == 1


async def test_a_record_that_cannot_be_read_asks_for_nothing(reporting: Reporting) -> None:
    reporting.ask("odd.example", "gopher://odd.example")
    await reporting.count(YESTERDAY, "odd.example")
    assert await reporting.reporter.report()
    assert (reporting.posted, await reporting.left()) == ([], [])


async def test_rounds_are_after_midnight_and_each_hour_while_something_is_left(
    reporting: Reporting,
) -> None:
    reporting.web.status = "503 Busy"
    reporting.ask("web.example", "https://reports.example/v1")
    await reporting.count(YESTERDAY, "web.example")
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise asyncio.CancelledError
        reporting.web.status = "200 OK"

    reporting.sleep = sleep
    with pytest.raises(asyncio.CancelledError):
        await reporting.reporter.run()
    # Noon to midnight, and half of the four hours after it.
    assert slept == [3600.0, 14 * 3600.0]


# -- the whole platform ---------------------------------------------------------------------------


async def test_a_report_goes_through_the_queue_and_is_not_reported_on(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    """Yesterday's results are there when the platform starts; the report is its first mail."""
    results = PolicyResults(policy=AppliedPolicy.none("example.org"), successful_sessions=1)
    resolver = MemoryResolver(authentic=False)
    resolver.add("example.org", MX(10, "mx.example.org"))
    resolver.add("mx.example.org", IPv4Address("127.0.0.1"))
    resolver.add("_smtp._tls.example.org", "v=TLSRPTv1; rua=mailto:tls@example.org")
    key = tmp_path / "dkim.pem"
    key.write_bytes(signing_key(KeyType.RSA).to_pem())
    key.chmod(0o600)
    reports = {
        "enabled": True,
        "contact": "tls@example.com",
        "dkim_selector": selector_of(KeyType.RSA),
        "dkim_key": str(key),
    }
    yesterday = day_of(datetime.now(UTC)).toordinal() - 1
    async with keep_house(tmp_path):
        """Makes the data directory."""
    store = await Store.open(tmp_path / "data" / "postseal.db")
    await store.tls_results.add(date.fromordinal(yesterday), "example.org", results)
    await store.close()
    async with (
        Receiver(certificate) as receiver,
        keep_house(
            tmp_path,
            resolver=resolver,
            tls_reports=reports,
            delivery={
                "mode": "live",
                "mx_port": receiver.port,
                "dangerous_mx_on_this_machine": True,
            },
        ) as house,
    ):
        (row,) = await settled(house, "sent")
        assert row.recipient == "tls@example.org"
        (message,) = receiver.messages
        assert message.sender == "<>"  # as aiosmtpd writes it
        assert b"TLS-Report-Domain: example.org" in message.content
        assert dkimpy_verifies(message.content)
        assert "TLS-Required: No" in row.attempts[0].explanation
        await submit(house)
        await settled(house, "sent", "sent")
    store = await Store.open(tmp_path / "data" / "postseal.db")
    left = await store.tls_results.reportable(date.max)
    counted = [one for day, domain in left for one in await store.tls_results.results(day, domain)]
    await store.close()
    assert sum(one.successful_sessions for one in counted) == 1
