"""An examination as people read it: what is published, each server, the login, the URL to use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.text import Text

from postseal.cli.answer_rows import lookup_rows, row
from postseal.cli.layout import Row, Section
from postseal.cli.output import terminal_safe
from postseal.dns import Lookup
from postseal.send.autoconfig.examined import Examination, ExaminedLogin, ExaminedServer, Health
from postseal.send.autoconfig.probing import Probe
from postseal.send.autoconfig.published import PublishedFile
from postseal.send.doctor.diagnosis import Ailment, Diagnosis

__all__ = ["examined_text"]

_GOOD, _DOUBTFUL, _BAD = "green", "yellow", "red"
_VERDICTS: Final = {
    Health.WORKS: (_GOOD, "works"),
    Health.FAULTY: (_BAD, "something is wrong: see above"),
    Health.INCONCLUSIVE: (_DOUBTFUL, "inconclusive: something could not be had, see above"),
}


def examined_text(examination: Examination) -> Iterator[Section]:
    """Lay out an examination for a terminal; nothing in it obeys a stranger."""
    yield Section(_title(examination), tuple(_domain_rows(examination)))
    for server in examination.servers:
        yield Section(_server_title(server), tuple(_server_rows(server)))
    if examination.login is not None:
        login = examination.login
        yield Section(Text(f"Login at {login.candidate.host}"), tuple(_login_rows(login)))
    yield Section(Text("Result"), tuple(_result_rows(examination)))


def _title(examination: Examination) -> Text:
    subject = examination.subject
    return Text(terminal_safe(f"Mail from {subject.address or subject.name}"))


def _domain_rows(examination: Examination) -> Iterator[Row]:
    about_all = [one for one in examination.lookups if one.lookup is not Lookup.ADDRESSES]
    yield from lookup_rows(about_all, examination.subject.name)
    for published in examination.files:
        yield row("settings", _file_text(published), _DOUBTFUL if published.problem else "")
    for host in examination.unknown_hosts:
        yield row("guess", f"{host}: no address")
    for diagnosis in examination.diagnoses:
        yield from _diagnosis_rows(diagnosis)


def _file_text(published: PublishedFile) -> str:
    if published.problem is not None:
        return f"{published.url}: {published.problem.text}"
    if published.settings is None:
        return f"{published.url}: none"
    return f"{published.url}: {len(published.settings.servers)} servers"


def _server_title(server: ExaminedServer) -> Text:
    candidate = server.probe.candidate
    return Text(f"{candidate.host}, port {candidate.port}, by {candidate.origin.value}")


def _server_rows(server: ExaminedServer) -> Iterator[Row]:
    if server.diagnosis is not None:
        yield from _diagnosis_rows(server.diagnosis)
    for tried in (server.probe, server.probe.other):
        if tried is not None and tried.problem is None:
            yield from _found_rows(tried)


def _found_rows(tried: Probe) -> Iterator[Row]:
    yield row("URL", tried.candidate.url)
    yield row("TLS", f"{tried.peer_address}: {tried.tls}", _GOOD)
    if tried.mechanisms:
        by = f"; a password goes by {tried.mechanism}" if tried.mechanism else ""
        yield row("AUTH", f"{', '.join(tried.mechanisms)}{by}")


def _login_rows(login: ExaminedLogin) -> Iterator[Row]:
    yield row("as", login.candidate.username or "")
    if login.diagnosis is None:
        yield row("login", "taken", _GOOD)
    else:
        yield from _diagnosis_rows(login.diagnosis)


def _diagnosis_rows(diagnosis: Diagnosis) -> Iterator[Row]:
    is_serious = not diagnosis.ailment.is_inconclusive
    is_serious = is_serious and diagnosis.ailment is not Ailment.TOKENS_ONLY
    yield row("diagnosis", diagnosis.ailment.value, _BAD if is_serious else _DOUBTFUL)
    yield row("seen", diagnosis.text)
    if diagnosis.names:
        yield row("names", ", ".join(diagnosis.names))
    yield row("remedy", diagnosis.remedy)


def _result_rows(examination: Examination) -> Iterator[Row]:
    style, words = _VERDICTS[examination.health]
    yield row("verdict", words, style)
    if (best := examination.best) is None:
        return
    candidate = best.candidate
    if not candidate.voucher.is_enough:
        yield row("careful", f"Who says that this is the server: {candidate.voucher}.", _DOUBTFUL)
    yield row("use", f'Mailer("{candidate.url}")', _GOOD)
