"""Whatever octets a name server sends, a lookup gives records of its own kind under printable
names, authentic only where the server is trusted, or raises NameDoesNotExist or ResolverFailure.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import dns.rdata
from dns.exception import DNSException
from dns.rdatatype import RdataType

from postseal.dns import MX, Answer, NameDoesNotExist, ResolverFailure
from postseal.dns.messages import make_query, read_response
from postseal.dns.records import addresses_of, exchangers_of, texts_of, tlsa_of
from postseal.dns.wire import parse_response
from postseal.tls.tlsa import TLSA

__all__ = ["run"]

_Reading = Callable[[Answer[dns.rdata.Rdata]], Answer[object]]

_LOOKUPS: Final[tuple[tuple[RdataType, _Reading, tuple[type, ...]], ...]] = (
    (RdataType.MX, exchangers_of, (MX,)),
    (RdataType.A, addresses_of, (IPv4Address,)),
    (RdataType.AAAA, addresses_of, (IPv6Address,)),
    (RdataType.TLSA, tlsa_of, (TLSA,)),
    (RdataType.TXT, texts_of, (str,)),
)
_HOST: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses question and trust, the rest is a message."""
    if len(data) < 3:
        return
    rdtype, reading, kinds = _LOOKUPS[data[0] % len(_LOOKUPS)]
    trusted = data[0] >= 128
    query = make_query("a.example", rdtype)
    # No corpus could guess the id.
    query.id = int.from_bytes(data[1:3], "big")
    try:
        response = parse_response(query, data[1:])
    except DNSException:
        # The resolver makes it a ResolverFailure, or waits for something better.
        return
    if response is None or response.is_truncated:
        return
    try:
        answer = reading(read_response(response, trusted=trusted))
    except (NameDoesNotExist, ResolverFailure) as error:
        assert str(error).isprintable()
        assert trusted or not getattr(error, "authentic", False)
        return
    assert _HOST.issuperset(answer.name)
    assert trusted or not answer.authentic
    assert 0 <= answer.ttl < 2**31
    assert len(answer.records) <= 256
    for record in answer.records:
        assert isinstance(record, kinds)
        if isinstance(record, MX):
            assert _HOST.issuperset(record.host)
