"""Diagnoses that take more than one error to see: what else was found out about the same server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from postseal.errors import MailError, StartTLSStripped
from postseal.send.autoconfig.account import Service
from postseal.send.autoconfig.candidates import Candidate, Origin, Voucher
from postseal.send.autoconfig.probing import Probe
from postseal.send.autoconfig.published import PublishedFile
from postseal.send.autoconfig.srv_records import FoundServices
from postseal.send.doctor.diagnosing import diagnose
from postseal.send.doctor.diagnosis import Ailment, Diagnosis
from postseal.tls.channel import Opening

__all__ = [
    "judge_candidate",
    "judge_files",
    "judge_records",
    "lookup_failed",
    "not_vouched_for",
    "nowhere",
    "tokens_only",
]

_RELAY_PORT: Final = 25
_OWN_REMEDY: Final = "Publish a server with the socketType SSL instead (`postseal client-config`)."
_MOZILLAS_REMEDY: Final = (
    "Publish a file of the domain's own, which programs ask for first (`postseal client-config`), "
    "and have the entry corrected: https://github.com/thunderbird/autoconfig."
)


def judge_candidate(tried: Probe, others: Iterable[Probe]) -> Diagnosis | None:
    """Say what is wrong with one server; None where one can log in to it with a password."""
    if tried.other is not None:
        return _other_opening(tried.other)
    if isinstance(tried.problem, StartTLSStripped):
        return _no_starttls(tried, tried.problem, others)
    if tried.problem is not None:
        return diagnose(tried.problem)
    if not tried.mechanisms:
        return _no_login(tried.candidate)
    return None if tried.mechanism else tokens_only(tried)


def judge_records(found: FoundServices) -> Iterator[Diagnosis]:
    """Say what is wrong with the SRV records of a domain."""
    if found.declined and not found.services:
        yield Diagnosis(
            Ailment.DECLINED,
            f"the target of {' and '.join(found.declined)} is '.': there is no such service",
            "Mail of this domain is not handed in by SMTP, or the record is wrong.",
        )
    for problem in found.problems:
        yield lookup_failed(problem)


def judge_files(files: Iterable[PublishedFile]) -> Iterator[Diagnosis]:
    """Say what is wrong with the files of settings for a domain."""
    for one in files:
        remedy = _OWN_REMEDY if one.place.origin is Origin.FILE else _MOZILLAS_REMEDY
        for server in one.settings.of(Service.SUBMISSION) if one.settings is not None else ():
            if server.opening is None:
                yield Diagnosis(
                    Ailment.PUBLISHED_IN_CLEAR,
                    f"{one.url} has mail programs connect to port {server.port} of "
                    f"{server.host} in clear, passwords and all",
                    remedy,
                )


def nowhere(name: str, unknown_hosts: Sequence[str]) -> Diagnosis:
    """Say that there is nothing to connect to: none of the names has an address."""
    if list(unknown_hosts) == [name]:
        return Diagnosis(
            Ailment.NAME_MISSING,
            f"{name} does not exist, or has no address",
            "Is the name spelt right?",
        )
    return Diagnosis(
        Ailment.NOTHING_FOUND,
        f"{name} publishes no server, and these names have no address: {', '.join(unknown_hosts)}",
        "Ask the provider for the name of the server, and give that.",
    )


def lookup_failed(problem: MailError) -> Diagnosis:
    """Say that an answer of the DNS could not be had."""
    return Diagnosis.of(problem, Ailment.DNS_FAILED, "Ask another name server with --resolver.")


def tokens_only(tried: Probe) -> Diagnosis:
    """Say that a password is of no use at a server."""
    return Diagnosis(
        Ailment.TOKENS_ONLY,
        f"the server offers {', '.join(tried.mechanisms)}, and no password goes by these",
        "Log in with an OAuth 2.0 token: Mailer(..., token=...).",
    )


def not_vouched_for(candidate: Candidate) -> Diagnosis:
    """Say why the credentials were not given to a server."""
    if candidate.voucher is Voucher.THIRD_PARTY:
        who, why = "Mozilla's database", "nobody of the domain says so"
    else:
        who, why = "the DNS", "nothing proves that the answer was not forged"
    return Diagnosis(
        Ailment.NOT_VOUCHED_FOR,
        f"{who} says that mail is handed to {candidate.host}, which lies in another domain, and "
        f"{why}; the password was not sent",
        f"If that is the right server, name it: postseal doctor {candidate.host} "
        f"--user {candidate.username or 'USER'}.",
    )


def _other_opening(other: Probe) -> Diagnosis:
    url = other.candidate.url
    if other.problem is not None:
        then = f"There is more: {diagnose(other.problem).text}."
    else:
        then = f"Use {url}."
    if other.candidate.opening is Opening.IMPLICIT:
        return Diagnosis(
            Ailment.SPEAKS_TLS, "the server says nothing before the TLS handshake begins", then
        )
    return Diagnosis(
        Ailment.SPEAKS_PLAINTEXT, "the server greets in clear; TLS begins by STARTTLS here", then
    )


def _no_starttls(tried: Probe, problem: StartTLSStripped, others: Iterable[Probe]) -> Diagnosis:
    candidate = tried.candidate
    if tried.masked:
        return Diagnosis(
            Ailment.STARTTLS_STRIPPED,
            f"{', '.join(tried.masked)} is in the place of a keyword in the reply to EHLO: a "
            "firewall on the path writes over what it does not want to pass",
            "Have it stop inspecting SMTP (Cisco: fixup or inspect esmtp), or use port 465.",
        )
    if candidate.origin.is_published:
        return Diagnosis(
            Ailment.STARTTLS_STRIPPED,
            f"{problem.text}; by {candidate.origin.value} it should be",
            "Somebody on the path removes the offer, or the server's TLS is not set up: compare "
            "from another network.",
        )
    sealed = [
        str(one.candidate.port)
        for one in others
        if one.tls is not None and one.candidate.host == candidate.host
    ]
    if sealed:
        return Diagnosis(
            Ailment.NO_STARTTLS,
            f"{problem.text}, though the same host has TLS at port {', '.join(sealed)}",
            f"Use port {sealed[0]}. If this one has STARTTLS from elsewhere, somebody on the path "
            "removes the offer.",
        )
    return diagnose(problem)


def _no_login(candidate: Candidate) -> Diagnosis:
    if candidate.port == _RELAY_PORT:
        return Diagnosis(
            Ailment.NO_LOGIN,
            "the server offers no AUTH: port 25 is for mail between servers",
            "Hand mail in at port 465 or 587.",
        )
    return Diagnosis(
        Ailment.NO_LOGIN,
        "the server offers no AUTH, not under TLS either",
        "Its operator must enable authentication for this port.",
    )
