"""An examination as JSON, in a shape that programs can rely on: `docs/doctor.md` describes it."""

from __future__ import annotations

from typing import Final

from postseal.send.autoconfig.examined import Examination, ExaminedLogin, ExaminedServer
from postseal.send.autoconfig.probing import Probe
from postseal.send.autoconfig.published import PublishedFile
from postseal.send.doctor.diagnosis import Diagnosis
from postseal.send.explanation.explained_json import lookup_json, outcome_json
from postseal.tls.reports.writing import JSONValue

__all__ = ["examined_json"]

_VERSION: Final = 1


def examined_json(examination: Examination) -> dict[str, JSONValue]:
    """Give an examination as JSON; every member is there, null where nothing is known."""
    login, best = examination.login, examination.best
    return {
        "version": _VERSION,
        "subject": examination.subject.name,
        "verdict": examination.health.value,
        "url": best.candidate.url if best else None,
        "mechanism": best.mechanism if best else None,
        "login": _login(login) if login else None,
        "diagnoses": [_diagnosis(one) for one in examination.diagnoses],
        "servers": [_server(one) for one in examination.servers],
        "unknown_hosts": [*examination.unknown_hosts],
        "lookups": [lookup_json(one) for one in examination.lookups],
        "files": [_file(one) for one in examination.files],
    }


def _login(login: ExaminedLogin) -> JSONValue:
    return {"url": login.candidate.url, "diagnosis": _diagnosis(login.diagnosis)}


def _server(server: ExaminedServer) -> JSONValue:
    other = server.probe.other
    return {
        **_probe(server.probe),
        "diagnosis": _diagnosis(server.diagnosis),
        "other": _probe(other) if other else None,
    }


def _probe(tried: Probe) -> dict[str, JSONValue]:
    candidate = tried.candidate
    return {
        "host": candidate.host,
        "port": candidate.port,
        "opening": candidate.opening.value,
        "origin": candidate.origin.name.lower(),
        "voucher": candidate.voucher.name.lower(),
        "url": candidate.url,
        "peer_address": tried.peer_address or None,
        "tls": outcome_json(tried.tls),
        "mechanisms": [*tried.mechanisms],
        "mechanism": tried.mechanism,
    }


def _diagnosis(diagnosis: Diagnosis | None) -> JSONValue:
    if diagnosis is None:
        return None
    return {
        "ailment": diagnosis.ailment.name.lower(),
        "text": diagnosis.text,
        "remedy": diagnosis.remedy,
        "names": [*diagnosis.names],
    }


def _file(published: PublishedFile) -> JSONValue:
    settings, problem = published.settings, published.problem
    return {
        "url": published.url,
        "servers": None if settings is None else len(settings.servers),
        "problem": problem.text if problem else None,
    }
