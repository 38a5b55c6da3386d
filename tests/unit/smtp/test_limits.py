"""LIMITS: what is read of an offer, and how recipients are dealt out within it (RFC 9422)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.address import Address
from postseal.smtp.extensions import Extensions
from postseal.smtp.limits import Allowance, Limits
from postseal.smtp.reply import Reply

ORG = [Address(f"r{n}", "example.org") for n in range(4)]
NET = [Address(f"r{n}", "example.net") for n in range(4)]


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("MAILMAX=10 RCPTMAX=100 RCPTDOMAINMAX=1", Limits(10, 100, 1)),
        ("rcptmax=7", Limits(None, 7, None)),
        ("FUTURE=1 RCPTMAX=7", Limits(None, 7, None)),
        ("", Limits()),
        # Bad values are no limits, and spoil no others.
        ("MAILMAX=0 RCPTMAX=5", Limits(None, 5, None)),
        ("MAILMAX=007", Limits()),
        ("MAILMAX=1234567", Limits()),
        ("MAILMAX=-1 RCPTMAX=+1 RCPTDOMAINMAX=1e3", Limits()),
        ("MAILMAX RCPTMAX= =5", Limits()),
        ("MAILMAX=\u0661", Limits()),
        # The first counts.
        ("RCPTMAX=5 RCPTMAX=9", Limits(None, 5, None)),
    ],
)
def test_limits_are_read(text: str, limits: Limits) -> None:
    assert Limits.parse(text) == limits
    offered = Extensions.from_reply(Reply(250, ("mx", f"LIMITS {text}")))
    assert offered.limits == limits


def test_no_LIMITS_is_no_limits() -> None:
    assert Extensions.from_reply(Reply(250, ("mx", "SIZE 1"))).limits is None


def test_recipients_of_a_transaction() -> None:
    allowance = Allowance(Limits(max_recipients=3))
    assert allowance.take(ORG) == tuple(ORG[:3])
    assert allowance.take(ORG[3:]) == tuple(ORG[3:])
    assert not allowance.is_spent


def test_domains_of_a_session() -> None:
    # RFC 9422 4.3: those of the transactions before count; more of the same are no matter.
    allowance = Allowance(Limits(max_recipient_domains=1))
    mixed = [ORG[0], NET[0], Address("r1", "EXAMPLE.org")]
    assert allowance.take(mixed) == (mixed[0], mixed[2])
    assert allowance.take(NET) == ()
    assert allowance.take(ORG) == tuple(ORG)


def test_messages_of_a_session() -> None:
    allowance = Allowance(Limits(max_messages=2))
    spent = []
    for _ in range(2):
        allowance.take(ORG)
        spent.append(allowance.is_spent)
    assert spent == [False, True]
    assert allowance.take(ORG) == ()
    assert not allowance.take_all(ORG)


def test_all_or_none() -> None:
    allowance = Allowance(Limits(max_messages=1, max_recipients=3))
    assert not allowance.take_all(ORG)
    # What did not fit was not counted.
    assert allowance.take_all(ORG[:3])
    assert not allowance.take_all(ORG[:3])


@given(
    st.lists(st.sampled_from([*ORG, *NET]), min_size=1, unique=True),
    st.builds(
        Limits,
        st.none() | st.integers(1, 3),
        st.none() | st.integers(1, 3),
        st.none() | st.integers(1, 3),
    ),
)
def test_new_sessions_reach_everybody_within_the_limits(
    recipients: list[Address], limits: Limits
) -> None:
    left = list(recipients)
    while left:
        allowance = Allowance(limits)
        parts = []
        while part := allowance.take(left):
            parts.append(part)
            left = [one for one in left if one not in part]
        assert parts
        assert len(parts) <= (limits.max_messages or len(parts))
        assert all(len(part) <= (limits.max_recipients or len(part)) for part in parts)
        domains = {one.domain for part in parts for one in part}
        assert len(domains) <= (limits.max_recipient_domains or len(domains))
