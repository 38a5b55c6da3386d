"""Whom a mailer trusts with a password: by pins, by nobody's word, and by its own certificate."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from postseal.errors import CertificateReason, CertificateRejected, InvalidSetting
from postseal.send import Verification
from postseal.tls import LEGACY, TLSLevel, Trust
from postseal.tls.authority import LocalAuthority
from postseal.tls.levels import PeerProof
from postseal.tls.pins import Pin
from tests.integration.send.scripts import PASSWORD, greet, starttls, take_auth, take_quit
from tests.parts.flawed_certificates import HOST, Certificates, Flaw
from tests.parts.hostile_server import HostileServer, Talk
from tests.parts.worlds import World, in_each_world

AUTH = "AUTH PLAIN"
RESERVE = str(Pin(bytes(32)))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def pin_of(chain_file: Path) -> str:
    pem = chain_file.read_text()
    begin = pem.index(ssl.PEM_HEADER)
    end = pem.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)
    return str(Pin.of_certificate(ssl.PEM_cert_to_DER_cert(pem[begin:end])))


def log_in(world: World, server: HostileServer, **options: Any) -> Verification:
    url = f"smtp://ada@{HOST}:{server.port}"
    return world.mail(url, lambda mailer: mailer.verify(), password=PASSWORD, **options)


def honest(context: ssl.SSLContext) -> Callable[[Talk], None]:
    def script(talk: Talk) -> None:
        starttls(talk, context, AUTH)
        take_auth(talk)
        take_quit(talk)

    return script


@in_each_world
def test_a_pinned_key_is_enough_for_a_password(world: World, certificates: Certificates) -> None:
    flaw = Flaw.SELF_SIGNED
    pin = pin_of(certificates.chain_file(flaw))
    with HostileServer(honest(certificates.context(flaw))) as server:
        shown = log_in(world, server, trust=Trust.pinned(pin, RESERVE))
    assert shown.tls.proof is PeerProof.PIN
    assert pin in shown.tls.authenticated_by


@in_each_world
def test_another_key_gets_none(world: World, certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        greet(talk, AUTH, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go ahead")
        talk.seal(certificates.context())
        talk.take_all()

    with HostileServer(script) as server, pytest.raises(CertificateRejected) as caught:
        log_in(world, server, trust=Trust.pinned(RESERVE, str(Pin(b"x" * 32))))
    assert caught.value.reason is CertificateReason.WRONG_PIN
    assert len(server.talks) == 1
    assert PASSWORD.encode() not in server.received


@in_each_world
def test_who_waives_the_proof_is_told_so_in_the_outcome(
    world: World, certificates: Certificates
) -> None:
    with HostileServer(honest(certificates.context(Flaw.EXPIRED))) as server:
        shown = log_in(world, server, trust=Trust.dangerous_accept_any_certificate())
    assert (shown.tls.level, shown.tls.proof) == (TLSLevel.ENCRYPTED, PeerProof.WAIVED)
    assert "dangerous_accept_any_certificate" in str(shown.tls)


@in_each_world
def test_both_sides_prove_themselves(
    world: World, certificates: Certificates, tmp_path: Path
) -> None:
    authority = LocalAuthority.create()
    issued = authority.issue_client("ada@example.com")
    chain, key, ca = (tmp_path / name for name in ("ada.pem", "ada.key", "ca.pem"))
    for path, content in (
        (chain, issued.chain_pem),
        (key, issued.key_pem),
        (ca, authority.certificate_pem),
    ):
        path.write_bytes(content)
    context = certificates.context()
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    trust = Trust.only(certificates.ca_file).with_client_certificate(chain, key)
    with HostileServer(honest(context)) as server:
        shown = log_in(world, server, trust=trust)
    assert shown.tls.proof is PeerProof.PKIX


@in_each_world
def test_a_profile_that_was_asked_for_is_in_the_outcome(
    world: World, certificates: Certificates
) -> None:
    context = certificates.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES256-SHA")
    with HostileServer(honest(context)) as server:
        shown = log_in(world, server, ca_file=certificates.ca_file, profile=LEGACY)
    assert shown.tls.cipher == "ECDHE-ECDSA-AES256-SHA"
    assert str(shown.tls).endswith("legacy profile")


@in_each_world
def test_settings_that_contradict_each_other(world: World, certificates: Certificates) -> None:
    both = {"ca_file": certificates.ca_file, "trust": Trust.system()}
    with pytest.raises(InvalidSetting, match="both say whom to trust"):
        world.mail("smtp://localhost", lambda mailer: mailer.verify(), **both)
    pins = (RESERVE, str(Pin(b"x" * 32)))
    for what, trust in (
        ("a CA file", Trust.only(certificates.ca_file)),
        ("a pin", Trust.pinned(*pins).with_client_certificate("a.pem", "a.key")),
        ("trust", Trust.certifi()),
    ):
        with pytest.raises(InvalidSetting, match=f"^{what} has no effect where the peer is not"):
            world.mail(
                "smtp+opportunistic://localhost", lambda mailer: mailer.verify(), trust=trust
            )
