"""How sealed a connection must be, how sealed it was, and the comparison of the two.

The levels are ordered: `NONE < OPPORTUNISTIC < ENCRYPTED < AUTHENTICATED`. Library, platform and
auditor use the same words. `postseal.tls.ladder` makes policies of what several rules say.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum, unique
from typing import Final

from postseal.errors import Phase, PolicyNotMet

__all__ = [
    "ANY_PROOF",
    "SOUND_PROOFS",
    "PeerProof",
    "PolicySource",
    "TLSLevel",
    "TLSOutcome",
    "TLSPolicy",
    "meets",
    "require",
]


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
class PeerProof(StrEnum):
    """A way in which a peer proves who it is."""

    PKIX = "PKIX"
    """A chain to a trusted authority, and the name (RFC 5280, RFC 9525)."""
    DANE = "DANE"
    """A TLSA record of an authentic answer (RFC 7672)."""
    PIN = "pin"
    """A public key that was named beforehand."""
    WAIVED = "waived"
    """None: the caller takes anybody for the peer, and the level had is ENCRYPTED."""


_UNREMARKABLE: Final = frozenset({"", "intermediate", "modern"})

ANY_PROOF: Final = frozenset(PeerProof)
"""What counts where nobody says which proof it must be."""

SOUND_PROOFS: Final = ANY_PROOF - {PeerProof.WAIVED}
"""What counts for who asks on behalf of others: something was proved."""


@unique
class PolicySource(StrEnum):
    """Where a policy came from: what to change in order to change it.

    In the order in which equally strict rules are named as the one that decided.
    """

    CALLER = "caller"
    CONFIGURATION = "configuration"
    DANE = "DANE"
    MTA_STS = "MTA-STS"
    REQUIRETLS = "REQUIRETLS"
    TLS_REQUIRED_NO = "TLS-Required: No"
    REMEMBERED = "remembered level"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class TLSPolicy:
    """The least level a connection must have, and who says so.

    At the level AUTHENTICATED, one of `proofs` must have shown who the peer is: a peer that was
    authenticated in another way has not met the policy. `explanation` says in lines of text which
    rule decided, what the others said and how to change it; policies that differ in nothing else
    are equal.
    """

    level: TLSLevel
    source: PolicySource = PolicySource.CALLER
    proofs: frozenset[PeerProof] = ANY_PROOF
    explanation: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        if self.level < TLSLevel.AUTHENTICATED or self.proofs >= SOUND_PROOFS:
            return f"{self.level.word} ({self.source})"
        ways = " or ".join(proof for proof in PeerProof if proof in self.proofs)
        return f"{self.level.word} by {ways} ({self.source})"


@dataclass(frozen=True, slots=True)
class TLSOutcome:
    """What a connection had.

    `version` and `cipher` are OpenSSL's names, None without TLS. `proof` is the way in which the
    peer proved who it is, and `authenticated_by` says that in words; None and empty when nothing
    did. `peer_certificate` is the SHA-256 of the peer's certificate in hexadecimal, empty where it
    showed none. `profile` is the name of the profile that a client asked for. `is_resumed` says
    that the peer proved itself in an earlier connection. `group` is the key exchange's, None where
    the TLS library does not tell; `server_name` the host that the client asked for (RFC 6066 3).
    """

    level: TLSLevel
    version: str | None = None
    cipher: str | None = None
    authenticated_by: str = ""
    peer_certificate: str = ""
    proof: PeerProof | None = None
    profile: str = ""
    is_resumed: bool = False
    group: str | None = None
    server_name: str = ""

    def authenticated(self, proof: PeerProof, *, by: str) -> TLSOutcome:
        """The outcome when the peer proved, besides, who it is; `by` says in words how."""
        return replace(self, level=TLSLevel.AUTHENTICATED, proof=proof, authenticated_by=by)

    @classmethod
    def in_clear(cls) -> TLSOutcome:
        """The outcome of a connection without TLS."""
        return cls(TLSLevel.NONE)

    def __str__(self) -> str:
        if self.level is TLSLevel.NONE:
            return "no TLS"
        who = self.authenticated_by or "peer not authenticated"
        if self.proof is PeerProof.WAIVED:
            who += " (dangerous_accept_any_certificate)"
        if self.profile in _UNREMARKABLE:
            return f"{self.version}, {self.cipher}, {who}"
        return f"{self.version}, {self.cipher}, {who}, {self.profile} profile"


def meets(level: TLSLevel, proofs: frozenset[PeerProof], outcome: TLSOutcome) -> bool:
    """Say whether `outcome` is enough for `level`, with one of `proofs` where it is AUTHENTICATED.

    Whatever was had is enough for OPPORTUNISTIC and below.
    """
    if level <= TLSLevel.OPPORTUNISTIC:
        return True
    if outcome.proof is PeerProof.WAIVED:
        return PeerProof.WAIVED in proofs
    if outcome.level < level:
        return False
    return level < TLSLevel.AUTHENTICATED or proofs == ANY_PROOF or outcome.proof in proofs


def require(policy: TLSPolicy, outcome: TLSOutcome, *, host: str) -> None:
    """Raise `PolicyNotMet` when `outcome` is less than `policy` asks for.

    An opportunistic policy is met by every outcome; what was had is in the outcome.
    """
    if meets(policy.level, policy.proofs, outcome):
        return
    had = outcome.level.word
    if outcome.level is TLSLevel.AUTHENTICATED:
        had += f" by {outcome.proof or 'an unknown rule'}"
    raise PolicyNotMet(
        f"the policy asks for {policy}, the connection is {had}",
        host=host,
        phase=Phase.HANDSHAKE,
        hint="Nothing was sent.",
    )
