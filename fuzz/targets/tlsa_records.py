"""Any octets of a TLSA record and of the certificates that a server shows are read or refused as
InvalidInput, the record is as it was written, and no usable record matches what it does not hold.
"""

from __future__ import annotations

import hashlib

from fuzz.chunks import PAUSE
from postseal.errors import CertificateRejected, InvalidInput
from postseal.tls.dane import DanePeer, strongest
from postseal.tls.tlsa import TLSA, MatchingType, Selector, Usage

__all__ = ["run"]

_NAME = "mx.example.com"
_NOW = 1_800_000_000.0


def run(data: bytes) -> None:
    """Check the invariant: a record up to the first pause, then certificates apart by two."""
    rdata, _, shown = data.partition(PAUSE)
    chain = [der for der in shown.split(PAUSE * 2) if der]
    try:
        record = TLSA.from_wire(rdata)
    except InvalidInput as error:
        assert len(rdata) < 4
        assert str(error).isprintable()
        record = TLSA(Usage.DANE_EE, Selector.CERT, MatchingType.FULL, rdata)
    else:
        numbers = bytes([record.usage, record.selector, record.matching_type])
        assert numbers + record.data == rdata
    assert str(record).isprintable()
    _check_own_records(chain)
    usable = strongest([record])
    assert usable == ((record,) if record.is_usable else ())
    if not usable:
        return
    try:
        match = DanePeer(usable, _NAME).authenticate(chain, now=_NOW)
    except CertificateRejected as error:
        assert str(error).isprintable()
        return
    assert match.record == record
    if record.usage == Usage.DANE_EE:
        assert _holds(record, chain[0])
    else:
        assert match.name == _NAME
        assert record.matching_type == MatchingType.FULL or any(
            _holds(record, der) for der in chain if der != chain[0]
        )


def _holds(record: TLSA, der: bytes) -> bool:
    if record.selector == Selector.SPKI:
        return record.matches(der)
    forms = (der, hashlib.sha256(der).digest(), hashlib.sha512(der).digest())
    return record.data == forms[record.matching_type]


def _check_own_records(chain: list[bytes]) -> None:
    """A certificate's own record is usable, matches it, and authenticates who shows it."""
    for der in chain:
        try:
            own = TLSA.of(der)
        except InvalidInput as error:
            assert str(error).isprintable()
            continue
        assert own.is_usable
        assert own.matches(der)
        assert DanePeer((own,), _NAME).authenticate([der], now=_NOW).record == own
