from __future__ import annotations

import sys
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import CertificateReason, CertificateRejected, MissingExtra, TLSResultType
from postseal.tls.dane import DanePeer, DaneRequirement, DNSState, TLSAState, requirement, strongest
from postseal.tls.tlsa import TLSA, MatchingType, Selector, Usage
from tests.parts.chains import NOW, issue

BASE = "mx.example.com"
LEAF = issue("anything", "elsewhere.example")
NOW_SECONDS = NOW.timestamp()


def peer(*records: TLSA) -> DanePeer:
    return DanePeer(strongest(records), BASE)


def digest(usage: int, selector: int, matching_type: int, fill: int = 0) -> TLSA:
    return TLSA(usage, selector, matching_type, bytes([fill]) * (32 * matching_type))


# -- what the DNS says, and what follows (RFC 7672 2.1, 2.2) --------------------------------------

TABLE = """
            usable         unusable   absent  insecure  bogus  failed
  secure    authenticated  encrypted  none    none      defer  defer
  insecure  none           none       none    none      none   none
  bogus     defer          defer      defer   defer     defer  defer
  failed    defer          defer      defer   defer     defer  defer
"""


def rows() -> list[tuple[DNSState, TLSAState, DaneRequirement]]:
    head, *lines = [line.split() for line in TABLE.strip().splitlines()]
    return [
        (DNSState(dns), TLSAState(tlsa), DaneRequirement(word))
        for dns, *words in lines
        for tlsa, word in zip(head, words, strict=True)
    ]


@pytest.mark.parametrize(("dns", "tlsa", "expected"), rows())
def test_what_the_dns_said_decides(
    dns: DNSState, tlsa: TLSAState, expected: DaneRequirement
) -> None:
    assert requirement(dns, tlsa) is expected


def test_the_table_has_every_case() -> None:
    assert {(dns, tlsa) for dns, tlsa, _ in rows()} == set(product(DNSState, TLSAState))


def test_the_table_in_the_documentation_is_this_one() -> None:
    documented = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in (requirement.__doc__ or "").splitlines()
        if line.strip().startswith("|") and "---" not in line
    ]
    assert documented[0][1:] == ["TLSA usable", *[state.value for state in TLSAState][1:]]
    for dns, *words in documented[1:]:
        for tlsa, word in zip(TLSAState, words, strict=True):
            assert requirement(DNSState(dns), tlsa) == word


@pytest.mark.parametrize("trouble", [DNSState.BOGUS, DNSState.FAILED])
def test_trouble_on_the_way_to_the_server_never_falls_back(trouble: DNSState) -> None:
    assert {requirement(trouble, tlsa) for tlsa in TLSAState} == {DaneRequirement.DEFER}


# -- which records count (RFC 7671 9) -------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "kept"),
    [
        ("", ""),
        ("3 1 1", "3 1 1"),
        ("3 1 1, 3 1 2", "3 1 2"),
        ("3 1 2, 3 1 1", "3 1 2"),
        # Each usage and each selector has a strongest digest of its own.
        ("3 1 2, 3 0 1", "3 1 2, 3 0 1"),
        ("3 1 2, 2 1 1", "3 1 2, 2 1 1"),
        ("2 0 1, 2 0 2, 3 1 1", "2 0 2, 3 1 1"),
        # What SMTP cannot use is no competition.
        ("1 1 2, 3 1 1", "3 1 1"),
        ("0 0 1, 1 0 1", ""),
        ("3 1 3, 3 1 1", "3 1 1"),
        ("3 2 2, 3 1 1", "3 1 1"),
    ],
)
def test_the_strongest_digest_of_each_kind_stays(records: str, kept: str) -> None:
    def read(text: str) -> tuple[TLSA, ...]:
        return tuple(
            digest(*(int(number) for number in one.split())) for one in text.split(", ") if one
        )

    assert strongest(read(records)) == read(kept)


def test_a_broken_strong_digest_does_not_hide_a_weaker_one() -> None:
    broken = TLSA(3, 1, 2, bytes(63))
    assert strongest([broken, digest(3, 1, 1)]) == (digest(3, 1, 1),)


