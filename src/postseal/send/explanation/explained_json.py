"""An explanation as JSON, in a shape that programs can rely on: `docs/explain.md` describes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from postseal.dns import MX, SRV
from postseal.dns.recording import RecordedLookup, ResourceRecord
from postseal.errors import (
    CertificateRejected,
    MailError,
    PolicyUnavailable,
    TLSError,
)
from postseal.send.explanation.explained import ExplainedDestination, ExplainedServer, Trial
from postseal.send.mx.dane import DaneFinding
from postseal.send.mx.mta_sts import DiscoveredPolicy
from postseal.tls import PeerProof, TLSLevel, TLSOutcome
from postseal.tls.ladder import Decision, Deliver, Stance, Statement
from postseal.tls.mta_sts import MTAStsPolicy
from postseal.tls.reports.writing import JSONValue
from postseal.tls.tlsa import TLSA

__all__ = ["explained_json", "lookup_json", "outcome_json", "record_text"]

_VERSION: Final = 1
_SANCTIONS: Final = (Stance.DEFERS, Stance.REFUSES)


def explained_json(explained: ExplainedDestination) -> dict[str, JSONValue]:
    """Give an explanation as JSON; every member is there, null where nothing is known."""
    return {
        "version": _VERSION,
        "domain": explained.domain,
        "port": explained.port,
        "can_validate": explained.can_validate,
        "action": explained.action.value,
        "verdict": explained.verdict.value,
        "lookups": [lookup_json(one) for one in explained.lookups],
        "mta_sts": _mta_sts(explained.mta_sts),
        "servers": [_server(one) for one in explained.servers],
        "servers_left_out": explained.left_out,
        "error": _error(explained.problem),
    }


def record_text(record: ResourceRecord) -> str:
    """Write a record's data as a master file has it; a TXT record is written as it is."""
    match record:
        case MX():
            return f"{record.preference} {record.host or '.'}"
        case SRV():
            return f"{record.priority} {record.weight} {record.port} {record.host or '.'}"
        case TLSA():
            numbers = f"{record.usage} {record.selector} {record.matching_type}"
            return f"{numbers} {record.data.hex()}"
        case _:
            return str(record)


def lookup_json(one: RecordedLookup) -> JSONValue:
    """Give one question to the DNS as JSON."""
    answer = one.answer
    return {
        "type": one.lookup.value,
        "name": one.name,
        "records": [record_text(record) for record in answer.records] if answer else [],
        "found_at": answer.name if answer else None,
        "authentic": answer.authentic if answer else None,
        "error": _error(one.problem),
    }


def _mta_sts(found: DiscoveredPolicy | None) -> JSONValue:
    if found is None:
        return None
    return {"policy": _policy(found.policy), "error": _error(found.problem)}


def _policy(policy: MTAStsPolicy | None) -> JSONValue:
    if policy is None:
        return None
    return {"mode": policy.mode.value, "mx": list(policy.mx), "max_age": policy.max_age}


def _server(server: ExplainedServer) -> JSONValue:
    return {
        "host": server.host,
        "preference": server.preference,
        "action": server.action.value,
        "verdict": server.verdict.value,
        "lookups": [lookup_json(one) for one in server.lookups],
        "dane": _dane(server.dane),
        "decision": _decision(server.decision),
        "connection": _trial(server.trial),
        "error": _error(server.problem),
    }


def _dane(finding: DaneFinding | None) -> JSONValue:
    if finding is None:
        return None
    return {
        "dns": finding.dns.value,
        "tlsa": finding.tlsa.value,
        "base_domain": finding.base_domain,
        "requirement": finding.requirement.value,
    }


def _decision(decision: Decision | None) -> JSONValue:
    if decision is None:
        return None
    explanation = decision.explanation
    policy: JSONValue = None
    if isinstance(decision, Deliver):
        level = decision.policy.level
        policy = {"level": level.word, "proofs": _proofs(level, decision.policy.proofs)}
    return {
        "policy": policy,
        "rule": _statement(explanation.decisive),
        "heard": [_statement(one) for one in explanation.heard],
        "set_aside": [
            {"rule": _statement(one), "because": why} for one, why in explanation.set_aside
        ],
    }


def _statement(statement: Statement) -> JSONValue:
    has_level = statement.stance not in _SANCTIONS
    return {
        "source": statement.source.value,
        "stance": statement.stance.value,
        "level": statement.level.word if has_level else None,
        "proofs": _proofs(statement.level, statement.proofs) if has_level else [],
        "found": statement.found,
        "remedy": statement.remedy,
    }


def _proofs(level: TLSLevel, proofs: Iterable[PeerProof]) -> list[JSONValue]:
    return [*sorted(proof.value for proof in proofs)] if level is TLSLevel.AUTHENTICATED else []


def _trial(trial: Trial | None) -> JSONValue:
    if trial is None:
        return None
    return {
        "peer_address": trial.peer_address or None,
        "tls": outcome_json(trial.outcome),
        "shortfalls": [_error(one) for one in trial.shortfalls],
        "fallen_short": [_statement(one) for one in trial.fallen_short],
        "error": _error(trial.problem),
    }


def outcome_json(outcome: TLSOutcome | None) -> JSONValue:
    """Give what a handshake gave as JSON."""
    if outcome is None:
        return None
    return {
        "level": outcome.level.word,
        "version": outcome.version,
        "cipher": outcome.cipher,
        "group": outcome.group,
        "proof": outcome.proof and outcome.proof.value,
        "authenticated_by": outcome.authenticated_by or None,
        "peer_certificate": outcome.peer_certificate or None,
    }


def _error(error: MailError | None) -> JSONValue:
    if error is None:
        return None
    result_type = error.result_type if isinstance(error, TLSError | PolicyUnavailable) else None
    return {
        "kind": type(error).__name__,
        "text": error.text,
        "phase": error.phase and error.phase.value,
        "host": error.host,
        "hint": error.hint,
        "is_temporary": error.is_temporary,
        "result_type": result_type and result_type.value,
        "reason": error.reason.value if isinstance(error, CertificateRejected) else None,
    }
