"""Contexts: what is trusted, and what RFC 9325 rules out."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from postseal.errors import InvalidSetting
from postseal.tls import TLSLevel, Trust, client_context, server_context
from tests.parts.flawed_certificates import Certificates, Flaw


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def contexts(certificates: Certificates) -> list[ssl.SSLContext]:
    chain = certificates.chain_file()
    return [
        *(client_context(Trust.only(certificates.ca_file), level) for level in TLSLevel),
        client_context(Trust.system(), TLSLevel.AUTHENTICATED),
        server_context(chain, chain),
    ]


def test_no_context_speaks_what_RFC_9325_rules_out(certificates: Certificates) -> None:
    for context in contexts(certificates):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_COMPRESSION
        assert context.options & ssl.OP_NO_RENEGOTIATION
        for cipher in context.get_ciphers():
            # Forward secrecy and authenticated encryption, in TLS 1.2 as in TLS 1.3.
            assert cipher["aead"], cipher
            assert cipher["protocol"] == "TLSv1.3" or "kx-ecdhe" in cipher["kea"], cipher
            assert cipher["auth"] != "auth-null", cipher


def test_the_peer_is_verified_where_the_level_says_so(certificates: Certificates) -> None:
    trust = Trust.only(certificates.ca_file)
    for level in TLSLevel:
        context = client_context(trust, level)
        verifies = level is TLSLevel.AUTHENTICATED
        assert context.check_hostname is verifies
        assert context.verify_mode is (ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE)
    strict = client_context(trust, TLSLevel.AUTHENTICATED)
    assert strict.verify_flags & ssl.VERIFY_X509_STRICT
    assert not strict.hostname_checks_common_name
    # These authorities, and no others.
    assert strict.cert_store_stats()["x509_ca"] == 1


def test_trust_says_who() -> None:
    assert str(Trust.system()) == "system authorities"
    assert str(Trust.only("/etc/ca.pem")) == "authorities in /etc/ca.pem"
    assert Trust.only(Path("/etc/ca.pem")) == Trust.only("/etc/ca.pem")


@pytest.mark.parametrize("content", [None, b"", b"no PEM at all", b"\xff\xfe\x00"])
def test_a_CA_file_that_is_none_is_an_error_that_names_it(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidSetting, match="cannot be used") as caught:
        client_context(Trust.only(path), TLSLevel.AUTHENTICATED)
    assert str(path) in str(caught.value)
    with pytest.raises(InvalidSetting, match="cannot be used"):
        client_context(Trust.only(f"{path}\0"), TLSLevel.AUTHENTICATED)


def test_keys_that_do_not_fit_are_refused(certificates: Certificates, tmp_path: Path) -> None:
    chain, other = certificates.chain_file(), certificates.chain_file(Flaw.OTHER_NAME)
    key = load_pem_private_key(chain.read_bytes(), None)
    encrypted = tmp_path / "encrypted.pem"
    encrypted.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    )
    # An encrypted key would make OpenSSL ask on the terminal, and the process hang.
    for key_file in (other, encrypted, tmp_path / "missing.pem", certificates.ca_file):
        with pytest.raises(InvalidSetting, match="cannot be used") as caught:
            server_context(chain, key_file)
        assert str(key_file) in str(caught.value)
