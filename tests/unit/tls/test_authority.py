"""The local authority: what it issues must satisfy the strictest reading of RFC 5280."""

from __future__ import annotations

import datetime
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from postseal.errors import InvalidInput
from postseal.tls.authority import (
    IssuedCertificate,
    LocalAuthority,
    is_for_clients,
    names_of,
    needs_renewal,
)
from tests.parts.chains import with_bits_for_a_name

NAMES = ("mail.example.com", "localhost", "127.0.0.1", "::1")
NOON = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC).timestamp()
DAY = 86400


def shake_hands(
    authority: LocalAuthority, issued: IssuedCertificate, name: str, folder: Path
) -> bytes | None:
    """Run a TLS handshake in memory with a client that is as strict as Python 3.13.

    Returns the certificate that the client took, in DER.
    """
    chain, key = folder / "server.pem", folder / "server.key"
    chain.write_bytes(issued.chain_pem)
    key.write_bytes(issued.key_pem)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(chain, key)
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    client_context.load_verify_locations(cadata=authority.certificate_pem.decode())
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    unfinished = [client, server]
    while unfinished:
        unfinished = [side for side in unfinished if not finishes(side)]
    return client.getpeercert(binary_form=True)


def finishes(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


@pytest.mark.parametrize("name", NAMES)
def test_a_strict_client_accepts_every_name(name: str, tmp_path: Path) -> None:
    authority = LocalAuthority.create()
    issued = authority.issue_server(NAMES)
    taken = shake_hands(authority, issued, name, tmp_path)
    assert taken == issued.certificate.public_bytes(serialization.Encoding.DER)


def test_a_strict_client_refuses_another_name_and_another_authority(tmp_path: Path) -> None:
    authority = LocalAuthority.create()
    issued = authority.issue_server(NAMES)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(authority, issued, "other.example.com", tmp_path)
    # The same name, another key.
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        shake_hands(LocalAuthority.create(), issued, "localhost", tmp_path)


def test_a_name_too_long_for_the_subject_stands_in_the_alternative_name_alone(
    tmp_path: Path,
) -> None:
    name = f"{'a' * 60}.{'b' * 60}.example.com"
    authority = LocalAuthority.create()
    issued = authority.issue_server([name])
    assert not list(issued.certificate.subject)
    extension = issued.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert extension.critical
    shake_hands(authority, issued, name, tmp_path)


@pytest.mark.needs("openssl")
def test_openssl_verifies_the_chain_strictly(
    tmp_path: Path, program: Callable[[str], Path]
) -> None:
    authority = LocalAuthority.create()
    root, leaf = tmp_path / "ca.pem", tmp_path / "server.pem"
    root.write_bytes(authority.certificate_pem)
    leaf.write_bytes(authority.issue_server(NAMES).chain_pem)
    command = [str(program("openssl")), "verify", "-x509_strict", "-check_ss_sig"]
    command += ["-purpose", "sslserver", "-CAfile", str(root)]
    for check in (["-verify_hostname", "mail.example.com"], ["-verify_ip", "::1"]):
        done = subprocess.run(
            [*command, *check, str(leaf)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    wrong = [*command, "-verify_hostname", "other.example.com", str(leaf)]
    assert subprocess.run(wrong, capture_output=True, check=False).returncode != 0


def test_the_authority_can_issue_no_authority() -> None:
    certificate = LocalAuthority.create().certificate
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.digital_signature) == (True, False)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)


def test_lifetimes_follow_the_clock() -> None:
    authority = LocalAuthority.create(clock=lambda: NOON)
    leaf = authority.issue_server(["localhost"], clock=lambda: NOON).certificate
    assert leaf.not_valid_after_utc.timestamp() == NOON + 90 * DAY
    assert leaf.not_valid_before_utc.timestamp() == NOON - 3600
    assert authority.certificate.not_valid_after_utc.timestamp() == NOON + 3652 * DAY


def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left() -> None:
    authority = LocalAuthority.create(clock=lambda: NOON)
    leaf = authority.issue_server(["localhost"], clock=lambda: NOON).certificate
    assert not needs_renewal(leaf, NOON)
    assert not needs_renewal(leaf, NOON + 59 * DAY)
    assert needs_renewal(leaf, NOON + 60 * DAY)
    assert needs_renewal(leaf, NOON + 91 * DAY)
    # A clock that was set back makes it a certificate of the future.
    assert needs_renewal(leaf, NOON - 2 * 3600)


def test_a_certificate_never_outlives_its_authority() -> None:
    authority = LocalAuthority.create(clock=lambda: NOON)
    late = authority.issue_server(["localhost"], clock=lambda: NOON + 3650 * DAY).certificate
    assert late.not_valid_after_utc == authority.certificate.not_valid_after_utc
    with pytest.raises(InvalidInput, match="the authority expired on 2036-05-31"):
        authority.issue_server(["localhost"], clock=lambda: NOON + 3652 * DAY)


def test_from_pem_gives_the_same_authority() -> None:
    made = LocalAuthority.create()
    kept = LocalAuthority.from_pem(certificate_pem=made.certificate_pem, key_pem=made.key_pem)
    assert kept.certificate == made.certificate
    leaf = kept.issue_server(["localhost"]).certificate
    assert made.has_issued(leaf)
    assert not LocalAuthority.create().has_issued(leaf)


def test_a_new_certificate_for_the_same_key_is_trusted_like_the_old(tmp_path: Path) -> None:
    old = LocalAuthority.create()
    new = LocalAuthority.create(key_pem=old.key_pem)
    assert new.certificate != old.certificate
    shake_hands(old, new.issue_server(["localhost"]), "localhost", tmp_path)


def test_what_does_not_belong_together_is_refused() -> None:
    one, other = LocalAuthority.create(), LocalAuthority.create()
    leaf = one.issue_server(["localhost"])
    cases = [
        (one.certificate_pem, other.key_pem, "do not belong together"),
        (leaf.chain_pem, leaf.key_pem, "not that of an authority"),
        (b"", one.key_pem, "certificate cannot be read"),
        (
            ssl.DER_cert_to_PEM_cert(with_bits_for_a_name()).encode(),
            one.key_pem,
            "certificate cannot be read",
        ),
        (one.certificate_pem, b"\x00", "key cannot be read"),
        (one.certificate_pem, one.key_pem[:-60], "key cannot be read"),
        (one.certificate_pem, other_kind_of_key(), "not one for elliptic curves"),
    ]
    for certificate_pem, key_pem, reason in cases:
        with pytest.raises(InvalidInput, match=reason):
            LocalAuthority.from_pem(certificate_pem=certificate_pem, key_pem=key_pem)


def other_kind_of_key() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    ("names", "reason"),
    [([], "needs a name"), (["bücher.example"], "write A-labels")],
)
def test_names_that_cannot_be_certified_are_refused(names: list[str], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        LocalAuthority.create().issue_server(names)


@pytest.mark.parametrize(
    ("name", "names"),
    [("ada@example.com", ("ada@example.com",)), ("relay-7", ()), ("Ada Lovelace", ())],
)
def test_a_clients_certificate_is_of_no_use_to_a_server(
    name: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    authority = LocalAuthority.create()
    issued = authority.issue_client(name)
    assert is_for_clients(issued.certificate)
    assert names_of(issued.certificate) == names
    assert issued.certificate.subject.rfc4514_string() == f"CN={name}"
    with pytest.raises(ssl.SSLCertVerificationError, match="unsuitable certificate purpose"):
        shake_hands(authority, issued, "relay-7", tmp_path)


@pytest.mark.needs("openssl")
def test_openssl_takes_a_clients_certificate(
    tmp_path: Path, program: Callable[[str], Path]
) -> None:
    authority = LocalAuthority.create()
    root, leaf = tmp_path / "ca.pem", tmp_path / "client.pem"
    root.write_bytes(authority.certificate_pem)
    leaf.write_bytes(authority.issue_client("ada@example.com").chain_pem)
    command = [str(program("openssl")), "verify", "-x509_strict", "-CAfile", str(root)]
    for purpose, accepts in (("sslclient", True), ("sslserver", False)):
        done = subprocess.run(
            [*command, "-purpose", purpose, "-verify_email", "ada@example.com", str(leaf)],
            capture_output=True,
            check=False,
        )
        assert (done.returncode == 0) is accepts


@pytest.mark.parametrize("name", ["", "x" * 65, "a\0b", "a\nb"])
def test_a_client_needs_a_name_that_fits(name: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 64 printable characters"):
        LocalAuthority.create().issue_client(name)


def test_what_is_issued_again_is_the_same_but_for_its_life(tmp_path: Path) -> None:
    authority = LocalAuthority.create(clock=lambda: NOON)
    server = authority.issue_server(NAMES, clock=lambda: NOON)
    for issued in (server, authority.issue_client("ada@example.com", clock=lambda: NOON)):
        again = authority.reissue(
            issued.certificate, key_pem=issued.key_pem, clock=lambda: NOON + 80 * DAY
        )
        old, new = issued.certificate, again.certificate
        assert new.not_valid_after_utc.timestamp() == NOON + 170 * DAY
        assert new.serial_number != old.serial_number
        # Pins and TLSA records stay true.
        assert new.public_key() == old.public_key()
        assert again.key_pem == issued.key_pem
        assert (new.subject, names_of(new)) == (old.subject, names_of(old))
        assert is_for_clients(new) is is_for_clients(old)


def test_what_is_of_others_is_not_issued_again() -> None:
    one, other = LocalAuthority.create(), LocalAuthority.create()
    issued = one.issue_server(NAMES)
    with pytest.raises(InvalidInput, match="issued by another authority"):
        other.reissue(issued.certificate, key_pem=issued.key_pem)
    with pytest.raises(InvalidInput, match="do not belong together"):
        one.reissue(issued.certificate, key_pem=one.issue_server(NAMES).key_pem)


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_an_authority_needs_a_name_that_fits(name: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 64 characters"):
        LocalAuthority.create(name=name)


def test_the_key_does_not_show_itself() -> None:
    authority = LocalAuthority.create(clock=time.time)
    issued = authority.issue_server(["localhost"])
    for shown in (repr(authority), repr(issued)):
        assert "PRIVATE" not in shown


def test_an_authority_of_ones_own_need_not_have_a_common_name(tmp_path: Path) -> None:
    key, certificate = tmp_path / "ca.key", tmp_path / "ca.pem"
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-keyout", str(key), "-out", str(certificate), "-subj", "/O=Example/OU=Mail"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    authority = LocalAuthority.from_pem(
        certificate_pem=certificate.read_bytes(), key_pem=key.read_bytes()
    )
    assert authority.name == "OU=Mail,O=Example"
