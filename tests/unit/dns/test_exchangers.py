"""Which hosts take the mail for a domain: a table of RFC 5321 5.1 and RFC 7505."""

from __future__ import annotations

from collections.abc import MutableSequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.dns import MX, exchangers
from postseal.errors import PermanentlyRejected, Phase

US = "us.example"


def backwards(records: MutableSequence[MX]) -> None:
    records.reverse()


@pytest.mark.parametrize(
    ("records", "hosts"),
    [
        # Without MX the domain itself is the host.
        ((), ("example.org",)),
        ((MX(10, "a.example"),), ("a.example",)),
        # They need not come in order; equals come in that of chance.
        (
            (MX(30, "c.example"), MX(10, "a.example"), MX(10, "b.example")),
            ("b.example", "a.example", "c.example"),
        ),
        # Only better exchangers than ourselves are any use.
        ((MX(10, "a.example"), MX(20, US), MX(30, "c.example")), ("a.example",)),
        ((MX(10, "a.example"), MX(20, US), MX(20, "b.example")), ("a.example",)),
        # A host that is named twice is tried once, where it is preferred.
        (
            (MX(10, "a.example"), MX(20, "b.example"), MX(30, "a.example")),
            ("a.example", "b.example"),
        ),
    ],
)
def test_the_hosts_come_in_order(records: tuple[MX, ...], hosts: tuple[str, ...]) -> None:
    assert exchangers("example.org", records, our_name=US, shuffle=backwards) == hosts


@pytest.mark.parametrize(
    ("records", "enhanced_code"),
    [
        ((MX(0, ""),), "5.1.10"),
        ((MX(0, ""), MX(10, "a.example")), "5.1.10"),
        ((MX(10, US),), "5.4.6"),
        ((MX(10, US), MX(10, "a.example")), "5.4.6"),
    ],
)
def test_a_domain_without_a_host_for_us_is_final(
    records: tuple[MX, ...], enhanced_code: str
) -> None:
    with pytest.raises(PermanentlyRejected) as refused:
        exchangers("example.org", records, our_name=US)
    assert refused.value.enhanced_code == enhanced_code
    assert refused.value.phase is Phase.RESOLVE


@given(
    st.lists(
        st.builds(MX, st.integers(0, 3), st.sampled_from([f"{n}.example" for n in range(6)])),
        min_size=1,
    )
)
def test_chance_never_overrules_preference(records: list[MX]) -> None:
    hosts = exchangers("example.org", tuple(records))
    assert sorted(hosts) == sorted({record.host for record in records})
    best = [min(one.preference for one in records if one.host == host) for host in hosts]
    assert best == sorted(best)
