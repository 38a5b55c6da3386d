"""Refused certificates: by pins, revocation lists and measure, and what the error carries."""

from __future__ import annotations

import datetime
import pickle
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from postseal.audit.lab.flawed_certificates import (
    ROOT,
    Chain,
    Issued,
    Spec,
    authority,
    issue,
)
from postseal.errors import (
    CertificateReason,
    CertificateRejected,
    InvalidSetting,
    TLSError,
    TLSResultType,
)
from postseal.tls import Channel, Opening, TLSLevel, TLSOutcome, Trust
from postseal.tls.levels import PeerProof
from postseal.tls.pins import NoBackupPin, Pin
from postseal.tls.trust import Authorities
from tests.parts.certificate_case import HOST, chain_of
from tests.parts.channels import shake_hands

RESERVE = str(Pin(bytes(32)))
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def connect(
    chain: Chain,
    directory: Path,
    trust: Callable[[Path], Trust] = Trust.only,
    *,
    maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> Channel:
    """Do the handshake with a server that sends the chain; `trust` is given the root's file."""
    leaf, more, key, root = chain.write(directory)
    leaf.write_bytes(leaf.read_bytes() + more.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = maximum
    context.load_cert_chain(leaf, key)
    here = Channel.client(
        HOST, trust=trust(root), level=TLSLevel.AUTHENTICATED, opening=Opening.IMPLICIT
    )
    shake_hands(here, Channel.server(context, opening=Opening.IMPLICIT))
    assert here.is_established
    return here


def refused(
    chain: Chain, directory: Path, trust: Callable[[Path], Trust] = Trust.only
) -> CertificateRejected:
    with pytest.raises(CertificateRejected) as caught:
        connect(chain, directory, trust)
    return caught.value


def pin(issued: Issued) -> str:
    return str(Pin.of_certificate(issued.der))


# -- what the error carries -----------------------------------------------------------------------


def test_a_wrong_name_comes_with_the_names_that_were_found(tmp_path: Path) -> None:
    names = tuple(x509.DNSName(f"{letter}.example.com") for letter in "abcdefg")
    chain = chain_of(Spec(subject="x", names=names), authority("Low"))
    error = refused(chain, tmp_path)
    assert error.reason is CertificateReason.WRONG_NAME
    assert error.result_type is TLSResultType.CERTIFICATE_HOST_MISMATCH
    assert error.names == tuple(f"{letter}.example.com" for letter in "abcdefg")
    assert "it is for a.example.com, b.example.com" in str(error)
    assert "and 2 more" in str(error)
    assert error.chain == tuple(issued.der for issued in chain.sent)
    arrived = pickle.loads(pickle.dumps(error))
    assert vars(arrived) == vars(error)


def test_no_name_at_all_is_said(tmp_path: Path) -> None:
    error = refused(chain_of(Spec(names=())), tmp_path)
    assert error.names == ()
    assert "it is for no name at all" in str(error)


@pytest.mark.parametrize(
    ("spec", "missing"),
    [
        (authority("Low", subject_key_identifier=False), "Subject Key Identifier"),
        (authority("Low", usage=None), "Key Usage"),
    ],
)
def test_a_missing_extension_is_named_with_the_way_out(
    spec: Spec, missing: str, tmp_path: Path
) -> None:
    chain = chain_of(Spec(), spec)
    error = refused(chain, tmp_path)
    assert error.reason is CertificateReason.MALFORMED
    assert f"lacks the extension {missing} (RFC 5280 4.2.1" in str(error)
    assert "dangerous_accept_sloppy_certificates" in str(error)
    connect(chain, tmp_path, lambda root: Trust.only(root).dangerous_accept_sloppy_certificates())


def test_sloppiness_does_not_reach_what_counts(tmp_path: Path) -> None:
    def sloppy(root: Path) -> Trust:
        return Trust.only(root).dangerous_accept_sloppy_certificates()

    for spec, reason in (
        (Spec(days=(-9, -1)), CertificateReason.EXPIRED),
        (Spec(subject="x", names=(x509.DNSName("a.example"),)), CertificateReason.WRONG_NAME),
        (Spec(forged=True), CertificateReason.BAD_SIGNATURE),
    ):
        assert refused(chain_of(spec), tmp_path, sloppy).reason is reason


def test_a_huge_certificate_is_refused_before_it_is_looked_at(tmp_path: Path) -> None:
    names = tuple(x509.DNSName(f"{number}.{'a' * 60}.example") for number in range(2000))
    with pytest.raises(TLSError, match="excessive message size"):
        connect(chain_of(Spec(names=names)), tmp_path)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server of TLS 1.2, whose certificate crosses the network in clear, and its root."""
    leaf, _, key, root = chain_of(Spec()).write(tmp_path_factory.mktemp("server"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(leaf, key)
    return context, root


def take_all(channel: Channel, data: bytes) -> None:
    channel.receive(data)
    # A longer length than before makes it wait for more.
    channel.end_of_stream()


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_certificate_that_was_changed_on_the_way_is_an_error_of_TLS(
    server: tuple[ssl.SSLContext, Path], at: int, change: int
) -> None:
    context, root = server
    here = Channel.client(
        HOST, trust=Trust.only(root), level=TLSLevel.AUTHENTICATED, opening=Opening.IMPLICIT
    )
    there = Channel.server(context, opening=Opening.IMPLICIT)
    there.receive(here.data_to_send())
    flight = bytearray(there.data_to_send())
    # The certificate is in the middle: behind ServerHello, before the signed key exchange.
    flight[len(flight) // 5 + at % (len(flight) // 2)] ^= change
    with pytest.raises(TLSError):
        take_all(here, bytes(flight))
    assert not here.is_established


# -- pins -----------------------------------------------------------------------------------------


def test_a_pinned_key_needs_no_authority_name_or_date(tmp_path: Path) -> None:
    leaf = issue(Spec(subject="x", names=(), days=(-9, -1)), None)
    chain = Chain((leaf,), leaf)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        here = connect(chain, tmp_path, lambda _: Trust.pinned(RESERVE, pin(leaf)), maximum=version)
        outcome = here.outcome()
        assert (outcome.level, outcome.proof) == (TLSLevel.AUTHENTICATED, PeerProof.PIN)
        assert outcome.authenticated_by == f"pinned key {pin(leaf)}"


def test_another_key_than_the_pinned_one(tmp_path: Path) -> None:
    chain = chain_of(Spec())
    other = Pin(b"x" * 32)
    error = refused(chain, tmp_path, lambda _: Trust.pinned(RESERVE, str(other)))
    assert error.reason is CertificateReason.WRONG_PIN
    assert error.result_type is TLSResultType.CERTIFICATE_NOT_TRUSTED
    # What to write down, if the renewal was meant.
    assert pin(chain.sent[0]) in str(error)
    assert error.chain == (chain.sent[0].der,)


def test_the_key_of_the_authority_is_no_key_of_the_server(tmp_path: Path) -> None:
    chain = chain_of(Spec(), authority("Low"))
    error = refused(chain, tmp_path, lambda _: Trust.pinned(RESERVE, pin(chain.sent[1])))
    assert error.reason is CertificateReason.WRONG_PIN


def test_pins_beside_authorities_ask_for_both(tmp_path: Path) -> None:
    chain = chain_of(Spec())
    good = pin(chain.sent[0])
    here = connect(chain, tmp_path, lambda root: Trust.only(root).and_pinned(good, RESERVE))
    outcome = here.outcome()
    assert (outcome.level, outcome.proof) == (TLSLevel.AUTHENTICATED, PeerProof.PKIX)
    assert outcome.authenticated_by.endswith("root.pem, and a pinned key")
    error = refused(
        chain, tmp_path, lambda root: Trust.only(root).and_pinned(str(Pin(b"x" * 32)), RESERVE)
    )
    assert error.reason is CertificateReason.WRONG_PIN
    expired = chain_of(Spec(days=(-9, -1)))
    error = refused(
        expired, tmp_path, lambda root: Trust.only(root).and_pinned(pin(expired.sent[0]), RESERVE)
    )
    assert error.reason is CertificateReason.EXPIRED


def test_a_pin_without_another_in_reserve_is_warned_about() -> None:
    for one in ((RESERVE,), (RESERVE, RESERVE)):
        with pytest.warns(NoBackupPin, match="a key in reserve"):
            assert Trust.pinned(*one).pins == {Pin(bytes(32))}
    with pytest.warns(NoBackupPin):
        Trust.system().and_pinned(RESERVE)


def test_pins_that_mean_nothing_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="no pin was given"):
        Trust.pinned()
    with pytest.raises(InvalidSetting, match="not a pin"):
        Trust.pinned(RESERVE, "sha256/hello")
    with pytest.raises(InvalidSetting, match="there must be a pin"):
        Trust(authorities=Authorities.NOBODY)
    anybody = Trust.dangerous_accept_any_certificate()
    with pytest.raises(InvalidSetting, match="no meaning"):
        anybody.and_pinned(RESERVE, str(Pin(b"x" * 32)))
    for trust in (anybody, Trust.pinned(RESERVE, str(Pin(b"x" * 32)))):
        with pytest.raises(InvalidSetting, match="no meaning"):
            trust.with_revocation_list("crl.pem")


# -- nobody ---------------------------------------------------------------------------------------


def test_anybody_is_taken_and_nobody_is_called_authenticated(tmp_path: Path) -> None:
    leaf = issue(Spec(subject="x", names=(), days=(-9, -1)), None)
    here = connect(
        Chain((leaf,), leaf), tmp_path, lambda _: Trust.dangerous_accept_any_certificate()
    )
    outcome = here.outcome()
    assert (outcome.level, outcome.proof) == (TLSLevel.ENCRYPTED, PeerProof.WAIVED)
    assert outcome.authenticated_by == ""
    assert "peer not authenticated (dangerous_accept_any_certificate)" in str(outcome)
    assert isinstance(outcome, TLSOutcome)


# -- revocation -----------------------------------------------------------------------------------


def revocation_list(
    issuer: Issued, *revoked: Issued, until: datetime.datetime = NOW + DAY
) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(NOW - 2 * DAY)
        .next_update(until)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
    )
    for certificate in revoked:
        serial = x509.load_der_x509_certificate(certificate.der).serial_number
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(serial)
            .revocation_date(NOW - DAY)
            .build()
        )
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_revocation_lists(tmp_path: Path) -> None:
    chain = chain_of(Spec())
    leaf, root = chain.sent[0], chain.trusted
    namesake = issue(ROOT, None, owner="impostor")
    lists = tmp_path / "lists.pem"

    def with_lists(ca_file: Path) -> Trust:
        return Trust.only(ca_file).with_revocation_list(lists)

    # Contexts are cached by the names of files: each case has a root of its own folder.
    for number, (content, reason) in enumerate(
        (
            (revocation_list(root), None),
            (revocation_list(root, leaf), CertificateReason.REVOKED),
            (
                revocation_list(root, until=NOW - DAY),
                CertificateReason.REVOCATION_UNKNOWN,
            ),
            (
                revocation_list(issue(authority("Other"), None)),
                CertificateReason.REVOCATION_UNKNOWN,
            ),
            (revocation_list(namesake), CertificateReason.REVOCATION_UNKNOWN),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        lists.write_bytes(content)
        if reason is None:
            connect(chain, folder, with_lists)
            continue
        assert refused(chain, folder, with_lists).reason is reason
    lists.write_bytes(b"no list")
    folder = tmp_path / "none"
    folder.mkdir()
    with pytest.raises(InvalidSetting, match=r"the revocation list .* cannot be used"):
        connect(chain, folder, with_lists)
