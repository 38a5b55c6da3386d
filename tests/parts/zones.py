"""A DNS tree of the test's own: a signed root, top-level domains, and zones in every state.

::

    zones = SignedZones(
        Zone("good.test", "@ MX 10 mx\\nmx A 127.0.0.1"),
        Zone("plain.test", "@ MX 10 mx", Seal.UNSIGNED),
    )

The root and the top-level domains are made and signed as well. `tests.parts.unbound` serves it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto, unique

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdataset
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.RRSIG import RRSIG

_HOUR = 3600
_DAY = 24 * _HOUR
# A top-level domain's label and that of the root.
_TOP_LEVEL = 2
_APEX = """\
$TTL 300
@ SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 60
@ NS ns.invalid.
"""


@unique
class Seal(Enum):
    """What DNSSEC makes of a zone."""

    SIGNED = auto()
    UNSIGNED = auto()
    """Delegated without DS, and the absence is proven."""
    BOGUS = auto()
    """No signature verifies, but that of the keys."""
    EXPIRED = auto()
    """The signatures were good until last week."""
    WRONG_KEY = auto()
    """The DS above it is that of another key."""
    UNREACHABLE = auto()
    """Delegated without DS, and no name server answers."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone: its name, its records as in a master file, relative to it, and its state.

    `broken` are record sets of a signed zone whose signatures alone do not verify, such as
    `"_25._tcp.mx TLSA"`.
    """

    name: str
    records: str = ""
    seal: Seal = Seal.SIGNED
    broken: tuple[str, ...] = ()


class SignedZones:
    """Zones and all above them, signed; `files` has the master file of each, by absolute name.

    A file is None for a zone that cannot be reached. `trust_anchor` is the DS record of the root.
    """

    def __init__(self, *zones: Zone) -> None:
        self._zones = {dns.name.from_text(zone.name): zone for zone in zones}
        for name in tuple(self._zones):
            for top in (above for above in _above(name) if len(above) <= _TOP_LEVEL):
                self._zones.setdefault(top, Zone(top.to_text()))
        self._keys = {name: _Key() for name in self._zones}
        self.trust_anchor = f". DS {self._keys[dns.name.root].ds(dns.name.root)}"
        self.files = {name.to_text(): self._file(name) for name in self._zones}

    def _file(self, name: dns.name.Name) -> str | None:
        zone = self._zones[name]
        if zone.seal is Seal.UNREACHABLE:
            return None
        text = "\n".join([_APEX, zone.records, *self._delegations(name), ""])
        made = dns.zone.from_text(text, origin=name, relativize=False)
        if zone.seal is not Seal.UNSIGNED:
            end = time.time() + (-7 * _DAY if zone.seal is Seal.EXPIRED else _DAY)
            dns.dnssec.sign_zone(
                made, keys=[self._keys[name].pair], inception=end - 2 * _DAY, expiration=end
            )
            _break(made, zone)
        return made.to_text(relativize=False)

    def _delegations(self, name: dns.name.Name) -> Iterator[str]:
        """Write the NS and DS records of the zones directly below one."""
        for child, zone in self._zones.items():
            if child == dns.name.root or next(filter(self._zones.get, _above(child))) != name:
                continue
            yield f"{child} NS ns.invalid."
            if zone.seal not in (Seal.UNSIGNED, Seal.UNREACHABLE):
                key = _Key() if zone.seal is Seal.WRONG_KEY else self._keys[child]
                yield f"{child} DS {key.ds(child)}"


class _Key:
    def __init__(self) -> None:
        private = ec.generate_private_key(ec.SECP256R1())
        self._dnskey = dns.dnssec.make_dnskey(
            private.public_key(), Algorithm.ECDSAP256SHA256, flags=257
        )
        self.pair = (private, self._dnskey)

    def ds(self, name: dns.name.Name) -> str:
        return dns.dnssec.make_ds(name, self._dnskey, "SHA256").to_text()


def _above(name: dns.name.Name) -> Iterator[dns.name.Name]:
    """Give the names above one, the nearest first and the root last."""
    while name != dns.name.root:
        name = name.parent()
        yield name


def _break(made: dns.zone.Zone, zone: Zone) -> None:
    """Change the signatures that are not to verify."""
    broken = {
        (dns.name.from_text(owner, made.origin), RdataType[rdtype])
        for owner, _, rdtype in (one.partition(" ") for one in zone.broken)
    }
    for name, rdataset in tuple(made.iterate_rdatasets()):
        covered = (name, rdataset.covers)
        everything = zone.seal is Seal.BOGUS and rdataset.covers != RdataType.DNSKEY
        if rdataset.rdtype == RdataType.RRSIG and (everything or covered in broken):
            rrsigs = [_spoiled(rrsig) for rrsig in rdataset]
            made.replace_rdataset(name, dns.rdataset.from_rdata_list(rdataset.ttl, rrsigs))
            broken.discard(covered)
    assert not broken, f"{zone.name} has no signatures to break for {broken}"


def _spoiled(rrsig: dns.rdata.Rdata) -> dns.rdata.Rdata:
    assert isinstance(rrsig, RRSIG)
    return rrsig.replace(signature=bytes(reversed(rrsig.signature)))
