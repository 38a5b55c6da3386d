"""What a level that was seen before is worth, and for how long."""

from __future__ import annotations

import pytest

from postseal.errors import InvalidInput
from postseal.tls import TLSLevel, TLSOutcome
from postseal.tls.remembered import Fall, RememberingRule, Sighting

DAY = 86400.0
ENCRYPTED = TLSOutcome(TLSLevel.ENCRYPTED)


def test_a_level_is_confirmed_seldom_enough_to_be_written() -> None:
    rule = RememberingRule(lifetime=30 * DAY)
    known = Sighting(TLSLevel.ENCRYPTED, 0.0)
    assert rule.updated(known, ENCRYPTED, now=DAY) is known
    assert rule.updated(known, ENCRYPTED, now=DAY + 1) == Sighting(TLSLevel.ENCRYPTED, DAY + 1)


def test_a_clock_that_was_set_back_forgets_nothing() -> None:
    rule = RememberingRule(fall=Fall.DEFER)
    known = Sighting(TLSLevel.ENCRYPTED, 100 * DAY)
    statement = rule.statement("example.org", known, now=0.0)
    assert statement is not None
    assert "0 days ago" in statement.found
    assert rule.updated(known, TLSOutcome.in_clear(), now=0.0) is known


def test_a_statement_ends_with_the_lifetime() -> None:
    rule = RememberingRule(lifetime=30 * DAY)
    known = Sighting(TLSLevel.ENCRYPTED, 0.0)
    assert rule.statement("example.org", known, now=30 * DAY) is not None
    assert rule.statement("example.org", known, now=30 * DAY + 1) is None
    assert rule.statement("example.org", None, now=0.0) is None


@pytest.mark.parametrize("lifetime", [0.0, -1.0, float("inf"), float("nan")])
def test_a_lifetime_is_finite_and_more_than_nothing(lifetime: float) -> None:
    with pytest.raises(InvalidInput, match="remembered for"):
        RememberingRule(lifetime=lifetime)
