"""Certificates and secret keys: what they say, and what is refused as one."""

from __future__ import annotations

import pickle
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysequoia
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.address import Address
from postseal.errors import InvalidInput
from postseal.mail.openpgp import Certificate, InvalidCertificate, InvalidSecretKey, SecretKey
from postseal.mail.openpgp.packets import PacketType, packet_octets, read_packets
from postseal.mail.openpgp.session_keys import SessionKey
from tests.parts.openpgp_people import ADA, certificate, revoked, secret_key, secret_octets


def test_a_certificate_says_whose_it_is() -> None:
    ada = certificate(ADA, "ada@example.org", "Ada", "<ada@example.net>", "A <a@b> c")
    assert set(ada.user_ids) > {ADA, "Ada"}
    assert set(ada.addresses) == {
        Address("ada", domain) for domain in ("example.com", "example.org", "example.net")
    }
    assert ada.expires is None
    assert not ada.is_revoked
    assert ada.weakness is None
    assert ada.fault(datetime.now(UTC)) is None
    assert repr(ada) == f"<Certificate {ada.fingerprint}>"


def test_a_certificate_is_read_with_and_without_armor(tmp_path: Path) -> None:
    ada = certificate(ADA)
    path = tmp_path / "ada.asc"
    path.write_text(str(ada), encoding="ascii")
    assert str(ada).startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    for again in (
        Certificate.from_bytes(bytes(ada)),
        Certificate.from_bytes(str(ada)),
        Certificate.from_path(path),
    ):
        assert again.fingerprint == ada.fingerprint


def test_a_certificate_that_was_taken_back() -> None:
    ada = revoked(ADA)
    assert ada.is_revoked
    assert ada.fault(datetime.now(UTC)) == "is revoked"


def test_a_certificate_expires() -> None:
    octets = bytes(pysequoia.Tsk.generate(ADA, validity_seconds=3600))
    ada = SecretKey.from_bytes(octets).certificate
    now = datetime.now(UTC)
    assert ada.expires is not None
    assert now < ada.expires < now + timedelta(hours=1)
    assert ada.fault(now) is None
    assert "expired at" in str(ada.fault(ada.expires))


def test_a_secret_key_keeps_its_secret() -> None:
    key = secret_key(ADA)
    assert repr(key) == f"<SecretKey {key.certificate.fingerprint}>"
    for each in key.keys:
        assert str(each.secret)[2:-1] not in repr(each)
        assert "secret" not in repr(each)
    assert "key=" not in repr(SessionKey(9, bytes(32)))
    with pytest.raises(TypeError, match="does not pickle"):
        pickle.dumps(key)
    types = {packet.type for packet in read_packets(bytes(key.certificate))}
    assert not types & {PacketType.SECRET_KEY, PacketType.SECRET_SUBKEY}


def test_a_secret_key_is_no_certificate_and_a_certificate_no_secret_key() -> None:
    with pytest.raises(InvalidCertificate, match="secret key"):
        Certificate.from_bytes(secret_octets(ADA))
    with pytest.raises(InvalidSecretKey, match="no secret key"):
        SecretKey.from_bytes(bytes(certificate(ADA)))


def test_a_secret_key_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "ada.pgp"
    path.write_bytes(secret_octets(ADA))
    assert SecretKey.from_path(path).certificate.fingerprint == certificate(ADA).fingerprint
    with pytest.raises(InvalidInput, match="cannot be read"):
        SecretKey.from_path(tmp_path / "other")


def test_a_key_of_4_mib_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(bytes(4 * 1024 * 1024 + 1))
    with pytest.raises(InvalidCertificate, match="more than 4194304 octets"):
        Certificate.from_path(path)
    with pytest.raises(InvalidCertificate, match="more than 4194304 octets"):
        Certificate.from_bytes(path.read_bytes())


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"nothing",
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nQQ=Q\n-----END PGP PUBLIC KEY BLOCK-----",
        packet_octets(PacketType.USER_ID, b"Ada"),
        packet_octets(PacketType.PUBLIC_KEY, b""),
        packet_octets(PacketType.PUBLIC_KEY, b"\x04\0\0\0\0\x16"),
        packet_octets(PacketType.PUBLIC_KEY, b"\x03\0\0\0\0\0\0\x01\0\x01\x01\0\x01\x01"),
    ],
)
def test_what_is_no_key_is_refused(octets: bytes) -> None:
    with pytest.raises(InvalidCertificate):
        Certificate.from_bytes(octets)
    with pytest.raises(InvalidSecretKey):
        SecretKey.from_bytes(octets)


def test_compressed_data_do_not_get_to_the_engine() -> None:
    # Which would decompress as much as they say.
    bomb = packet_octets(PacketType.COMPRESSED, b"\x01")
    with pytest.raises(InvalidCertificate, match="type 8"):
        Certificate.from_bytes(bytes(certificate(ADA)) + bomb)


@given(st.integers(0, 600), st.integers(0, 255))
def test_a_changed_key_is_read_or_refused(position: int, octet: int) -> None:
    octets = bytearray(secret_octets(ADA))
    octets[position % len(octets)] = octet
    is_changed = octets != secret_octets(ADA)
    try:
        key = SecretKey.from_bytes(bytes(octets))
    except (InvalidSecretKey, InvalidCertificate):
        assert is_changed
        return
    bound = key.certificate.bound_keys(datetime.now(UTC))
    assert bound[0] == key.certificate.keys[0]
    assert set(bound) <= set(key.certificate.keys)
    # Nothing that was changed becomes somebody else's key, and is used for what it was not.
    assert is_changed or key.certificate.fingerprint == certificate(ADA).fingerprint
    for subkey in key.keys:
        with suppress(InvalidSecretKey):
            key.unlocked(subkey)
    with suppress(InvalidSecretKey):
        key.signer()
