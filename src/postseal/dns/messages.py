"""What a query asks and what a response means (RFC 1034 4.3, RFC 2308, RFC 4035).

A response is believed as far as it makes sense, and no further: what is neither records nor a
proper denial is a `ResolverFailure`.
"""

from __future__ import annotations

import math
import re
from enum import Enum, unique
from typing import Final

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdata
from dns.flags import Flag
from dns.rcode import Rcode
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.SOA import SOA

from postseal.address import ascii_domain
from postseal.dns.answers import Answer, NameDoesNotExist, ResolverFailure
from postseal.dns.wire import Response
from postseal.errors import InvalidAddress, MailError, Phase

__all__ = ["Checking", "host_text", "make_query", "read_response"]

# What passes everywhere without fragments, as agreed on the DNS flag day of 2020.
_UDP_PAYLOAD: Final = 1232
_MAX_RECORDS: Final = 256
_MAX_ALIASES: Final = 16
_LABEL: Final = re.compile(r"[A-Za-z0-9_-]{1,63}\Z", re.ASCII)


@unique
class Checking(Enum):
    """Whether the name server keeps back what it cannot validate: the CD bit (RFC 4035 3.2.2)."""

    ENABLED = 0
    DISABLED = int(Flag.CD)


def make_query(
    name: str, rdtype: RdataType, *, checking: Checking = Checking.ENABLED
) -> dns.message.QueryMessage:
    """Make a query that asks for recursion and for the verdict of DNSSEC (AD and DO).

    Its id is random. Raises `NameDoesNotExist` for what cannot be a host's name in the DNS.
    """
    return dns.message.make_query(
        _read_name(name),
        rdtype,
        flags=Flag.RD | Flag.AD | checking.value,
        want_dnssec=True,
        payload=_UDP_PAYLOAD,
    )


def read_response(response: Response, *, trusted: bool) -> Answer[dns.rdata.Rdata]:
    """Give the records that a response has for its question, through all aliases.

    `trusted` says whether its AD bit is believed. Raises `NameDoesNotExist`, and `ResolverFailure`
    for a response code that says nothing about the name and for what makes no sense.
    """
    if response.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
        raise _failure(f"the answer is {dns.rcode.to_text(Rcode.make(response.rcode))}")
    target, ttl = _follow(response)
    name = host_text(target)
    if name is None:
        raise _failure("the answer is an alias of what is no name of a host")
    authentic = trusted and response.says_authentic
    found = [
        record
        for record in response.answer
        if record.rdtype == response.rdtype and record.name == target
    ]
    if found:
        if response.rcode == Rcode.NXDOMAIN:
            raise _failure("the answer is NXDOMAIN, and has records of the name all the same")
        if len(found) > _MAX_RECORDS:
            raise _failure(f"the answer has more than {_MAX_RECORDS} records")
        records = tuple(dict.fromkeys(record.data for record in found))
        return Answer(records, authentic, name, min(ttl, *(record.ttl for record in found)))
    ttl = min(ttl, _denial_ttl(response))
    if response.rcode == Rcode.NXDOMAIN:
        raise NameDoesNotExist(
            f"{name} does not exist",
            authentic=authentic,
            ttl=ttl,
            phase=Phase.RESOLVE,
            enhanced_code="5.1.2",
        )
    return Answer((), authentic, name, ttl)


def host_text(name: dns.name.Name) -> str | None:
    """Write a name in lower case without the final dot, `""` for the root.

    None where a label has other characters than letters, digits, hyphens and underscores: no
    host is called so, and nothing else is let into host names.
    """
    labels = [label.decode("latin-1") for label in name.labels[:-1]]
    if not all(_LABEL.match(label) for label in labels):
        return None
    return ".".join(labels).lower()


def _follow(response: Response) -> tuple[dns.name.Name, float]:
    """Give the name behind all aliases, and the least TTL of these."""
    name, ttl = response.name, math.inf
    for _ in range(_MAX_ALIASES):
        aliases = [
            record
            for record in response.answer
            if record.rdtype == RdataType.CNAME and record.name == name
        ]
        if not aliases:
            return name, ttl
        targets = {record.data.target for record in aliases if isinstance(record.data, CNAME)}
        if len(targets) != 1:
            # RFC 2181 10.1
            raise _failure("the answer is an alias of several names at once")
        name = targets.pop()
        ttl = min(ttl, *(record.ttl for record in aliases))
    raise _failure(f"the answer is a chain of more than {_MAX_ALIASES} aliases")


def _denial_ttl(response: Response) -> float:
    """Tell for how long it may be kept that there is nothing."""
    ttls = [
        min(record.ttl, record.data.minimum)
        for record in response.authority
        if isinstance(record.data, SOA)
    ]
    if not ttls and response.authority:
        # RFC 2308 2.2.1: name servers without SOA are a referral, and no denial.
        raise _failure("the name server refers to others instead of asking them")
    # RFC 2308 5: without SOA it is not to be kept.
    return min(ttls, default=0.0)


def _read_name(text: str) -> dns.name.Name:
    try:
        labels = ascii_domain(text.removesuffix(".")).split(".")
        if wrong := [label for label in labels if not _LABEL.match(label)]:
            raise _no_name(text, f"{wrong[0][:80]!a} is no label")
        return dns.name.Name([*(label.encode("ascii") for label in labels), b""])
    except (InvalidAddress, dns.exception.DNSException) as error:
        raise _no_name(text, str(error)) from None


def _no_name(text: str, why: str) -> MailError:
    shown = ascii(text if len(text) <= 80 else f"{text[:77]}...")
    return NameDoesNotExist(
        f"{shown} cannot be in the DNS: {why}", phase=Phase.RESOLVE, enhanced_code="5.1.2"
    )


def _failure(text: str) -> MailError:
    return ResolverFailure(text, phase=Phase.RESOLVE)
