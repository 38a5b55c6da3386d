"""The policy for one server of a destination: what was found out about it, put on the ladder.

Nothing here waits: the lookups are those of `find_dane` and `PolicyFinder`, made before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from postseal.send.endpoint import Endpoint
from postseal.send.mx.dane import DaneFinding
from postseal.send.session.connection import ConnectionOptions
from postseal.tls import PeerProof
from postseal.tls.ladder import Decision, Deliver, Statement, decide
from postseal.tls.mta_sts import MTAStsMode, MTAStsPolicy
from postseal.tls.requiretls import HostAssurance, TLSRequirement, requiretls_statement
from postseal.tls.statements import dane_statement, mta_sts_statement

__all__ = ["Destination", "decide_server", "host_assurance", "sealed_by"]

_BY_DANE: Final = frozenset({PeerProof.DANE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What all servers of a destination have in common for one message.

    `domain` is in A-labels. `has_mx` is false where the domain itself is the server, and
    `mx_is_authentic` is what the resolver said of that lookup. `local` are the statements of the
    caller, the configuration and the memory of levels.
    """

    domain: str
    has_mx: bool
    mx_is_authentic: bool
    mta_sts: MTAStsPolicy | None = None
    local: tuple[Statement, ...] = ()
    requirement: TLSRequirement = TLSRequirement.UNSTATED
    is_notification: bool = False


def host_assurance(host: str, destination: Destination) -> HostAssurance:
    """Say why a server's name is believed to be one of the destination's (RFC 8689 2)."""
    if not destination.has_mx:
        return HostAssurance.ITSELF
    if destination.mx_is_authentic:
        return HostAssurance.DNSSEC
    policy = destination.mta_sts
    if policy is not None and policy.mode is not MTAStsMode.NONE and policy.covers(host):
        return HostAssurance.MTA_STS
    return HostAssurance.NONE


def decide_server(host: str, destination: Destination, dane: DaneFinding) -> Decision:
    """Decide how one server, an MX host or the domain itself, may be used for the message."""
    statements = (
        *destination.local,
        dane_statement(dane.dns, dane.tlsa, base_domain=dane.base_domain),
        mta_sts_statement(destination.mta_sts, domain=destination.domain, host=host),
        requiretls_statement(
            destination.requirement,
            host_assurance(host, destination),
            is_notification=destination.is_notification,
        ),
    )
    return decide(each for each in statements if each is not None)


def sealed_by(
    made: Deliver, endpoint: Endpoint, options: ConnectionOptions, dane: DaneFinding
) -> tuple[Endpoint, ConnectionOptions]:
    """Give the endpoint and options of a connection that meets the decision or is not used."""
    policy = made.policy
    return replace(endpoint, level=policy.level), replace(
        options,
        policy_source=policy.source,
        proofs=policy.proofs,
        dane=dane.peer if policy.proofs == _BY_DANE else None,
    )
