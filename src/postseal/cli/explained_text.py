"""An explanation as people read it: the destination, then each of its servers, then the result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from postseal.cli.output import terminal_safe
from postseal.dns import Lookup
from postseal.dns.recording import RecordedLookup, ResourceRecord
from postseal.errors import MailError
from postseal.send.explained import Action, ExplainedDestination, ExplainedServer, Trial, Verdict
from postseal.send.explained_json import record_text
from postseal.send.mta_sts import DiscoveredPolicy
from postseal.tls import TLSLevel
from postseal.tls.dane import DNSState
from postseal.tls.ladder import Decision, Deliver
from postseal.tls.tlsa import TLSA

__all__ = ["explained_text"]

_MAX_RECORDS: Final = 8
_MAX_SHOWN: Final = 120
_DAY: Final = 86_400
_ACTION_STYLES: Final = {Action.DELIVER: "green", Action.DEFER: "yellow", Action.REFUSE: "red"}
_VERDICTS: Final = {
    Verdict.CLEAN: ("green", "nothing falls short of what the policies ask"),
    Verdict.FALLS_SHORT: ("red", "falls short of what the policies ask; see above"),
    Verdict.INCONCLUSIVE: ("yellow", "inconclusive: something could not be had; see above"),
}

_Row = tuple[str, str | Text]


def explained_text(explained: ExplainedDestination) -> RenderableType:
    """Lay out an explanation for a terminal; nothing in it obeys a stranger."""
    parts: list[RenderableType] = [
        *_section(Text(f"Mail to {explained.domain}"), _destination_rows(explained))
    ]
    for server in explained.servers:
        parts += ["", *_section(_server_title(server), _server_rows(server))]
    return Group(*parts, "", *_section(Text("Result"), _result_rows(explained)))


def _section(title: Text, rows: Iterator[_Row]) -> Iterator[RenderableType]:
    title.stylize("bold")
    yield title
    table = Table.grid(padding=(0, 1, 0, 2))
    table.add_column(width=10, no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for label, value in rows:
        table.add_row(label, value if isinstance(value, Text) else Text(terminal_safe(value)))
    yield table


def _destination_rows(explained: ExplainedDestination) -> Iterator[_Row]:
    yield from _lookup_rows(explained.lookups)
    if explained.problem is not None:
        yield "problem", _problem_text(explained.problem)
    if explained.mta_sts is not None:
        yield "MTA-STS", _mta_sts_text(explained.mta_sts)


def _server_title(server: ExplainedServer) -> Text:
    if server.preference is None:
        return Text(f"{server.host} (the domain itself: there is no MX record)")
    return Text(f"{server.host} (preference {server.preference})")


def _server_rows(server: ExplainedServer) -> Iterator[_Row]:
    yield from _lookup_rows(server.lookups)
    if server.dane is not None and server.dane.dns is DNSState.INSECURE:
        yield "TLSA", "not asked for: what leads to the server is not signed"
    if server.problem is not None:
        yield "problem", _problem_text(server.problem)
    if server.decision is not None:
        yield from _decision_rows(server.decision)
    if server.trial is not None:
        yield from _trial_rows(server.trial)
    yield "sender", _action_text(server.action)


def _lookup_rows(lookups: Sequence[RecordedLookup]) -> Iterator[_Row]:
    for one in lookups:
        label = "addresses" if one.lookup is Lookup.ADDRESSES else one.lookup.value
        if one.answer is None:
            yield label, f"{one.name}: {one.problem.text if one.problem else 'no answer'}"
            continue
        records = ", ".join(map(_shown, one.answer.records[:_MAX_RECORDS])) or "none"
        if (more := len(one.answer.records) - _MAX_RECORDS) > 0:
            records += f" and {more} more"
        alias = f" (an alias of {one.answer.name})" if one.answer.name != one.name else ""
        seal = "authentic" if one.answer.authentic else "not authentic"
        yield label, f"{one.name}{alias}: {records} [{seal}]"


def _shown(record: ResourceRecord) -> str:
    text = str(record) if isinstance(record, TLSA) else record_text(record)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _mta_sts_text(found: DiscoveredPolicy) -> str:
    if found.policy is None:
        return _problem_text(found.problem) if found.problem else "no policy"
    policy = found.policy
    names = ", ".join(policy.mx[:_MAX_RECORDS]) or "no server"
    return f"mode {policy.mode} for {names}, for {policy.max_age / _DAY:.3g} days"


def _decision_rows(decision: Decision) -> Iterator[_Row]:
    if isinstance(decision, Deliver):
        yield "policy", str(decision.policy)
    explanation = decision.explanation
    decisive = explanation.decisive
    yield "rule", str(decisive)
    for other in explanation.heard:
        if other is not decisive:
            yield "also", str(other)
    for other, why in explanation.set_aside:
        yield "set aside", f"{other}; because {why}"
    yield "to change", decisive.remedy


def _trial_rows(trial: Trial) -> Iterator[_Row]:
    for shortfall in trial.shortfalls:
        yield "tried", Text(terminal_safe(_problem_text(shortfall)), style="yellow")
    if trial.problem is not None:
        yield "connection", Text(terminal_safe(_problem_text(trial.problem)), style="red")
    if trial.outcome is not None:
        style = "yellow" if trial.outcome.level is TLSLevel.NONE else "green"
        where = f"{trial.peer_address}: {trial.outcome}"
        yield "connection", Text(terminal_safe(where), style=style)
    for statement in trial.fallen_short:
        yield "not met", Text(terminal_safe(str(statement)), style="yellow")


def _result_rows(explained: ExplainedDestination) -> Iterator[_Row]:
    if explained.left_out:
        yield "left out", f"{explained.left_out} more servers were not examined"
    yield "sender", _action_text(explained.action)
    style, words = _VERDICTS[explained.verdict]
    yield "verdict", Text(words, style=style)


def _action_text(action: Action) -> Text:
    return Text(f"would {action.value}", style=_ACTION_STYLES[action])


def _problem_text(problem: MailError) -> str:
    return f"{problem.text}. {problem.hint}" if problem.hint else problem.text
