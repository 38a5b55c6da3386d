"""A run of the attack lab from the command line: what is attacked, with what, and how far it is."""

from __future__ import annotations

import asyncio
import platform
import signal
import ssl
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from postseal.audit.findings import AuditReport, Finding
from postseal.audit.report.plain import one_line
from postseal.cli.auditing import read_text
from postseal.errors import ConnectError, InvalidInput, InvalidSetting, MissingExtra
from postseal.send.networks.blocking import result_by, run
from postseal.send.networks.lookup import Lookups

try:
    from postseal.audit.lab.case import Case, Expectation, Mode
    from postseal.audit.lab.catalogue import CATALOGUE
    from postseal.audit.lab.commands import CommandClient
    from postseal.audit.lab.drivers.starting import driver_client
    from postseal.audit.lab.remedies import recognise
    from postseal.audit.lab.run import Lab, LabOptions
except ModuleNotFoundError as error:
    raise MissingExtra(
        f"`postseal audit client` needs the package {error.name}",
        hint="Install it with: pip install 'postseal[audit]'.",
    ) from None

__all__ = ["ClientAudit"]

# What a shell says of a program that a signal ended.
_SIGNALLED = 128
# Names on loopback come from a file; others are asked for only to be refused.
_LOOK_UP_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAudit:
    """One client in front of the chosen cases, as they stand on the command line."""

    command: tuple[str, ...]
    driver: str | None
    mode: str
    expectation: str
    patterns: str
    template: Path | None
    host: str
    patience: float
    parallel: int

    @property
    def name(self) -> str:
        """What the audit is called: each mode has rules of its own, and so its own baselines."""
        return f"client-{self.mode}"

    def run(self) -> AuditReport:
        """Run them; what the client started ends with it, also when we are told to stop.

        Raises `InvalidInput` for a client that cannot be started, patterns that mean no case, and a
        host beyond loopback, and `TimedOut` for one of which nothing can be learnt.
        """
        client = self._client()
        mode = Mode(self.mode)
        chosen = _chosen(self.patterns, mode)
        _check_loopback(self.host)
        options = LabOptions(
            mode=mode,
            expectation=Expectation(self.expectation),
            host=self.host,
            patience=self.patience,
            parallel=self.parallel,
            # A machine under load must not make a client look as if it hung.
            shortest=10.0,
        )
        started = datetime.now(UTC)
        with tempfile.TemporaryDirectory(prefix="postseal-lab-") as directory:
            library = recognise((client.name, *client.arguments))
            lab = Lab(client, Path(directory), options, library=library)
            findings = _run(lab, chosen)
        return AuditReport(
            audit=self.name,
            subject=client.name,
            version=version("postseal"),
            started=started,
            finished=datetime.now(UTC),
            findings=findings,
            facts=(
                ("mode", self.mode),
                ("expected", self.expectation),
                ("host", self.host),
                ("cases", self.patterns),
                ("Python", platform.python_version()),
                ("OpenSSL", ssl.OPENSSL_VERSION),
            ),
        )

    def _client(self) -> CommandClient:
        if self.driver is None:
            template = None if self.template is None else read_text(self.template)
            return CommandClient(arguments=self.command, template=template)
        if self.template is not None:
            raise InvalidSetting(
                "a driver reads no configuration file", hint="Leave --config-file out."
            )
        return driver_client(self.driver, interpreter=self.command)


def _run(lab: Lab, cases: Sequence[Case]) -> tuple[Finding, ...]:
    console = Console(stderr=True, highlight=False)
    with Progress(
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("honest server", total=len(cases) + 1)

        def show(finding: Finding) -> None:
            described = one_line(f"{finding.check.id}: {finding.verdict}")
            progress.update(task, advance=1, description=described)

        try:
            return asyncio.run(_until_told(lab, cases, show))
        except asyncio.CancelledError:
            stopped = signal.SIGTERM
        except KeyboardInterrupt:
            stopped = signal.SIGINT
    console.print("Stopped: nothing is reported.")
    raise typer.Exit(_SIGNALLED + stopped)


async def _until_told(
    lab: Lab, cases: Sequence[Case], progress: Callable[[Finding], None]
) -> tuple[Finding, ...]:
    running = asyncio.ensure_future(lab.run(cases, progress=progress))
    # As for an interrupt, which asyncio looks after: no client may stay behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await running


def _chosen(patterns: str, mode: Mode) -> tuple[Case, ...]:
    """Give the cases that patterns mean, by their own ids or those of reports."""
    wanted = [pattern.strip().upper() for pattern in patterns.split(",")]
    chosen: set[str] = set()
    for pattern in wanted:
        met = [case for case in CATALOGUE if _means(pattern, case, mode)]
        if not met:
            letters = ", ".join(dict.fromkeys(case.id[0] for case in CATALOGUE))
            raise InvalidInput(
                f"there is no case {pattern!a}",
                hint=f"They begin with {letters}; N* is all that begin with N.",
            )
        chosen.update(case.id for case in met if mode in case.modes)
    if not chosen:
        raise InvalidInput(f"no case of {patterns!a} is one of the mode {mode.value}")
    return tuple(case for case in CATALOGUE if case.id in chosen)


def _means(pattern: str, case: Case, mode: Mode) -> bool:
    return fnmatchcase(case.id, pattern) or fnmatchcase(case.check(mode).id, pattern)


def _check_loopback(host: str) -> None:
    """Raise `InvalidInput` for a host where somebody else would be contacted.

    Raises `TimedOut` where nobody says in time where it is.
    """
    deadline = time.monotonic() + _LOOK_UP_SECONDS
    try:
        places = run(Lookups().find(host, 0, (), partial(result_by, deadline)))
    except ConnectError:
        raise InvalidInput(
            f"the host {host!a} has no address", hint="Name it in /etc/hosts, as 127.0.0.1."
        ) from None
    for place in places:
        if not ip_address(place.host).is_loopback:
            raise InvalidInput(
                f"the host {host!a} is at {place.host}, and the lab stays on loopback",
                hint="Name it in /etc/hosts, as 127.0.0.1.",
            )
