"""DANE-TA (RFC 7672 3.1.2, RFC 7671 5.2): whose anchor it is, and what its certificates may."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import CertificateReason, CertificateRejected
from postseal.tls.dane import DanePeer, strongest
from postseal.tls.tlsa import TLSA, MatchingType, Selector, Usage
from tests.parts.chains import (
    EXPIRED,
    NOT_YET_VALID,
    NOW,
    Issued,
    issue,
    with_bits_for_a_name,
)

BASE = "mx.example.com"
DAY = datetime.timedelta(days=1)
ROOT = issue("root", authority=True)
MIDDLE = issue("middle", issuer=ROOT, authority=True)
LEAF = issue("server", BASE, issuer=MIDDLE)
CHAIN = (LEAF, MIDDLE, ROOT)


def anchor(
    issued: Issued,
    selector: Selector = Selector.SPKI,
    matching_type: MatchingType = MatchingType.SHA2_256,
) -> TLSA:
    return TLSA.of(issued.der, usage=Usage.DANE_TA, selector=selector, matching_type=matching_type)


def authenticate(
    records: Sequence[TLSA],
    chain: Sequence[Issued],
    *others: str,
    base: str = BASE,
    now: datetime.datetime = NOW,
) -> str:
    peer = DanePeer(strongest(records), base, others)
    match = peer.authenticate([one.der for one in chain], now=now.timestamp())
    assert match.record in records
    return match.name


def refused(
    records: Sequence[TLSA],
    chain: Sequence[Issued],
    *,
    base: str = BASE,
    now: datetime.datetime = NOW,
) -> CertificateReason:
    with pytest.raises(CertificateRejected) as caught:
        authenticate(records, chain, base=base, now=now)
    assert str(caught.value).isprintable()
    return caught.value.reason


@pytest.mark.parametrize("matching_type", list(MatchingType))
@pytest.mark.parametrize("selector", list(Selector))
@pytest.mark.parametrize("named", [MIDDLE, ROOT], ids=["middle", "root"])
def test_an_anchor_in_the_chain_vouches_for_the_server(
    named: Issued, selector: Selector, matching_type: MatchingType
) -> None:
    assert authenticate([anchor(named, selector, matching_type)], CHAIN) == BASE


@pytest.mark.parametrize("selector", list(Selector))
@pytest.mark.parametrize(
    ("named", "sent"),
    [(ROOT, (LEAF, MIDDLE)), (MIDDLE, (LEAF,))],
    ids=["root", "issuer of the server"],
)
def test_an_anchor_that_the_dns_holds_whole_need_not_be_sent(
    named: Issued, sent: Sequence[Issued], selector: Selector
) -> None:
    # RFC 7671 5.2.2: for digests the server has to send it.
    assert authenticate([anchor(named, selector, MatchingType.FULL)], sent) == BASE
    assert refused([anchor(named, selector)], sent) is CertificateReason.NO_TLSA_MATCH


def test_the_order_of_the_chain_does_not_matter_and_what_is_useless_is_passed_over() -> None:
    stranger = issue("stranger", authority=True)
    assert authenticate([anchor(ROOT)], (LEAF, stranger, ROOT, MIDDLE)) == BASE


def test_an_anchor_that_signed_nothing_vouches_for_nothing() -> None:
    # The right authority's certificate is public: an attacker sends it along.
    mallory = issue("server", BASE)
    assert refused([anchor(ROOT)], (mallory, ROOT)) is CertificateReason.UNKNOWN_ISSUER


def test_an_issuers_name_without_its_signature_is_nothing() -> None:
    forged = issue("server", BASE, claims_issuer="root")
    assert refused([anchor(ROOT)], (forged, ROOT)) is CertificateReason.UNKNOWN_ISSUER
    whole = anchor(ROOT, Selector.SPKI, MatchingType.FULL)
    assert refused([whole], (forged,)) is CertificateReason.UNKNOWN_ISSUER


@pytest.mark.parametrize("matching_type", list(MatchingType))
@pytest.mark.parametrize("selector", list(Selector))
def test_the_servers_own_certificate_is_no_anchor(
    selector: Selector, matching_type: MatchingType
) -> None:
    own = anchor(LEAF, selector, matching_type)
    assert refused([own], CHAIN)
    assert refused([own], (LEAF, LEAF))
    selfish = issue("server", BASE, authority=True)
    assert refused([anchor(selfish, selector, MatchingType.SHA2_256)], (selfish, selfish))


# -- names (RFC 7672 3.2.2, 3.2.3) ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("presented", "matched"),
    [
        ("mx.example.com", True),
        ("MX.Example.COM", True),
        ("*.example.com", True),
        ("example.com", False),
        ("*.com", False),
        ("*", False),
        ("mx*.example.com", False),
        ("*x.example.com", False),
        ("*.mx.example.com", False),
        ("a.mx.example.com", False),
        ("mx.example.com.attacker.example", False),
        ("mx.example.org", False),
    ],
)
def test_the_certificate_must_hold_the_name(presented: str, matched: bool) -> None:
    chain = (issue("server", presented, issuer=ROOT), ROOT)
    if matched:
        assert authenticate([anchor(ROOT)], chain) == BASE
    else:
        assert refused([anchor(ROOT)], chain) is CertificateReason.WRONG_NAME


def test_the_next_hop_and_what_it_is_an_alias_of_are_names_too() -> None:
    others = ("example.com", "alias.example.net")
    for name in (BASE, *others):
        chain = (issue("server", name, issuer=ROOT), ROOT)
        assert authenticate([anchor(ROOT)], chain, *others) == name


def test_a_name_in_the_subject_alone_is_none() -> None:
    # RFC 9525 6.3, where RFC 7672 3.2.3 still allowed it.
    chain = (issue(BASE, issuer=ROOT), ROOT)
    assert refused([anchor(ROOT)], chain) is CertificateReason.WRONG_NAME


# -- what certificates may (RFC 5280 4.2) ---------------------------------------------------------


def usage(*, signs: bool) -> tuple[x509.ExtensionType, bool]:
    allowed = x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return allowed, True


def purpose(identifier: x509.ObjectIdentifier) -> tuple[x509.ExtensionType, bool]:
    return x509.ExtendedKeyUsage([identifier]), False


def permitted(*names: str) -> tuple[x509.ExtensionType, bool]:
    return x509.NameConstraints([x509.DNSName(name) for name in names], None), True


UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)


@pytest.mark.parametrize(
    ("authority", "accepted"),
    [
        (issue("ca", authority=True), True),
        (issue("ca", authority=True, path_length=0), True),
        (issue("ca", authority=True, extensions=[usage(signs=True)]), True),
        (issue("ca", authority=True, extensions=[permitted("example.com")]), True),
        (issue("ca", authority=True, extensions=[purpose(ExtendedKeyUsageOID.SERVER_AUTH)]), True),
        (issue("ca", authority=False), False),
        (issue("ca"), False),
        (issue("ca", authority=True, extensions=[usage(signs=False)]), False),
        (issue("ca", authority=True, extensions=[permitted("example.org")]), False),
        (issue("ca", authority=True, extensions=[UNKNOWN]), False),
        (issue("ca", authority=True, extensions=[purpose(ExtendedKeyUsageOID.CLIENT_AUTH)]), False),
        (issue("ca", authority=True, dates=EXPIRED), False),
        (issue("ca", authority=True, dates=NOT_YET_VALID), False),
        (issue("ca", authority=True, key=rsa.generate_private_key(65537, 2048)), True),
        (issue("ca", authority=True, key=ec.generate_private_key(ec.SECP384R1())), True),
        # What `cryptography` verifies no paths with.
        (issue("ca", authority=True, key=ed25519.Ed25519PrivateKey.generate()), False),
        (issue("ca", authority=True, key=rsa.generate_private_key(65537, 1024)), False),
    ],
    ids=[
        "plain",
        "path length 0",
        "may sign",
        "may name it",
        "for servers",
        "no authority",
        "nothing said",
        "may not sign",
        "may not name it",
        "unknown critical extension",
        "for clients",
        "expired",
        "not yet valid",
        "RSA",
        "P-384",
        "Ed25519",
        "weak RSA",
    ],
)
def test_an_anchor_must_be_allowed_to_issue(authority: Issued, accepted: bool) -> None:
    chain = (issue("server", BASE, issuer=authority), authority)
    if accepted:
        assert authenticate([anchor(authority)], chain) == BASE
    else:
        assert refused([anchor(authority)], chain) is CertificateReason.UNKNOWN_ISSUER


def test_no_more_authorities_may_stand_between_than_the_anchor_allows() -> None:
    root = issue("root", authority=True, path_length=0)
    middle = issue("middle", issuer=root, authority=True)
    chain = (issue("server", BASE, issuer=middle), middle, root)
    assert refused([anchor(root)], chain) is CertificateReason.UNKNOWN_ISSUER
    assert authenticate([anchor(middle)], chain) == BASE


def test_a_server_cannot_issue_for_others() -> None:
    customer = issue("customer", "customer.example", issuer=ROOT)
    chain = (issue("server", BASE, issuer=customer), customer, ROOT)
    assert refused([anchor(ROOT)], chain) is CertificateReason.UNKNOWN_ISSUER


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        (NOW - 2 * DAY, CertificateReason.NOT_YET_VALID),
        (NOW + 2 * DAY, CertificateReason.EXPIRED),
    ],
)
def test_dates_count(moment: datetime.datetime, reason: CertificateReason) -> None:
    assert refused([anchor(ROOT)], CHAIN, now=moment) is reason


def test_the_certificate_must_be_for_servers() -> None:
    server = [purpose(ExtendedKeyUsageOID.SERVER_AUTH)]
    client = [purpose(ExtendedKeyUsageOID.CLIENT_AUTH)]
    chain = (issue("server", BASE, issuer=ROOT, extensions=server), ROOT)
    assert authenticate([anchor(ROOT)], chain) == BASE
    chain = (issue("server", BASE, issuer=ROOT, extensions=client), ROOT)
    assert refused([anchor(ROOT)], chain) is CertificateReason.WRONG_PURPOSE


def test_the_servers_own_record_is_enough_where_the_anchors_fails() -> None:
    chain = (issue("server", "elsewhere.example", issuer=ROOT), ROOT)
    records = [anchor(ROOT), TLSA.of(chain[0].der)]
    peer = DanePeer(strongest(records), BASE)
    match = peer.authenticate([one.der for one in chain], now=NOW.timestamp())
    assert match.record == records[1]


# -- bad input ------------------------------------------------------------------------------------


def test_an_absurd_chain_is_refused_before_it_is_read() -> None:
    chain = (LEAF, *[issue(f"ca {number}", authority=True) for number in range(10)])
    assert refused([anchor(ROOT)], chain) is CertificateReason.CHAIN_TOO_LONG


def test_a_name_that_is_no_text_is_refused() -> None:
    # `cryptography` says so by a TypeError, and only when the name is looked at.
    shown = with_bits_for_a_name(BASE)
    peer = DanePeer((anchor(ROOT),), BASE)
    with pytest.raises(CertificateRejected) as caught:
        peer.authenticate([shown, ROOT.der], now=NOW.timestamp())
    assert caught.value.reason is CertificateReason.MALFORMED
    match = peer.authenticate([LEAF.der, shown, MIDDLE.der, ROOT.der], now=NOW.timestamp())
    assert match.name == BASE


@pytest.mark.parametrize("held", [b"\x30\x00", b"\x30\x03\x02\x01\x00"])
def test_a_record_that_holds_nonsense_vouches_for_nothing(held: bytes) -> None:
    record = TLSA(Usage.DANE_TA, Selector.SPKI, MatchingType.FULL, held)
    assert refused([record], CHAIN) is CertificateReason.NO_TLSA_MATCH


SIGNED = LEAF.certificate.tbs_certificate_bytes
# A serial number that becomes negative by the change.
tolerant = pytest.mark.filterwarnings("ignore:Parsed a serial number")


@tolerant
@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_a_certificate_changed_anywhere_is_refused(position: int, difference: int) -> None:
    changed = bytearray(LEAF.der)
    changed[LEAF.der.index(SIGNED) + position] ^= difference
    peer = DanePeer((anchor(ROOT),), BASE)
    with pytest.raises(CertificateRejected):
        peer.authenticate([bytes(changed), MIDDLE.der, ROOT.der], now=NOW.timestamp())


@tolerant
@given(st.integers(0, 2), st.integers(0, 300), st.binary(min_size=1, max_size=3))
def test_whatever_a_server_shows_is_accepted_or_refused(
    which: int, position: int, replacement: bytes
) -> None:
    chain = [one.der for one in CHAIN]
    chain[which] = (
        chain[which][:position] + replacement + chain[which][position + len(replacement) :]
    )
    for matching_type in MatchingType:
        record = anchor(ROOT, Selector.SPKI, matching_type)
        peer = DanePeer((record,), BASE)
        try:
            match = peer.authenticate(chain, now=NOW.timestamp())
        except CertificateRejected:
            assert chain != [one.der for one in CHAIN]
        else:
            assert (match.record, match.name) == (record, BASE)
            # The anchor is known by its key; all below it is as it was signed.
            assert SIGNED in chain[0]
            assert MIDDLE.certificate.tbs_certificate_bytes in chain[1]