def test_all_records_of_the_strongest_digest_stay() -> None:
    # A key rollover has the old and the new one side by side.
    both = (digest(3, 1, 2, 1), digest(3, 1, 2, 2))
    assert strongest([*both, digest(3, 1, 1, 1), both[0]]) == both


def test_a_record_that_holds_the_whole_stays_beside_digests() -> None:
    whole = TLSA.of(LEAF.der, matching_type=MatchingType.FULL)
    assert strongest([whole, digest(3, 1, 2)]) == (whole, digest(3, 1, 2))


RECORDS = st.builds(
    TLSA,
    st.integers(0, 4),
    st.integers(0, 2),
    st.integers(0, 3),
    st.sampled_from([b"", bytes(32), bytes(64), LEAF.der, LEAF.public_key_der]),
)


@given(st.lists(RECORDS, max_size=12))
def test_agility_loses_no_kind_and_keeps_nothing_unusable(records: list[TLSA]) -> None:
    kept = strongest(records)
    assert all(record.is_usable for record in kept)
    assert set(kept) <= set(records)
    kinds = {(record.usage, record.selector) for record in records if record.is_usable}
    assert {(record.usage, record.selector) for record in kept} == kinds
    assert strongest(kept) == kept
    assert set(strongest(reversed(records))) == set(kept)


# -- DANE-EE (RFC 7672 3.1.1) ---------------------------------------------------------------------


@pytest.mark.parametrize("matching_type", list(MatchingType))
@pytest.mark.parametrize("selector", list(Selector))
def test_a_server_that_has_the_certificate_is_authenticated(
    selector: Selector, matching_type: MatchingType
) -> None:
    record = TLSA.of(LEAF.der, selector=selector, matching_type=matching_type)
    match = peer(record).authenticate([LEAF.der], now=NOW_SECONDS)
    assert (match.record, match.name) == (record, "")
    assert str(match) == f"DANE TLSA {record}"


def test_neither_name_nor_dates_nor_issuer_count_for_the_servers_own_certificate() -> None:
    in_fifty_years = NOW_SECONDS + 50 * 365 * 86400
    record = TLSA.of(LEAF.der)
    assert peer(record).authenticate([LEAF.der], now=in_fifty_years).record == record


def test_one_record_of_several_is_enough() -> None:
    right = TLSA.of(LEAF.der)
    wrong = digest(3, 1, 1, 7)
    assert peer(wrong, right).authenticate([LEAF.der], now=NOW_SECONDS).record == right


def test_only_the_servers_own_certificate_counts() -> None:
    # An attacker may show the right certificate behind its own.
    mallory = issue("mallory", BASE)
    with pytest.raises(CertificateRejected) as caught:
        peer(TLSA.of(LEAF.der)).authenticate([mallory.der, LEAF.der], now=NOW_SECONDS)
    assert caught.value.reason is CertificateReason.NO_TLSA_MATCH
    assert caught.value.result_type is TLSResultType.TLSA_INVALID
    assert "3 1 1" in str(caught.value)


@pytest.mark.parametrize("usage", [Usage.DANE_EE, Usage.DANE_TA])
@pytest.mark.parametrize("chain", [[], [b""], [b"no certificate"], [LEAF.der[:-1]]])
def test_what_is_no_certificate_authenticates_nobody(usage: Usage, chain: list[bytes]) -> None:
    with pytest.raises(CertificateRejected):
        peer(digest(usage, 1, 1)).authenticate(chain, now=NOW_SECONDS)


def test_what_an_anchor_needs_is_named_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "postseal.tls.dane_path", raising=False)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingExtra, match=r"postseal\[mx\]"):
        peer(digest(Usage.DANE_TA, 1, 1)).authenticate([LEAF.der], now=NOW_SECONDS)
    # The server's own certificate needs nothing.
    assert peer(TLSA.of(LEAF.der)).authenticate([LEAF.der], now=NOW_SECONDS).name == ""


def test_the_reference_identifiers_are_the_base_domain_and_the_others() -> None:
    found = DanePeer((digest(3, 1, 1),), BASE, ("example.com", BASE, "example.net"))
    assert found.names == (BASE, "example.com", "example.net")
