"""Where a server for submission may be when nobody says so: usual names, usual ports, and the MX.

Mail programs guess alike; large providers are known by the names of their mail exchangers.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from postseal.dns import MX, Answer
from postseal.send.autoconfig.candidates import Candidate, Origin, Voucher, lies_within
from postseal.tls.channel import Opening

__all__ = ["PORTS", "GuessedHost", "guess_at", "guess_hosts", "is_ip_address"]

PORTS: Final = (465, 587, 2525, 25)
"""Where submission is looked for, the best first; 25 is for mail between servers (RFC 6409 3.1)."""

_IMPLICIT_TLS: Final = 465
_MAX_EXCHANGERS: Final = 2
# The domain that a provider's mail exchangers are in, and where its users hand in their mail.
_PROVIDERS: Final = {
    "google.com": "smtp.gmail.com",
    "googlemail.com": "smtp.gmail.com",
    "icloud.com": "smtp.mail.me.com",
    "messagingengine.com": "smtp.fastmail.com",
    "outlook.com": "smtp.office365.com",
    "yahoodns.net": "smtp.mail.yahoo.com",
    "zoho.com": "smtp.zoho.com",
    "zoho.eu": "smtp.zoho.eu",
}


@dataclass(frozen=True, slots=True)
class GuessedHost:
    """A host to look at, and who vouches for it."""

    host: str
    voucher: Voucher


def guess_hosts(
    subject: str, *, exchangers: Answer[MX] | None, is_named: bool
) -> tuple[GuessedHost, ...]:
    """Give the hosts to look at, the likeliest first.

    The subject is a host that somebody named (`is_named`) or the domain of an address; an IP
    address stands for itself alone.
    """
    if is_ip_address(subject):
        return (GuessedHost(subject, Voucher.CALLER),)
    named = [GuessedHost(subject, Voucher.CALLER if is_named else Voucher.DOMAIN)]
    usual = [GuessedHost(f"{label}.{subject}", Voucher.DOMAIN) for label in ("smtp", "mail")]
    providers: list[GuessedHost] = []
    others: list[GuessedHost] = []
    for record in exchangers.records[:_MAX_EXCHANGERS] if exchangers else ():
        known = [where for theirs, where in _PROVIDERS.items() if lies_within(record.host, theirs)]
        if known:
            # The certificate proves the provider; that the mailbox is there, the DNS alone says.
            providers.append(GuessedHost(known[0], _vouch(known[0], subject, exchangers)))
        elif record.host:
            others.append(GuessedHost(record.host, _vouch(record.host, subject, exchangers)))
    order = [*named, *providers, *usual] if is_named else [*providers, *usual, *named]
    distinct: dict[str, GuessedHost] = {}
    for one in [*order, *others]:
        distinct.setdefault(one.host, one)
    return tuple(distinct.values())


def guess_at(
    place: GuessedHost, *, ports: tuple[int, ...] = PORTS, username: str | None = None
) -> tuple[Candidate, ...]:
    """Give the candidates at one host, the best first: TLS from the first octet at 465 alone."""
    return tuple(
        Candidate(
            host=place.host,
            port=port,
            opening=Opening.IMPLICIT if port == _IMPLICIT_TLS else Opening.STARTTLS,
            origin=Origin.GUESS,
            voucher=place.voucher,
            username=username,
        )
        for port in ports
    )


def is_ip_address(text: str) -> bool:
    """Tell whether a host is given by its address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _vouch(host: str, domain: str, answer: Answer[MX] | None) -> Voucher:
    if lies_within(host, domain):
        return Voucher.DOMAIN
    return Voucher.DNSSEC if answer is not None and answer.authentic else Voucher.NOBODY
