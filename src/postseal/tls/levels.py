"""How sealed a connection must be, how sealed it was, and the comparison of the two.

The levels are ordered: `NONE < OPPORTUNISTIC < ENCRYPTED < AUTHENTICATED`. Library, platform and
auditor use the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum, unique

from postseal.errors import Phase, PolicyNotMet

__all__ = ["PolicySource", "TLSLevel", "TLSOutcome", "TLSPolicy", "require"]


@unique
class TLSLevel(IntEnum):
    """A degree of protection, as asked for or as had."""

    NONE = 0
    """No TLS."""
    OPPORTUNISTIC = 1
    """TLS where the peer offers it; as an outcome: TLS that nothing asked for."""
    ENCRYPTED = 2
    """TLS in any case, with whoever answers."""
    AUTHENTICATED = 3
    """TLS with a peer that proved to be the one that was meant."""

    @property
    def word(self) -> str:
        """The level in lower case, as settings and reports write it."""
        return self.name.lower()


@unique
class PolicySource(StrEnum):
    """Where a policy came from: what to change in order to change it."""

    CALLER = "caller"
    CONFIGURATION = "configuration"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class TLSPolicy:
    """The least level a connection must have, and who says so."""

    level: TLSLevel
    source: PolicySource = PolicySource.CALLER

    def __str__(self) -> str:
        return f"{self.level.word} ({self.source})"


@dataclass(frozen=True, slots=True)
class TLSOutcome:
    """What a connection had.

    `version` and `cipher` are OpenSSL's names, None without TLS. `authenticated_by` says which
    rule proved who the peer is, in words; empty when nothing did. `peer_certificate` is the
    SHA-256 of the peer's certificate in hexadecimal, empty where it showed none.
    """

    level: TLSLevel
    version: str | None = None
    cipher: str | None = None
    authenticated_by: str = ""
    peer_certificate: str = ""

    @classmethod
    def in_clear(cls) -> TLSOutcome:
        """The outcome of a connection without TLS."""
        return cls(TLSLevel.NONE)

    def __str__(self) -> str:
        if self.level is TLSLevel.NONE:
            return "no TLS"
        who = self.authenticated_by or "peer not authenticated"
        return f"{self.version}, {self.cipher}, {who}"


def require(policy: TLSPolicy, outcome: TLSOutcome, *, host: str) -> None:
    """Raise `PolicyNotMet` when `outcome` is less than `policy` asks for.

    An opportunistic policy is met by every outcome; what was had is in the outcome.
    """
    if policy.level <= TLSLevel.OPPORTUNISTIC or outcome.level >= policy.level:
        return
    raise PolicyNotMet(
        f"the policy asks for {policy}, the connection is {outcome.level.word}",
        host=host,
        phase=Phase.HANDSHAKE,
        hint="Nothing was sent.",
    )
