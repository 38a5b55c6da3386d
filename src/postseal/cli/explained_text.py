"""An explanation as people read it: the destination, then each of its servers, then the result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.text import Text

from postseal.cli.answer_rows import MAX_RECORDS, lookup_rows, row
from postseal.cli.layout import Row, Section
from postseal.dns import NameDoesNotExist
from postseal.errors import MailError
from postseal.send.explanation.explained import (
    Action,
    ExplainedDestination,
    ExplainedServer,
    Trial,
    Verdict,
)
from postseal.send.mx.mta_sts import DiscoveredPolicy
from postseal.tls import TLSLevel
from postseal.tls.dane import DNSState
from postseal.tls.ladder import Decision, Deliver

__all__ = ["explained_text"]

_GOOD, _DOUBTFUL, _BAD = "green", "yellow", "red"
_ACTION_STYLES: Final = {Action.DELIVER: _GOOD, Action.DEFER: _DOUBTFUL, Action.REFUSE: _BAD}
_VERDICTS: Final = {
    Verdict.CLEAN: (_GOOD, "clean: nothing falls short of what the policies ask"),
    Verdict.FALLS_SHORT: (_BAD, "falls short of what the policies ask: see above"),
    Verdict.INCONCLUSIVE: (_DOUBTFUL, "inconclusive: something could not be had, see above"),
}


def explained_text(explained: ExplainedDestination) -> Iterator[Section]:
    """Lay out an explanation for a terminal; nothing in it obeys a stranger."""
    yield Section(Text(f"Mail to {explained.domain}"), tuple(_destination_rows(explained)))
    for server in explained.servers:
        yield Section(Text(_server_title(server)), tuple(_server_rows(server)))
    yield Section(Text("Result"), tuple(_result_rows(explained)))


def _destination_rows(explained: ExplainedDestination) -> Iterator[Row]:
    yield from lookup_rows(explained.lookups, explained.domain)
    if (found := explained.mta_sts) is not None:
        yield row("MTA-STS", _mta_sts_text(found))
        if found.problem is not None:
            yield row("problem", _problem_text(found.problem), _DOUBTFUL)
    if isinstance(explained.problem, NameDoesNotExist):
        yield row("problem", f"There is no such domain: is {explained.domain} spelt right?", _BAD)
    elif explained.problem is not None:
        yield row("problem", _problem_text(explained.problem), _BAD)


def _server_title(server: ExplainedServer) -> str:
    if server.preference is None:
        return f"{server.host}, the domain itself: there is no MX record"
    return f"{server.host}, preference {server.preference}"


def _server_rows(server: ExplainedServer) -> Iterator[Row]:
    yield from lookup_rows(server.lookups, server.host)
    if server.dane is not None and server.dane.dns is DNSState.INSECURE:
        yield row("TLSA", "not asked for: what leads to the server is not signed")
    if server.problem is not None:
        yield row("problem", _problem_text(server.problem), _BAD)
    if server.decision is not None:
        yield from _decision_rows(server.decision)
    if server.trial is not None:
        yield from _trial_rows(server.trial)
    yield _action_row(server.action)


def _mta_sts_text(found: DiscoveredPolicy) -> str:
    if (policy := found.policy) is None:
        return "no policy" if found.problem is None else "no policy that could be had"
    names = ", ".join(policy.mx[:MAX_RECORDS]) or "no server"
    if (more := len(policy.mx) - MAX_RECORDS) > 0:
        names += f" and {more} more"
    return f"mode {policy.mode}, mx {names}, max_age {policy.max_age}"


def _decision_rows(decision: Decision) -> Iterator[Row]:
    if isinstance(decision, Deliver):
        yield row("policy", str(decision.policy))
    explanation = decision.explanation
    decisive = explanation.decisive
    yield row("rule", str(decisive))
    for other in explanation.heard:
        if other is not decisive:
            yield row("also", str(other))
    for other, why in explanation.set_aside:
        yield row("set aside", f"{other}; {why}")
    yield row("to change", decisive.remedy)


def _trial_rows(trial: Trial) -> Iterator[Row]:
    for shortfall in trial.shortfalls:
        yield row("tried", _problem_text(shortfall), _DOUBTFUL)
    if trial.problem is not None:
        yield row("connection", _problem_text(trial.problem), _BAD)
    if (outcome := trial.outcome) is not None:
        style = _DOUBTFUL if outcome.level is TLSLevel.NONE else _GOOD
        yield row("connection", f"{trial.peer_address}: {outcome}", style)
    for statement in trial.fallen_short:
        yield row("not met", str(statement), _DOUBTFUL)


def _result_rows(explained: ExplainedDestination) -> Iterator[Row]:
    if not explained.can_validate:
        yield row(
            "DNSSEC",
            "unknown: no name server on loopback was asked, and others are not believed about it. "
            "Whether DANE applies cannot be told.",
            _DOUBTFUL,
        )
    if explained.left_out:
        yield row("left out", f"{explained.left_out} more servers were not examined")
    yield _action_row(explained.action)
    style, words = _VERDICTS[explained.verdict]
    yield row("verdict", words, style)


def _action_row(action: Action) -> Row:
    return row("sender", f"would {action.value}", _ACTION_STYLES[action])


def _problem_text(problem: MailError) -> str:
    return f"{problem.text}. {problem.hint}" if problem.hint else f"{problem.text}."
