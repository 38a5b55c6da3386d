"""All cases against one client: honest controls first, then the hostile servers side by side."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from postseal.audit.exit_codes import CONTROL_TAG
from postseal.audit.findings import Evidence, Finding, Outcome, Severity
from postseal.audit.lab.canaries import Canaries, make_canaries, occurs
from postseal.audit.lab.case import Case, Clock, Expectation, Mode, Server
from postseal.audit.lab.certificates import Certificates
from postseal.audit.lab.clients import Client, ClientRun, Settings
from postseal.audit.lab.conversation import Scene
from postseal.audit.lab.hostile import HostileServer, PortsTaken
from postseal.audit.lab.hostile_inputs import InputNotTaken
from postseal.audit.lab.oracle import judge
from postseal.audit.lab.records import Record
from postseal.audit.lab.remedies import MailLibrary, remedy_for
from postseal.audit.lab.verdicts import Verdict

__all__ = ["CONTROL", "Lab", "LabOptions"]

CONTROL: Final = Case(
    id="CONTROL",
    title="Honest server",
    story="A server that does everything right, to see that the client delivers at all.",
    hostile="nothing: it is honest",
    safe="delivers the message.",
    severity=Severity.INFO,
    remedy="Let the command send one message to {host}:{port} and trust {ca_file}.",
    servers=(Server(),),
    tags=(CONTROL_TAG,),
)

# A deadline is some times what the honest control took.
_TIMES: Final = 5.0
_CONTROL_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LabOptions:
    """How a run is made.

    `patience` is how many seconds a client may wait for a server that has fallen silent, and
    `parallel` how many clients run at a time. Those that only wait do not count against it. Each
    has `shortest` seconds for a case, and more where the honest server shows that it is slow.
    """

    mode: Mode = Mode.STARTTLS
    expectation: Expectation = Expectation.REQUIRED
    host: str = "localhost"
    patience: float = 20.0
    parallel: int = 4
    shortest: float = 3.0


@dataclass(frozen=True, slots=True)
class _Seen:
    canaries: Canaries
    record: Record
    run: ClientRun

    @property
    def took_canary(self) -> bool:
        """Whether the message that arrived is the one that the client was given."""
        return any(occurs(self.canaries.body, one.content) for one in self.record.delivered)


@dataclass(slots=True)
class Lab:
    """One run of the lab; `directory` holds the file of its authority. A client is run once a case.

    `library` is what the client sends mail by, so that remedies can speak of that. `choose` picks
    the letters of the canaries, and has to be unpredictable.
    """

    client: Client
    directory: Path
    options: LabOptions = field(default_factory=LabOptions)
    library: MailLibrary | None = None
    choose: Callable[[str], str] = secrets.choice
    _certificates: Certificates = field(init=False)
    _ca_file: Path = field(init=False)

    def __post_init__(self) -> None:
        self._certificates = Certificates(self.options.host)
        self._ca_file = self.directory / "ca.pem"
        self._ca_file.write_bytes(self._certificates.root.pem)

    async def run(
        self, cases: Sequence[Case], *, progress: Callable[[Finding], None] | None = None
    ) -> tuple[Finding, ...]:
        """Run the control and then the cases of the mode; give what was found in their order."""
        control = await self._see(CONTROL, _CONTROL_PATIENCE)
        told = self._tell_control(control)
        findings: list[Finding] = [told]
        if progress is not None:
            progress(told)
        if told.outcome is not Outcome.PASSED:
            return (told, *(self._undecided(case) for case in self._of_mode(cases)))
        deadline = max(self.options.shortest, _TIMES * control.run.seconds)
        gates = {
            Clock.QUICK: asyncio.Semaphore(self.options.parallel),
            # They sleep, and starting them is all that costs.
            Clock.PATIENT: asyncio.Semaphore(8 * self.options.parallel),
        }

        async def one(case: Case) -> Finding:
            async with gates[case.clock]:
                finding = await self._attack(case, deadline, control)
            if progress is not None:
                progress(finding)
            return finding

        # Those that wait longest begin first.
        ordered = list(self._of_mode(cases))
        tasks = {
            case.id: asyncio.ensure_future(one(case))
            for case in sorted(ordered, key=lambda case: case.clock is Clock.QUICK)
        }
        try:
            findings += [await tasks[case.id] for case in ordered]
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
        return tuple(findings)

    def _of_mode(self, cases: Iterable[Case]) -> Iterable[Case]:
        return (case for case in cases if self.options.mode in case.modes)

    async def _attack(self, case: Case, deadline: float, control: _Seen) -> Finding:
        why = case.not_covered or case.not_covered_for(self.options.host)
        if case.input is not None and not case.input.is_used(control.canaries, control.record):
            why = f"the client makes no use of its {case.input.field.value}"
        if why:
            return self._finding(case, Outcome.NOT_COVERED, "not covered", why)
        patience = deadline + (self.options.patience if case.clock is Clock.PATIENT else 0.0)
        try:
            seen = await self._see(case, patience)
        except (PortsTaken, InputNotTaken) as error:
            return self._finding(case, Outcome.NOT_COVERED, "not covered", str(error))
        if seen.record.fault:
            told = f"the lab itself failed: {seen.record.fault}"
            return self._finding(case, Outcome.BROKEN, "broken", told, seen)
        verdict, message = judge(
            case,
            self.options.mode,
            self.options.expectation,
            seen.canaries,
            seen.record,
            seen.run,
            has_own_message=not control.took_canary,
        )
        return self._finding(case, verdict.outcome, verdict.value, message, seen)

    async def _see(self, case: Case, patience: float) -> _Seen:
        canaries = make_canaries(self.choose)
        given = case.input.given_in(canaries) if case.input else canaries
        scene = Scene(mode=self.options.mode, given=given, certificates=self._certificates)
        async with HostileServer(case, scene) as server:
            settings = Settings(
                host=self.options.host,
                port=server.port,
                mode=self.options.mode,
                canaries=given,
                ca_file=self._ca_file,
            )
            run = await self.client.run(settings, patience=patience)
        return _Seen(canaries, server.record, run)

    def _tell_control(self, seen: _Seen) -> Finding:
        delivered = bool(seen.record.delivered)
        if delivered and seen.run.claims_success:
            return self._finding(
                CONTROL, Outcome.PASSED, Verdict.SAFE.value, "delivered the message", seen
            )
        what = (
            "never connected"
            if not seen.record.connections
            else "did not deliver the message"
            if not delivered
            else f"delivered the message and ended with status {seen.run.exit_code}"
        )
        return self._finding(
            CONTROL,
            Outcome.INCONCLUSIVE,
            Verdict.INCONCLUSIVE.value,
            f"the client {what} to an honest server, so nothing can be said of it",
            seen,
        )

    def _undecided(self, case: Case) -> Finding:
        return self._finding(
            case,
            Outcome.INCONCLUSIVE,
            Verdict.INCONCLUSIVE.value,
            "not run, for the honest control failed",
        )

    def _finding(
        self, case: Case, outcome: Outcome, verdict: str, message: str, seen: _Seen | None = None
    ) -> Finding:
        evidence: list[Evidence] = []
        if seen is not None:
            for connection in seen.record.connections:
                name = f"connection {connection.number + 1}"
                evidence.append(Evidence(name, "\n".join(connection.dialogue)))
            if seen.run.output:
                evidence.append(Evidence("output of the client", seen.run.output))
        return Finding(
            check=case.check(self.options.mode),
            subject=self.client.name,
            outcome=outcome,
            verdict=verdict,
            message=message,
            stimulus=case.hostile,
            evidence=tuple(evidence),
            own_remedy=remedy_for(self.library, case.cwe) if self.library else None,
            seconds=seen.run.seconds if seen else 0.0,
        )
