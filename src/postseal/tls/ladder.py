"""The ladder: what several rules say of a connection, folded into one decision with its reasons.

A connection is decided for one server and one message. Each rule that has something to say gives
a `Statement`; `decide` gives the `TLSPolicy` to connect by, or says why there is no connection for
now (`Defer`) or for this message (`Refuse`). `fallen_short` says afterwards which rules that only
watch were not met. `docs/tls-policy.md` teaches all of this by the tables that the tests run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, unique
from typing import Final, TypeAlias, TypeVar

from postseal.errors import Phase, PolicyNotMet, RequireTLSNotMet, TLSResultType
from postseal.tls.levels import (
    ANY_PROOF,
    PeerProof,
    PolicySource,
    TLSLevel,
    TLSOutcome,
    TLSPolicy,
    meets,
)

__all__ = [
    "Decision",
    "Defer",
    "Deliver",
    "Explanation",
    "Refuse",
    "Stance",
    "Statement",
    "decide",
    "fallen_short",
]

# What a destination says of itself, or is known for: what may be set aside for a message whose
# delivery matters more than its secrecy, and by who runs this system.
_OF_THE_DESTINATION: Final = frozenset(
    {PolicySource.DANE, PolicySource.MTA_STS, PolicySource.REMEMBERED}
)
_DANE_ALONE: Final = frozenset({PeerProof.DANE})
_Failure = TypeVar("_Failure", bound=PolicyNotMet)
_RANK: Final = {source: rank for rank, source in enumerate(PolicySource)}


@unique
class Stance(Enum):
    """What a rule does with the level it names."""

    REQUIRES = "requires"
    """A connection below it is not used."""
    REPORTS = "reports"
    """A connection below it is used, and recorded as a finding."""
    LOWERS = "lowers to"
    """It is enough, whatever the destination asks for."""
    DEFERS = "defers"
    """There is no connection to this server before something has changed."""
    REFUSES = "refuses"
    """This message never goes to this server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one rule says of a connection: `found` is why, `remedy` how to change it, in words.

    `level` and `proofs` are for the first three stances, `result_type` (RFC 8460 4.3) and
    `enhanced_code` (RFC 3463) for the last two.
    """

    source: PolicySource
    stance: Stance
    found: str
    remedy: str
    level: TLSLevel = TLSLevel.NONE
    proofs: frozenset[PeerProof] = ANY_PROOF
    result_type: TLSResultType = TLSResultType.VALIDATION_FAILURE
    enhanced_code: str | None = None

    @property
    def strictness(self) -> tuple[int, int, int]:
        """What orders statements: the level, then fewer proofs, then the source."""
        narrowness = -len(self.proofs) if self.level is TLSLevel.AUTHENTICATED else 0
        return self.level, narrowness, -_RANK[self.source]

    def __str__(self) -> str:
        if self.stance in (Stance.DEFERS, Stance.REFUSES):
            return f"{self.source} {self.stance.value}: {self.found}"
        return f"{self.source} {self.stance.value} {self.level.word}: {self.found}"


_DEFAULT: Final = Statement(
    source=PolicySource.DEFAULT,
    stance=Stance.REQUIRES,
    level=TLSLevel.OPPORTUNISTIC,
    found="no rule asks for more",
    remedy="Configure a level for the destination; its owner may publish DANE or MTA-STS.",
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which statement decided, which others were heard, and which were set aside by what."""

    decisive: Statement
    heard: tuple[Statement, ...]
    set_aside: tuple[tuple[Statement, str], ...]

    def lines(self) -> tuple[str, ...]:
        """Say it in text, the decisive rule and its remedy first."""
        others = tuple(f"{each}." for each in self.heard if each is not self.decisive)
        aside = tuple(f"{each}; set aside: {why}." for each, why in self.set_aside)
        return (f"{self.decisive}.", f"To change that: {self.decisive.remedy}", *others, *aside)


@dataclass(frozen=True, slots=True)
class Deliver:
    """Connect, and use the connection if it meets `policy`.

    `watched` are statements to compare with the outcome by `fallen_short`.
    """

    policy: TLSPolicy
    explanation: Explanation
    watched: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Defer:
    """Do not connect to this server now; another server, or a later attempt, may do."""

    explanation: Explanation

    def error(self, *, host: str) -> PolicyNotMet:
        """The failure of this attempt, which is temporary."""
        return _failure(PolicyNotMet, self.explanation.decisive, host)


@dataclass(frozen=True, slots=True)
class Refuse:
    """Never send this message to this server; another server may do."""

    explanation: Explanation

    def error(self, *, host: str) -> RequireTLSNotMet:
        """The failure for this server; REQUIRETLS alone refuses."""
        error = _failure(RequireTLSNotMet, self.explanation.decisive, host)
        error.code = 550
        return error


Decision: TypeAlias = Deliver | Defer | Refuse
"""What to do with one server for one message."""


