"""TLS in memory: both roles against each other and against plain OpenSSL, and every way to fail."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from hashlib import sha256

import pytest

from postseal.errors import (
    CertificateReason,
    CertificateRejected,
    HandshakeFailed,
    Phase,
    StartTLSInjection,
    TLSError,
    TLSResultType,
)
from postseal.tls import Channel, Opening, TLSLevel, server_context
from tests.parts.channels import client, server, shake_hands
from tests.parts.flawed_certificates import Certificates, Flaw

AUTHENTICATED = TLSLevel.AUTHENTICATED
REASONS = {
    Flaw.OTHER_NAME: (CertificateReason.WRONG_NAME, TLSResultType.CERTIFICATE_HOST_MISMATCH),
    # RFC 9525 6.3: a name in the subject is no name.
    Flaw.NAME_IN_SUBJECT_ALONE: (
        CertificateReason.WRONG_NAME,
        TLSResultType.CERTIFICATE_HOST_MISMATCH,
    ),
    Flaw.EXPIRED: (CertificateReason.EXPIRED, TLSResultType.CERTIFICATE_EXPIRED),
    Flaw.NOT_YET_VALID: (CertificateReason.NOT_YET_VALID, TLSResultType.CERTIFICATE_EXPIRED),
    Flaw.SELF_SIGNED: (CertificateReason.SELF_SIGNED, TLSResultType.CERTIFICATE_NOT_TRUSTED),
    Flaw.UNKNOWN_AUTHORITY: (
        CertificateReason.UNKNOWN_ISSUER,
        TLSResultType.CERTIFICATE_NOT_TRUSTED,
    ),
    Flaw.WRONG_PURPOSE: (CertificateReason.WRONG_PURPOSE, TLSResultType.CERTIFICATE_NOT_TRUSTED),
    Flaw.WEAK_KEY: (CertificateReason.WEAK_KEY, TLSResultType.CERTIFICATE_NOT_TRUSTED),
    Flaw.ISSUED_BY_A_SERVER: (
        CertificateReason.NOT_AN_AUTHORITY,
        TLSResultType.CERTIFICATE_NOT_TRUSTED,
    ),
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_both_roles_in_pieces_of_any_size(certificates: Certificates, piece: int) -> None:
    here, there = client(certificates), server(certificates.context())
    shake_hands(here, there, piece=piece)
    assert here.is_established
    assert there.is_established
    here.send(b"x" * 100_000)
    sealed = here.data_to_send()
    plain = b"".join(there.receive(sealed[at : at + 1009]) for at in range(0, len(sealed), 1009))
    assert plain == b"x" * 100_000
    assert b"xxxxxxxx" not in sealed
    here.close()
    assert there.receive(here.data_to_send()) == b""
    assert there.is_ended
    assert not here.is_ended
    there.close()
    assert here.receive(there.data_to_send()) == b""
    assert here.is_ended


def test_an_outcome_names_what_proved_the_peer(certificates: Certificates) -> None:
    chain = certificates.chain_file()
    for level in (TLSLevel.OPPORTUNISTIC, TLSLevel.ENCRYPTED, AUTHENTICATED):
        here, there = client(certificates, level=level), server(server_context(chain, chain))
        shake_hands(here, there)
        outcome = here.outcome()
        assert outcome.version == "TLSv1.3"
        assert outcome.cipher in {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
        pem = chain.read_text().partition("-----BEGIN CERT")
        certificate = ssl.PEM_cert_to_DER_cert(
            (pem[1] + pem[2]).partition("-----END CERTIFICATE-----")[0]
            + "-----END CERTIFICATE-----"
        )
        assert outcome.peer_certificate == sha256(certificate).hexdigest()
        if level is AUTHENTICATED:
            assert outcome.level is AUTHENTICATED
            assert outcome.authenticated_by == (
                f"certificate for localhost, authorities in {certificates.ca_file}"
            )
        else:
            # Opportunistic, and lucky: still nobody was authenticated.
            assert outcome.level is TLSLevel.ENCRYPTED
            assert outcome.authenticated_by == ""
        assert there.outcome().peer_certificate == ""
        assert there.outcome().level is TLSLevel.ENCRYPTED


@pytest.mark.parametrize("flaw", REASONS, ids=lambda flaw: flaw.value)
def test_a_certificate_with_a_flaw(certificates: Certificates, flaw: Flaw) -> None:
    reason, result_type = REASONS[flaw]
    here, there = client(certificates), server(certificates.context(flaw))
    with pytest.raises(CertificateRejected) as caught:
        shake_hands(here, there)
    error = caught.value
    assert (error.reason, error.result_type, error.phase) == (reason, result_type, Phase.HANDSHAKE)
    assert str(reason) in str(error)
    assert not here.is_established
    # The peer is told by an alert, and nothing else can be sealed.
    assert here.data_to_send()
    with pytest.raises(TLSError):
        here.send(b"AUTH PLAIN AGFkYQBodW50ZXIy\r\n")
    assert here.data_to_send() == b""


@pytest.mark.parametrize("host", ["mail.example.org", "localhost.example.org", "127.0.0.1", "::1"])
def test_another_host_than_the_certificate_names(certificates: Certificates, host: str) -> None:
    here, there = client(certificates, host=host), server(certificates.context())
    with pytest.raises(CertificateRejected) as caught:
        shake_hands(here, there)
    assert caught.value.reason is CertificateReason.WRONG_NAME


def test_a_host_with_the_dot_of_the_root_is_the_same_host(certificates: Certificates) -> None:
    here, there = client(certificates, host="localhost."), server(certificates.context())
    shake_hands(here, there)
    assert here.is_established


# OpenSSL's security level judges keys also where nobody is verified.
@pytest.mark.parametrize(
    "flaw", sorted(REASONS.keys() - {Flaw.WEAK_KEY}), ids=lambda flaw: flaw.value
)
def test_encryption_without_authentication_takes_any(
    certificates: Certificates, flaw: Flaw
) -> None:
    here = client(certificates, level=TLSLevel.ENCRYPTED)
    shake_hands(here, server(certificates.context(flaw)))
    assert here.outcome().level is TLSLevel.ENCRYPTED


def weak(certificates: Certificates, change: Callable[[ssl.SSLContext], None]) -> ssl.SSLContext:
    context = certificates.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    change(context)
    return context


def only(version: ssl.TLSVersion) -> Callable[[ssl.SSLContext], None]:
    def change(context: ssl.SSLContext) -> None:
        context.minimum_version = version
        context.maximum_version = version

    return change


def only_ciphers(names: str) -> Callable[[ssl.SSLContext], None]:
    def change(context: ssl.SSLContext) -> None:
        only(ssl.TLSVersion.TLSv1_2)(context)
        context.set_ciphers(f"{names}:@SECLEVEL=0")

    return change


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
@pytest.mark.parametrize(
    "change",
    [
        only(ssl.TLSVersion.TLSv1),
        only(ssl.TLSVersion.TLSv1_1),
        # No forward secrecy; no authenticated encryption; nobody at the other end.
        only_ciphers("AES256-GCM-SHA384"),
        only_ciphers("ECDHE-ECDSA-AES256-SHA384"),
        only_ciphers("aNULL"),
    ],
    ids=["TLS 1.0", "TLS 1.1", "no ECDHE", "CBC", "anonymous"],
)
@pytest.mark.parametrize("level", [TLSLevel.OPPORTUNISTIC, AUTHENTICATED], ids=lambda x: x.word)
def test_weak_TLS_is_no_TLS(
    certificates: Certificates, change: Callable[[ssl.SSLContext], None], level: TLSLevel
) -> None:
    here, there = client(certificates, level=level), server(weak(certificates, change))
    with pytest.raises(HandshakeFailed) as caught:
        shake_hands(here, there)
    assert caught.value.phase is Phase.HANDSHAKE
    # Whoever noticed told the other, which then fails as well.
    for source, sink in ((there, here), (here, there)):
        if alert := source.data_to_send():
            with pytest.raises(HandshakeFailed):
                sink.receive(alert)
    assert not here.is_established


def test_TLS_1_2_with_a_good_suite_is_good(certificates: Certificates) -> None:
    context = weak(certificates, only_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256"))
    here = client(certificates)
    shake_hands(here, server(context))
    assert here.outcome().version == "TLSv1.2"
    assert here.outcome().level is AUTHENTICATED


@pytest.mark.parametrize("said", [b"250 ok\r\n", b"\r\n", b"\x00", b"\x80\x2e\x01", b"<html>"])
def test_what_is_no_record_is_said_in_clear(certificates: Certificates, said: bytes) -> None:
    behind_starttls = client(certificates)
    with pytest.raises(StartTLSInjection, match="data in clear arrived") as injected:
        behind_starttls.receive(said)
    assert injected.value.phase is Phase.HANDSHAKE
    at_once = client(certificates, opening=Opening.IMPLICIT)
    with pytest.raises(HandshakeFailed, match="does not speak TLS on this port") as plain:
        at_once.receive(said)
    assert plain.value.hint is not None
    assert "smtp:// instead of smtps://" in plain.value.hint


def test_what_a_client_says_in_clear_is_not_repeated(certificates: Certificates) -> None:
    # It may be a password that was sent too early.
    for opening in Opening:
        channel = Channel.server(certificates.context(), opening=opening)
        with pytest.raises(TLSError) as caught:
            channel.receive(b"AUTH PLAIN AGFkYQBodW50ZXIy\r\n")
        assert "AGFk" not in str(caught.value)


@pytest.mark.parametrize(
    "record",
    [b"\x16\x03\x01\x00\x05hello", b"\x15\x03\x03\x00\x02\x02\x28", b"\x17\x03\x03\x00\x01x"],
)
def test_records_that_are_no_handshake(certificates: Certificates, record: bytes) -> None:
    channel = client(certificates)
    with pytest.raises(HandshakeFailed):
        channel.receive(record)


def test_the_end_in_the_handshake_is_its_failure(certificates: Certificates) -> None:
    channel = client(certificates)
    with pytest.raises(HandshakeFailed, match="closed the connection during the TLS handshake"):
        channel.end_of_stream()


def test_the_end_without_a_word_is_an_end(certificates: Certificates) -> None:
    here, there = client(certificates), server(certificates.context())
    shake_hands(here, there)
    here.end_of_stream()
    assert here.is_ended


def test_a_record_that_was_changed_on_the_way(certificates: Certificates) -> None:
    here, there = client(certificates), server(certificates.context())
    shake_hands(here, there)
    there.send(b"250 ok\r\n")
    sealed = bytearray(there.data_to_send())
    sealed[-1] ^= 1
    with pytest.raises(TLSError, match="the TLS connection broke"):
        here.receive(bytes(sealed))
    with pytest.raises(TLSError, match="the TLS connection broke"):
        here.send(b"MAIL FROM:<>\r\n")
    here.close()


def test_nothing_is_sealed_before_the_handshake(certificates: Certificates) -> None:
    channel = client(certificates)
    channel.data_to_send()
    with pytest.raises(TLSError):
        channel.send(b"AUTH PLAIN AGFkYQBodW50ZXIy\r\n")
    assert b"AUTH" not in channel.data_to_send()


def test_data_behind_the_handshake_in_the_same_segment_is_not_lost(
    certificates: Certificates,
) -> None:
    # In TLS 1.2 the server finishes the handshake, and may speak in the same segment.
    context = weak(certificates, only_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256"))
    here, there = client(certificates), server(context)
    there.receive(here.data_to_send())
    here.receive(there.data_to_send())
    there.receive(here.data_to_send())
    there.send(b"220 mail.example.org\r\n")
    assert here.receive(there.data_to_send()) == b"220 mail.example.org\r\n"
    assert here.is_established
