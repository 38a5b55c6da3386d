"""dnspython's records turned into Postseal's, with whatever no mail server can use left out."""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeVar

import dns.name
import dns.rdata
import dns.rdtypes.ANY.MX
import dns.rdtypes.IN.SRV
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from postseal.dns.answers import MX, SRV, Answer, ResolverFailure
from postseal.dns.messages import host_text
from postseal.errors import InvalidInput, Phase
from postseal.tls.tlsa import TLSA

__all__ = ["addresses_of", "exchangers_of", "services_of", "texts_of", "tlsa_of"]

T = TypeVar("T")

_NUMBER: Final = re.compile(r"(?:\d+|0x[0-9a-f]*)\Z", re.ASCII)


def exchangers_of(answer: Answer[dns.rdata.Rdata]) -> Answer[MX]:
    """Give the MX records by preference, without those whose host is none.

    Raises `ResolverFailure` where no other are left: the domain means to take mail, and a null MX
    or no MX is another thing.
    """
    records = [
        MX(rdata.preference, host)
        for rdata in answer.records
        if isinstance(rdata, dns.rdtypes.ANY.MX.MX) and (host := _host(rdata.exchange)) is not None
    ]
    if answer.records and not records:
        raise ResolverFailure(f"no MX record of {answer.name} names a host", phase=Phase.RESOLVE)
    return _with(answer, tuple(sorted(records)))


def addresses_of(answer: Answer[dns.rdata.Rdata]) -> Answer[IPv4Address | IPv6Address]:
    """Give the addresses of A or AAAA records."""
    return _with(
        answer,
        tuple(
            ipaddress.ip_address(rdata.address)
            for rdata in answer.records
            if isinstance(rdata, A | AAAA)
        ),
    )


def tlsa_of(answer: Answer[dns.rdata.Rdata]) -> Answer[TLSA]:
    """Give the TLSA records, unusable ones included: they count as well (RFC 7672 2.2).

    Raises `ResolverFailure` for one that is too short to be any.
    """
    try:
        records = tuple(
            TLSA.from_wire(rdata.data)
            for rdata in answer.records
            if isinstance(rdata, dns.rdata.GenericRdata)
        )
    except InvalidInput as error:
        raise ResolverFailure(error.text, phase=Phase.RESOLVE) from error
    return _with(answer, records)


def texts_of(answer: Answer[dns.rdata.Rdata]) -> Answer[str]:
    """Give the TXT records, the strings of each joined without a space between them."""
    return _with(
        answer,
        tuple(
            b"".join(rdata.strings).decode("latin-1")
            for rdata in answer.records
            if isinstance(rdata, TXT)
        ),
    )


def services_of(answer: Answer[dns.rdata.Rdata]) -> Answer[SRV]:
    """Give the SRV records by priority, without those whose host or port is none.

    Raises `ResolverFailure` where no other are left: the service is meant to be had.
    """
    records = [
        SRV(rdata.priority, rdata.weight, rdata.port, host)
        for rdata in answer.records
        if isinstance(rdata, dns.rdtypes.IN.SRV.SRV)
        and (host := _host(rdata.target)) is not None
        and (rdata.port or not host)
    ]
    if answer.records and not records:
        raise ResolverFailure(f"no SRV record of {answer.name} names a host", phase=Phase.RESOLVE)
    return _with(answer, tuple(sorted(records)))


def _host(name: dns.name.Name) -> str | None:
    host = host_text(name)
    if host and _NUMBER.match(host.rpartition(".")[2]):
        # RFC 5321 5.1 wants a name. The system would connect to 127.0.0.1 for "127.1" as well.
        return None
    return host


def _with(answer: Answer[dns.rdata.Rdata], records: tuple[T, ...]) -> Answer[T]:
    return Answer(records, answer.authentic, answer.name, answer.ttl)
