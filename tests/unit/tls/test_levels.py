"""Promise 2: a policy is met, or it is an error; every pair of the two is in the table."""

from __future__ import annotations

import pytest

from postseal.errors import Phase, PolicyNotMet, TLSError, TLSResultType
from postseal.tls import PolicySource, TLSLevel, TLSOutcome, TLSPolicy, require

NONE, OPPORTUNISTIC = TLSLevel.NONE, TLSLevel.OPPORTUNISTIC
ENCRYPTED, AUTHENTICATED = TLSLevel.ENCRYPTED, TLSLevel.AUTHENTICATED


@pytest.mark.parametrize(
    ("asked", "had", "met"),
    [
        (NONE, NONE, True),
        (NONE, OPPORTUNISTIC, True),
        (NONE, ENCRYPTED, True),
        (NONE, AUTHENTICATED, True),
        (OPPORTUNISTIC, NONE, True),
        (OPPORTUNISTIC, OPPORTUNISTIC, True),
        (OPPORTUNISTIC, ENCRYPTED, True),
        (OPPORTUNISTIC, AUTHENTICATED, True),
        (ENCRYPTED, NONE, False),
        (ENCRYPTED, OPPORTUNISTIC, False),
        (ENCRYPTED, ENCRYPTED, True),
        (ENCRYPTED, AUTHENTICATED, True),
        (AUTHENTICATED, NONE, False),
        (AUTHENTICATED, OPPORTUNISTIC, False),
        (AUTHENTICATED, ENCRYPTED, False),
        (AUTHENTICATED, AUTHENTICATED, True),
    ],
)
def test_a_policy_and_an_outcome(asked: TLSLevel, had: TLSLevel, met: bool) -> None:
    policy, outcome = TLSPolicy(asked, PolicySource.CONFIGURATION), TLSOutcome(had)
    if met:
        require(policy, outcome, host="mail.example.org")
        return
    with pytest.raises(PolicyNotMet) as caught:
        require(policy, outcome, host="mail.example.org")
    error = caught.value
    assert isinstance(error, TLSError)
    assert (error.host, error.phase) == ("mail.example.org", Phase.HANDSHAKE)
    assert error.is_temporary
    assert error.result_type is TLSResultType.VALIDATION_FAILURE
    # It says which rule asked, and what was had instead.
    assert f"{asked.word} (configuration), the connection is {had.word}" in str(error)


def test_levels_are_ordered() -> None:
    assert sorted(TLSLevel) == [NONE, OPPORTUNISTIC, ENCRYPTED, AUTHENTICATED]
    assert [level.word for level in TLSLevel] == [
        "none",
        "opportunistic",
        "encrypted",
        "authenticated",
    ]


def test_an_outcome_says_what_was_had() -> None:
    assert str(TLSOutcome.in_clear()) == "no TLS"
    assert TLSOutcome.in_clear().level is NONE
    half = TLSOutcome(ENCRYPTED, version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384")
    assert str(half) == "TLSv1.3, TLS_AES_256_GCM_SHA384, peer not authenticated"
    whole = TLSOutcome(AUTHENTICATED, version="TLSv1.3", cipher="X", authenticated_by="rule")
    assert str(whole) == "TLSv1.3, X, rule"
