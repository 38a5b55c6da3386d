"""The ladder explains itself, and keeps its promises for whatever is said on it."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import PolicyNotMet, RequireTLSNotMet, TLSResultType
from postseal.tls import ANY_PROOF, PeerProof, PolicySource, TLSLevel, TLSOutcome
from postseal.tls.dane import DNSState, TLSAState
from postseal.tls.ladder import (
    Decision,
    Defer,
    Deliver,
    Refuse,
    Stance,
    Statement,
    decide,
    fallen_short,
)
from postseal.tls.mta_sts import MTAStsMode, MTAStsPolicy
from postseal.tls.requiretls import HostAssurance, TLSRequirement, requiretls_statement
from postseal.tls.statements import (
    configuration_statement,
    dane_statement,
    dangerous_lowering_statement,
    mta_sts_statement,
)

STS = MTAStsPolicy(MTAStsMode.ENFORCE, ("mx.example.org",), 86400)
TESTING = MTAStsPolicy(MTAStsMode.TESTING, ("mx.example.org",), 86400)
OWN = (PolicySource.CALLER, PolicySource.CONFIGURATION, PolicySource.REQUIRETLS)

statements = st.builds(
    Statement,
    source=st.sampled_from([each for each in PolicySource if each is not PolicySource.DEFAULT]),
    stance=st.sampled_from(Stance),
    found=st.just("found"),
    remedy=st.just("Remedy."),
    level=st.sampled_from(TLSLevel),
    proofs=st.sets(st.sampled_from(PeerProof), min_size=1).map(frozenset),
)


def dane(dns: DNSState, tlsa: TLSAState) -> Statement:
    statement = dane_statement(dns, tlsa, base_domain="mx.example.org")
    assert statement is not None
    return statement


def sts(policy: MTAStsPolicy) -> Statement:
    statement = mta_sts_statement(policy, domain="example.org", host="mx.example.org")
    assert statement is not None
    return statement


def test_a_policy_says_which_rule_decided_and_how_to_change_it() -> None:
    made = decide(
        [
            sts(STS),
            dane(DNSState.SECURE, TLSAState.USABLE),
            configuration_statement(TLSLevel.ENCRYPTED, setting='delivery.tls."example.org"'),
        ]
    )
    assert isinstance(made, Deliver)
    assert str(made.policy) == "authenticated by DANE (DANE)"
    assert "\n".join(made.policy.explanation) == (
        "DANE requires authenticated: mx.example.org: lookups secure, TLSA records usable.\n"
        "To change that: The destination's TLSA records say so; only a setting that lowers its "
        "level ignores them.\n"
        'configuration requires encrypted: set by delivery.tls."example.org".\n'
        "MTA-STS requires authenticated: the policy of example.org, mode enforce, names "
        "mx.example.org; set aside: DANE authenticates the server (RFC 8461 2)."
    )


def test_a_policy_is_told_from_others_by_what_it_asks_for_alone() -> None:
    # Pools and session caches are kept by policy: its reasons may change from hour to hour.
    one = decide([configuration_statement(TLSLevel.ENCRYPTED, setting="one")])
    other = decide([configuration_statement(TLSLevel.ENCRYPTED, setting="other")])
    assert isinstance(one, Deliver)
    assert isinstance(other, Deliver)
    assert one.policy == other.policy
    assert hash(one.policy) == hash(other.policy)
    assert one.policy.explanation != other.policy.explanation


def test_what_lowers_is_reported() -> None:
    lowering = dangerous_lowering_statement(TLSLevel.NONE, setting="dangerous_setting")
    made = decide([lowering, dane(DNSState.SECURE, TLSAState.USABLE)])
    assert isinstance(made, Deliver)
    assert lowering in made.explanation.heard
    assert "set aside: configuration allows less" in made.policy.explanation[-1]


def test_what_only_watches_is_compared_afterwards() -> None:
    made = decide([sts(TESTING)])
    assert isinstance(made, Deliver)
    assert made.policy.level is TLSLevel.OPPORTUNISTIC
    (watched,) = made.watched
    proved = TLSOutcome(TLSLevel.AUTHENTICATED, proof=PeerProof.PKIX)
    assert fallen_short(made.watched, proved) == ()
    for less in (
        TLSOutcome.in_clear(),
        TLSOutcome(TLSLevel.ENCRYPTED),
        TLSOutcome(TLSLevel.AUTHENTICATED, proof=PeerProof.DANE),
    ):
        assert fallen_short(made.watched, less) == (watched,)


def test_a_deferral_is_a_temporary_error_with_its_report_tag() -> None:
    made = decide([dane(DNSState.BOGUS, TLSAState.ABSENT), sts(STS)])
    assert isinstance(made, Defer)
    error = pickle.loads(pickle.dumps(made.error(host="mx.example.org")))
    assert type(error) is PolicyNotMet
    assert error.result_type is TLSResultType.DNSSEC_INVALID
    assert str(error) == (
        "mx.example.org at resolve: DANE: mx.example.org: lookups bogus, TLSA records absent. "
        "The zone or the resolver has to be repaired. Nothing was sent."
    )


def test_required_dane_that_is_not_there_has_a_tag_of_its_own() -> None:
    only = frozenset({PeerProof.DANE})
    made = decide(
        [configuration_statement(TLSLevel.AUTHENTICATED, setting="a setting", proofs=only)]
    )
    assert isinstance(made, Defer)
    assert made.error(host="mx.example.org").result_type is TLSResultType.DANE_REQUIRED


def test_a_refusal_is_for_good() -> None:
    said = requiretls_statement(TLSRequirement.REQUIRED, HostAssurance.NONE, is_notification=False)
    assert said is not None
    made = decide([said])
    assert isinstance(made, Refuse)
    error = made.error(host="mx.example.org")
    assert type(error) is RequireTLSNotMet
    assert (error.code, error.enhanced_code, error.is_temporary) == (550, "5.7.10", False)


@given(st.lists(statements, max_size=8))
def test_nothing_lowers_what_this_side_requires(said: list[Statement]) -> None:
    made = decide(said)
    required = [
        each.level for each in said if each.stance is Stance.REQUIRES and each.source in OWN
    ]
    if isinstance(made, Deliver):
        assert made.policy.level >= max(required, default=TLSLevel.NONE)
        assert made.policy.proofs
        if made.policy.proofs != ANY_PROOF:
            assert made.policy.level is TLSLevel.AUTHENTICATED


@given(st.lists(statements, max_size=8))
def test_a_deferral_is_never_fallen_back_from(said: list[Statement]) -> None:
    deferring = [each for each in said if each.stance is Stance.DEFERS]
    made: Decision = decide(said)
    if deferring and not isinstance(made, Defer):
        aside = [each for each, _ in made.explanation.set_aside]
        assert all(each in aside for each in deferring)


@given(st.lists(statements, max_size=8))
def test_all_that_was_said_is_explained(said: list[Statement]) -> None:
    made = decide(said)
    kept = [*made.explanation.heard, *(each for each, _ in made.explanation.set_aside)]
    assert all(each in kept for each in said)
    lines = made.explanation.lines()
    assert lines[0].startswith(made.explanation.decisive.source)
    assert lines[1].startswith("To change that: ")
