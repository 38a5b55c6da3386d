"""What each rule says of a connection, in the form that the ladder takes.

A rule that asks for nothing says nothing: its function gives None. REQUIRETLS and the remembered
level have modules of their own.
"""

from __future__ import annotations

from typing import Final

from postseal.errors import TLSResultType
from postseal.tls.dane import DaneRequirement, DNSState, TLSAState, requirement
from postseal.tls.ladder import Stance, Statement
from postseal.tls.levels import ANY_PROOF, PeerProof, PolicySource, TLSLevel
from postseal.tls.mta_sts import MTAStsMode, MTAStsPolicy

__all__ = [
    "caller_statement",
    "configuration_statement",
    "dane_statement",
    "dangerous_lowering_statement",
    "mta_sts_statement",
]

_BY_DANE: Final = frozenset({PeerProof.DANE})
_BY_PKIX: Final = frozenset({PeerProof.PKIX})


def caller_statement(level: TLSLevel, *, option: str) -> Statement:
    """The level that calling code asked for, and by which option."""
    return Statement(
        source=PolicySource.CALLER,
        stance=Stance.REQUIRES,
        level=level,
        found=f"asked for by {option}",
        remedy=f"Ask for another level in {option}.",
    )


def configuration_statement(
    level: TLSLevel, *, setting: str, proofs: frozenset[PeerProof] = ANY_PROOF
) -> Statement:
    """The least level that a setting asks for; it raises what others ask for and never lowers it.

    With DANE as the only proof, servers without usable TLSA records get no mail (RFC 7672 6).
    """
    return Statement(
        source=PolicySource.CONFIGURATION,
        stance=Stance.REQUIRES,
        level=level,
        proofs=proofs,
        found=f"set by {setting}",
        remedy=f"Change {setting}.",
    )


def dangerous_lowering_statement(level: TLSLevel, *, setting: str) -> Statement:
    """A setting by which the destination's own policies are ignored; it is reported each time."""
    return Statement(
        source=PolicySource.CONFIGURATION,
        stance=Stance.LOWERS,
        level=level,
        found=f"set by {setting}",
        remedy=f"Remove {setting}.",
    )


def dane_statement(dns: DNSState, tlsa: TLSAState, *, base_domain: str) -> Statement | None:
    """What DANE asks for a server, by `postseal.tls.dane.requirement` (RFC 7672 2.2)."""
    asked = requirement(dns, tlsa)
    found = f"{base_domain}: lookups {dns}, TLSA records {tlsa}"
    match asked:
        case DaneRequirement.NONE:
            return None
        case DaneRequirement.DEFER:
            return Statement(
                source=PolicySource.DANE,
                stance=Stance.DEFERS,
                found=found,
                remedy="The zone or the resolver has to be repaired.",
                result_type=TLSResultType.DNSSEC_INVALID,
            )
        case DaneRequirement.AUTHENTICATED | DaneRequirement.ENCRYPTED:
            return Statement(
                source=PolicySource.DANE,
                stance=Stance.REQUIRES,
                level=TLSLevel[asked.name],
                proofs=_BY_DANE if asked is DaneRequirement.AUTHENTICATED else ANY_PROOF,
                found=found,
                remedy="The destination's TLSA records say so; only a setting that lowers its "
                "level ignores them.",
            )


def mta_sts_statement(policy: MTAStsPolicy | None, *, domain: str, host: str) -> Statement | None:
    """What the MTA-STS policy of a domain asks for one of its MX hosts (RFC 8461 4, 5).

    In the mode `testing` that is only reported.
    """
    if policy is None or policy.mode is MTAStsMode.NONE:
        return None
    is_covered = policy.covers(host)
    if policy.mode is MTAStsMode.ENFORCE and not is_covered:
        return Statement(
            source=PolicySource.MTA_STS,
            stance=Stance.DEFERS,
            found=f"the policy of {domain} does not name {host}",
            remedy=f"The owner of {domain} has to put the policy and the MX records in accord.",
        )
    return Statement(
        source=PolicySource.MTA_STS,
        stance=Stance.REQUIRES if policy.mode is MTAStsMode.ENFORCE else Stance.REPORTS,
        level=TLSLevel.AUTHENTICATED,
        # A host that the policy does not name can do nothing to satisfy it.
        proofs=_BY_PKIX if is_covered else frozenset(),
        found=f"the policy of {domain}, mode {policy.mode}, "
        f"{'names' if is_covered else 'does not name'} {host}",
        remedy="The destination's policy says so; only a setting that lowers its level ignores it.",
    )
