"""The octets of a response read into records (RFC 1035 4.1), as far as a lookup needs them.

Not dnspython's own reader of whole messages: that refuses a message for one record that is odd, and
RFC 7672 2.2 wants odd TLSA records counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import dns.message
import dns.name
import dns.opcode
import dns.rdata
from dns.edns import EDECode, OptionType
from dns.exception import FormError
from dns.flags import Flag
from dns.opcode import Opcode
from dns.rcode import Rcode
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType
from dns.wire import Parser

__all__ = ["Record", "Response", "parse_response"]

_LOW_RCODE: Final = 0xF
# Reading takes time by the thousand, and nobody's mail has so many servers.
_MAX_RECORDS: Final = 512

# RFC 8914 4: the codes by which a resolver says that validation failed.
_BOGUS: Final = frozenset(
    {
        EDECode.DNSSEC_INDETERMINATE,
        EDECode.DNSSEC_BOGUS,
        EDECode.SIGNATURE_EXPIRED,
        EDECode.SIGNATURE_NOT_YET_VALID,
        EDECode.DNSKEY_MISSING,
        EDECode.RRSIGS_MISSING,
        EDECode.NO_ZONE_KEY_BIT_SET,
        EDECode.NSEC_MISSING,
        EDECode.SIGNATURE_EXPIRED_BEFORE_VALID,
    }
)


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the Internet class; TLSA comes as `GenericRdata`, octet by octet as it was."""

    name: dns.name.Name
    rdtype: int
    ttl: int
    data: dns.rdata.Rdata


@dataclass(frozen=True, slots=True)
class Response:
    """What a name server says to a query.

    `answer` has the records of the type that was asked for and aliases, `authority` those of SOA
    and NS. Of a truncated response nothing else is read. `says_bogus` is an extended error by
    which validation failed (RFC 8914).
    """

    name: dns.name.Name
    rdtype: int
    rcode: int
    is_truncated: bool = False
    says_authentic: bool = False
    says_bogus: bool = False
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()


def parse_response(query: dns.message.QueryMessage, wire: bytes) -> Response | None:
    """Read a message; None where it is no response or answers another query.

    Raises dnspython's `DNSException` for octets that are no message.
    """
    parser = Parser(wire)
    ident, flags, questions, answers, authorities, extras = parser.get_struct("!HHHHHH")
    (asked,) = query.question
    if ident != query.id or not flags & Flag.QR or dns.opcode.from_flags(flags) != Opcode.QUERY:
        return None
    if questions:
        question = (dns.name.from_wire_parser(parser), *parser.get_struct("!HH"))
        if questions != 1 or question != (asked.name, asked.rdtype, asked.rdclass):
            return None
    elif flags & _LOW_RCODE in (Rcode.NOERROR, Rcode.NXDOMAIN):
        # Only who fails may leave out what he was asked.
        return None
    if flags & Flag.TC:
        return Response(asked.name, asked.rdtype, flags & _LOW_RCODE, is_truncated=True)
    if answers + authorities + extras > _MAX_RECORDS:
        raise FormError(  # type: ignore[no-untyped-call]
            f"it has more than {_MAX_RECORDS} records"
        )
    answer = tuple(_records(parser, answers, {asked.rdtype, RdataType.CNAME}))
    authority = tuple(_records(parser, authorities, {RdataType.SOA, RdataType.NS}))
    high_rcode, errors = _extension(parser, extras)
    return Response(
        asked.name,
        asked.rdtype,
        rcode=high_rcode << 4 | flags & _LOW_RCODE,
        says_authentic=bool(flags & Flag.AD),
        says_bogus=not errors.isdisjoint(_BOGUS),
        answer=answer,
        authority=authority,
    )


def _records(parser: Parser, count: int, wanted: set[RdataType]) -> Iterator[Record]:
    for _ in range(count):
        name = dns.name.from_wire_parser(parser)
        rdtype, rdclass, ttl, size = parser.get_struct("!HHIH")
        with parser.restrict_to(size):
            if rdtype not in wanted or rdclass != RdataClass.IN:
                parser.get_remaining()
                continue
            data = _data(RdataType(rdtype), parser)
        # RFC 2181 8: a TTL with its highest bit set is none.
        yield Record(name, rdtype, 0 if ttl >> 31 else ttl, data)


def _data(rdtype: RdataType, parser: Parser) -> dns.rdata.Rdata:
    if rdtype is RdataType.TLSA:
        return dns.rdata.GenericRdata(RdataClass.IN, rdtype, parser.get_remaining())
    return dns.rdata.from_wire_parser(RdataClass.IN, rdtype, parser)


def _extension(parser: Parser, count: int) -> tuple[int, frozenset[int]]:
    """Give the upper bits of the response code, and the extended errors (RFC 6891 6.1.3)."""
    high_rcode, errors = 0, set[int]()
    for _ in range(count):
        dns.name.from_wire_parser(parser)
        rdtype, _, ttl, size = parser.get_struct("!HHIH")
        with parser.restrict_to(size):
            if rdtype != RdataType.OPT:
                parser.get_remaining()
                continue
            high_rcode = ttl >> 24
            while parser.remaining():
                option, length = parser.get_struct("!HH")
                value = parser.get_bytes(length)
                if option == OptionType.EDE:
                    errors.add(int.from_bytes(value[:2], "big"))
    return high_rcode, frozenset(errors)
