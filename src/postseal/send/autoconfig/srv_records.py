"""SRV records that say where mail programs send and read mail (RFC 6186 3, RFC 8314 5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from postseal.dns import SRV, NameDoesNotExist, Resolver
from postseal.errors import MailError
from postseal.send.autoconfig.account import AccountSettings, Service
from postseal.tls.channel import Opening

__all__ = ["FoundServices", "NamedService", "find_submission", "service_records", "write_zone"]

_LABELS: Final = {
    (Service.SUBMISSION, Opening.IMPLICIT): "_submissions._tcp",
    (Service.SUBMISSION, Opening.STARTTLS): "_submission._tcp",
    (Service.IMAP, Opening.IMPLICIT): "_imaps._tcp",
    (Service.IMAP, Opening.STARTTLS): "_imap._tcp",
    (Service.POP3, Opening.IMPLICIT): "_pop3s._tcp",
    (Service.POP3, Opening.STARTTLS): "_pop3._tcp",
}
_MAX_RECORDS: Final = 4


@dataclass(frozen=True, slots=True)
class NamedService:
    """A server for submission as an SRV record names it; `authentic` is DNSSEC's word for it."""

    host: str
    port: int
    opening: Opening
    authentic: bool


@dataclass(frozen=True, slots=True)
class FoundServices:
    """What the SRV records of a domain say about submission.

    `services` come in the order to be tried in; `declined` are the names of services of which the
    domain says that they are not to be had, `problems` the lookups that failed.
    """

    services: tuple[NamedService, ...] = ()
    declined: tuple[str, ...] = ()
    problems: tuple[MailError, ...] = ()


async def find_submission(resolver: Resolver, domain: str) -> FoundServices:
    """Look both services up; TLS from the first octet goes before STARTTLS (RFC 8314 3, 5.1).

    Within a service, lower priorities and then higher weights come first: whoever examines wants
    the same order each time, not a share of the load (RFC 2782).
    """
    services: list[NamedService] = []
    declined: list[str] = []
    problems: list[MailError] = []
    for opening in (Opening.IMPLICIT, Opening.STARTTLS):
        name = f"{_LABELS[Service.SUBMISSION, opening]}.{domain}"
        try:
            answer = await resolver.srv(name)
        except NameDoesNotExist:
            continue
        except MailError as problem:
            problems.append(problem)
            continue
        ranked = sorted(answer.records, key=lambda record: (record.priority, -record.weight))
        if any(not record.host for record in ranked):
            declined.append(name)
            continue
        services += [
            NamedService(record.host, record.port, opening, answer.authentic)
            for record in ranked[:_MAX_RECORDS]
        ]
    return FoundServices(tuple(services), tuple(declined), tuple(problems))


def service_records(settings: AccountSettings) -> tuple[tuple[str, SRV], ...]:
    """Give the records to publish: each name with its record.

    Servers of one service come in the order of the settings. A service that the settings do not
    have is declined with the target "." (RFC 6186 3.4), so that no program goes looking for it
    where nothing is sealed.
    """
    return tuple(_records(settings))


def write_zone(settings: AccountSettings) -> str:
    """Write the records as lines of a master file (RFC 1035 5)."""
    return "".join(
        f"{name}. 3600 IN SRV {record.priority} {record.weight} {record.port} {record.host}.\n"
        for name, record in service_records(settings)
    )


def _records(settings: AccountSettings) -> Iterator[tuple[str, SRV]]:
    for (service, opening), label in _LABELS.items():
        name = f"{label}.{settings.domain}"
        ranked = enumerate(settings.of(service))
        servers = [(rank, one) for rank, one in ranked if one.opening is opening]
        for rank, server in servers:
            # Also across both services of a kind: RFC 6186 3.4 lets priorities say which is meant.
            yield name, SRV(rank, 1, server.port, server.host)
        if not servers:
            yield name, SRV(0, 0, 0, "")
