"""The page of the attack lab's verdicts on real clients: `python -m tests.parts.lab_report`.

The page says what is publicly known and was seen again (`tests.parts.known_verdicts`). Whatever
else a client did is shown to whoever runs it, and to nobody else: its makers have to hear it first.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from typing import Final

import pytest

from postseal.audit.findings import Finding, Outcome, Reference
from postseal.audit.lab.case import Case, Mode
from postseal.audit.lab.catalogue import CATALOGUE
from postseal.audit.lab.run import Lab, LabOptions
from tests.parts.known_verdicts import expected
from tests.parts.lab_clients import CLIENTS, LabClient

__all__ = ["Seen", "Visit", "page"]

_HEAD: Final = """\
# Mail clients in the attack lab

What real mail clients did in front of the hostile servers of `postseal audit client`.

Seen on {day}, from a catalogue of {cases} cases, with the servers on {openssl}. `make lab-report`
runs all of them and writes this page; with `ARGS=--known` it runs those of the page alone.

**What stands here was public before**, and each line says where. A case that is not listed for a
client says nothing about it, neither good nor bad: what is not public goes to the makers of a
client first. Each line is about one version, set in one way.
"""
# The clients give up by themselves after two seconds of silence; the rest is for a busy machine.
_PATIENCE: Final = 4.0
_SHORTEST: Final = 10.0
_SIDE_BY_SIDE: Final = 3
_PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "lab-report.md"


@dataclass(frozen=True, slots=True)
class Seen:
    """A verdict that was expected of a client, and came."""

    case: Case
    verdict: str
    source: Reference


@dataclass(frozen=True, slots=True)
class Visit:
    """One client in one mode: what came as expected, and what did not, in words.

    `beyond` is what it did wrong besides, which no page may tell.
    """

    client: LabClient
    version: str
    mode: Mode
    seen: tuple[Seen, ...]
    differences: tuple[str, ...]
    beyond: tuple[str, ...]


async def _visit(client: LabClient, mode: Mode, catalogue: Sequence[Case]) -> Visit:
    cases = [case for case in catalogue if mode in case.modes]
    with tempfile.TemporaryDirectory() as directory:
        options = LabOptions(mode=mode, patience=_PATIENCE, shortest=_SHORTEST)
        lab = Lab(client.start(), Path(directory), options)
        control, *findings = await lab.run(cases)
    found = dict(zip((case.id for case in cases), findings, strict=True))
    known = list(expected(client.name, cases, mode))
    return Visit(
        client=client,
        version=await asyncio.to_thread(client.version),
        mode=mode,
        seen=tuple(
            Seen(case, verdict.value, source)
            for case, verdict, source in known
            if found[case.id].verdict == verdict.value
        ),
        differences=(
            *_failed_control(control),
            *(
                f"{case.id}: {found[case.id].verdict}, not {verdict.value}"
                for case, verdict, _ in known
                if found[case.id].verdict != verdict.value
            ),
        ),
        beyond=tuple(_beyond(found, {case.id for case, _, _ in known})),
    )


def _failed_control(control: Finding) -> Iterator[str]:
    if control.outcome is not Outcome.PASSED:
        yield f"the control: {control.message}"


def _beyond(found: Mapping[str, Finding], known: set[str]) -> Iterator[str]:
    for case, finding in found.items():
        if case not in known and finding.outcome not in (Outcome.PASSED, Outcome.NOT_COVERED):
            yield f"{case}: {finding.verdict}"


def page(visits: Sequence[Visit], day: date) -> str:
    """Write the page in Markdown."""
    cases = {seen.case.id: seen.case for visit in visits for seen in visit.seen}
    openssl = " ".join(ssl.OPENSSL_VERSION.split()[:2])
    lines = [
        _HEAD.format(day=day.isoformat(), cases=len(CATALOGUE), openssl=openssl),
        "## Verdicts",
        "",
        "| client | set to | mode | verdict | in the cases | public at |",
        "| --- | --- | --- | --- | --- | --- |",
        *(row for visit in visits for row in _rows(visit)),
        "",
        "## Cases",
        "",
        "| case | what the server does | what a safe client does |",
        "| --- | --- | --- |",
        *(
            f"| {case.id} | {_cell(case.hostile)} | {_cell(case.safe)} |"
            for case in CATALOGUE
            if case.id in cases
        ),
        "",
    ]
    return "\n".join(lines)


def _rows(visit: Visit) -> Iterator[str]:
    name = f"{visit.client.program} {visit.version}"
    # The unsafe first, and each source with its own.
    ordered = sorted(
        visit.seen, key=lambda seen: (seen.verdict == "safe", seen.verdict, seen.source.label)
    )
    for (verdict, source), group in groupby(ordered, key=lambda seen: (seen.verdict, seen.source)):
        shown = verdict if verdict == "safe" else f"**{verdict}**"
        cases = " ".join(seen.case.id for seen in group)
        link = f"[{source.label}]({source.url})"
        setting = _cell(visit.client.setting)
        yield f"| {name} | {setting} | {visit.mode.value} | {shown} | {cases} | {link} |"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _visit_all(clients: Iterable[LabClient], *, known_only: bool) -> list[Visit]:
    gate = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(client: LabClient, mode: Mode) -> Visit:
        async with gate:
            began = time.monotonic()
            known = [case for case, _, _ in expected(client.name, CATALOGUE, mode)]
            visit = await _visit(client, mode, known if known_only else CATALOGUE)
            _say(f"{time.monotonic() - began:5.1f} s  {client.name} {visit.version}, {mode.value}")
            for line in visit.differences:
                _say(f"         differs: {line}")
            if visit.beyond:
                _say(f"         not on the page: {', '.join(visit.beyond)}")
            return visit

    return await asyncio.gather(*(one(client, mode) for client in clients for mode in client.modes))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the whole catalogue against the clients; write the page if nothing differs."""
    parser = argparse.ArgumentParser(prog="make lab-report", description=__doc__)
    parser.add_argument("--clients", default="*", help="glob of the names; without *, no page")
    parser.add_argument("--known", action="store_true", help="only the cases of the page")
    options = parser.parse_args(arguments)
    clients = [client for client in CLIENTS if fnmatchcase(client.name, options.clients)]
    try:
        visits = asyncio.run(_visit_all(clients, known_only=options.known))
    except (pytest.skip.Exception, pytest.fail.Exception) as lack:
        _say(str(lack))
        return 1
    if not visits or any(visit.differences for visit in visits):
        _say("No page is written: look into what differs, in the lab and in the client.")
        return 1
    if options.clients == "*":
        _PAGE.write_text(page(visits, datetime.now(UTC).date()), encoding="utf-8")
        _say(str(_PAGE))
    return 0


if __name__ == "__main__":
    sys.exit(main())