def decide(statements: Iterable[Statement]) -> Decision:
    """Fold what the rules say, at most one statement of each source and stance, into a decision.

    - The strictest requirement decides; where there is none, TLS is opportunistic.
    - A requirement of REQUIRETLS voids `TLS-Required: No` (RFC 8689 4.1).
    - What lowers sets aside what the destination says (DANE, MTA-STS, its remembered level), and
      never what the caller, the configuration or REQUIRETLS requires.
    - Where DANE authenticates the server, MTA-STS is set aside (RFC 8461 2).
    - A deferral goes before a refusal: nothing is given up for what may be a passing failure.
    - Of several requirements to authenticate the peer, each narrows the proofs that count, in the
      order of `PolicySource`; one that would leave none is set aside.
    - Where DANE alone counts, a server without usable TLSA records is deferred (RFC 7672 6).
    """
    heard = sorted(statements, key=lambda each: _RANK[each.source])
    set_aside: list[tuple[Statement, str]] = []
    _set_aside_overruled(heard, set_aside)
    for stance, kind in ((Stance.DEFERS, Defer), (Stance.REFUSES, Refuse)):
        if objection := next((each for each in heard if each.stance is stance), None):
            return kind(Explanation(objection, tuple(heard), tuple(set_aside)))
    proofs = _proofs_that_count(heard, set_aside)
    if (missing := _missing_dane(heard, proofs)) is not None:
        return Defer(Explanation(missing, tuple(heard), tuple(set_aside)))
    asked = [each for each in heard if each.stance in (Stance.REQUIRES, Stance.LOWERS)]
    decisive = max(asked, key=lambda each: each.strictness, default=None)
    if decisive is None:
        decisive = _DEFAULT
        heard.append(decisive)
    explanation = Explanation(decisive, tuple(heard), tuple(set_aside))
    return Deliver(
        TLSPolicy(decisive.level, decisive.source, proofs, explanation.lines()),
        explanation,
        tuple(each for each in heard if each.stance is Stance.REPORTS),
    )


def fallen_short(watched: Iterable[Statement], outcome: TLSOutcome) -> tuple[Statement, ...]:
    """Give the statements that a connection did not meet, though it may be used."""
    return tuple(each for each in watched if not meets(each.level, each.proofs, outcome))


def _set_aside_overruled(heard: list[Statement], set_aside: list[tuple[Statement, str]]) -> None:
    """Move what is overruled from the one list to the other."""

    def drop(sources: frozenset[PolicySource], why: str, stances: Iterable[Stance]) -> None:
        dropped = [each for each in heard if each.source in sources and each.stance in stances]
        set_aside.extend((each, why) for each in dropped)
        heard[:] = [each for each in heard if each not in dropped]

    if any(
        each.source is PolicySource.REQUIRETLS and each.stance in (Stance.REQUIRES, Stance.REFUSES)
        for each in heard
    ):
        header = frozenset({PolicySource.TLS_REQUIRED_NO})
        drop(header, "the message came with REQUIRETLS (RFC 8689 4.1)", Stance)
    lowering = next((each for each in heard if each.stance is Stance.LOWERS), None)
    if lowering is not None:
        demands = (Stance.REQUIRES, Stance.DEFERS, Stance.REFUSES)
        drop(_OF_THE_DESTINATION, f"{lowering.source} allows less", demands)
    if any(
        each.source is PolicySource.DANE
        and each.stance is Stance.REQUIRES
        and each.level is TLSLevel.AUTHENTICATED
        for each in heard
    ):
        sts = frozenset({PolicySource.MTA_STS})
        drop(sts, "DANE authenticates the server (RFC 8461 2)", Stance)


def _proofs_that_count(
    heard: list[Statement], set_aside: list[tuple[Statement, str]]
) -> frozenset[PeerProof]:
    proofs = ANY_PROOF
    for each in tuple(heard):
        if each.stance is not Stance.REQUIRES or each.level < TLSLevel.AUTHENTICATED:
            continue
        if narrowed := proofs & each.proofs:
            proofs = narrowed
            continue
        heard.remove(each)
        ways = " or ".join(sorted(proofs))
        set_aside.append((each, f"the peer has to be authenticated by {ways}"))
    return proofs


def _missing_dane(heard: list[Statement], proofs: frozenset[PeerProof]) -> Statement | None:
    """The statement that lets DANE alone count, where DANE has nothing to authenticate by."""
    demands = [
        each
        for each in heard
        if each.stance is Stance.REQUIRES and each.level is TLSLevel.AUTHENTICATED
    ]
    if proofs != _DANE_ALONE or any(each.source is PolicySource.DANE for each in demands):
        return None
    wanting = min(demands, key=lambda each: len(each.proofs))
    return replace(
        wanting,
        stance=Stance.DEFERS,
        found=f"{wanting.found}: the server has no authentic TLSA records that can be used",
        result_type=TLSResultType.DANE_REQUIRED,
    )


def _failure(kind: type[_Failure], decisive: Statement, host: str) -> _Failure:
    return kind(
        f"{decisive.source}: {decisive.found}",
        result_type=decisive.result_type,
        phase=Phase.RESOLVE,
        host=host,
        enhanced_code=decisive.enhanced_code,
        hint=f"{decisive.remedy} Nothing was sent.",
    )
