"""Trust and the contexts made of it: who may vouch, and as whom a client presents itself."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from postseal.errors import CertificateRejected, InvalidSetting, MissingExtra
from postseal.tls import Channel, Opening, TLSLevel, Trust, client_context, server_context
from postseal.tls.authority import LocalAuthority
from tests.parts.channels import shake_hands
from tests.parts.flawed_certificates import HOST, Certificates, Flaw


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
    assert str(Trust.certifi()) == "authorities of certifi"
    assert str(Trust.only("/etc/ca.pem")) == "authorities in /etc/ca.pem"
    assert str(Trust.dangerous_accept_any_certificate()) == "anybody"
    assert Trust.only(Path("/etc/ca.pem")) == Trust.only("/etc/ca.pem")


def test_trust_is_a_value_that_tells_connections_apart(certificates: Certificates) -> None:
    ca_file = certificates.ca_file
    pins = [f"sha256/{letter * 42}A=" for letter in "AB"]
    trusts = [
        Trust.system(),
        Trust.certifi(),
        Trust.only(ca_file),
        Trust.pinned(*pins),
        Trust.dangerous_accept_any_certificate(),
        Trust.only(ca_file).and_pinned(*pins),
        Trust.only(ca_file).with_revocation_list("crl.pem"),
        Trust.only(ca_file).dangerous_accept_sloppy_certificates(),
        Trust.only(ca_file).with_client_certificate("a.pem", "a.key"),
    ]
    assert len(set(trusts)) == len(trusts)
    assert Trust.pinned(*pins) == Trust.pinned(*reversed(pins))
    level = TLSLevel.AUTHENTICATED
    assert client_context(trusts[2], level) is client_context(Trust.only(ca_file), level)


def test_no_path_is_not_the_working_directory() -> None:
    with pytest.raises(InvalidSetting, match="by the path of a file or directory"):
        Trust.only("")
    with pytest.raises(InvalidSetting, match="by the path of a file or directory"):
        Trust(ca_path="/etc/ca.pem")


# -- authorities ----------------------------------------------------------------------------------


def test_a_directory_of_authorities(certificates: Certificates, tmp_path: Path) -> None:
    content = certificates.ca_file.read_bytes()
    others = [trustme.CA().cert_pem.bytes() for _ in range(2)]
    for name, one in zip(("a.pem", "b.crt", "0123abcd.0"), (content, *others), strict=True):
        (tmp_path / name).write_bytes(one)
    (tmp_path / "README").write_text("not a certificate")
    context = client_context(Trust.only(tmp_path), TLSLevel.AUTHENTICATED)
    assert context.cert_store_stats()["x509_ca"] == 3


def test_a_directory_is_read_whole_or_not_at_all(
    certificates: Certificates, tmp_path: Path
) -> None:
    with pytest.raises(InvalidSetting, match="has 0 files with certificates"):
        client_context(Trust.only(tmp_path), TLSLevel.AUTHENTICATED)
    (tmp_path / "a.pem").write_bytes(certificates.ca_file.read_bytes())
    (tmp_path / "b.pem").write_bytes(b"no PEM")
    with pytest.raises(InvalidSetting, match=r"b\.pem cannot be used"):
        client_context(Trust.only(tmp_path), TLSLevel.AUTHENTICATED)
    for number in range(1000):
        (tmp_path / f"{number}.pem").touch()
    with pytest.raises(InvalidSetting, match="has 1002 files"):
        client_context(Trust.only(tmp_path), TLSLevel.AUTHENTICATED)


@pytest.fixture
def no_cache() -> Iterator[None]:
    """The environment is part of no key of the cache."""
    client_context.cache_clear()
    yield
    client_context.cache_clear()


@pytest.mark.usefixtures("no_cache")
def test_a_system_without_authorities_is_an_error_and_no_mystery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with pytest.raises(InvalidSetting, match="no certificate authorities") as caught:
        client_context(Trust.system(), TLSLevel.AUTHENTICATED)
    assert "ca-certificates" in str(caught.value)
    # Who verifies nobody needs none.
    client_context(Trust.system(), TLSLevel.ENCRYPTED)
    (tmp_path / "0123abcd.0").touch()
    client_context(Trust.system(), TLSLevel.AUTHENTICATED)


@pytest.mark.usefixtures("no_cache")
def test_certifi_is_asked_where_its_file_is(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "certifi", None)
    with pytest.raises(MissingExtra, match=r"postseal\[certifi\]"):
        client_context(Trust.certifi(), TLSLevel.AUTHENTICATED)
    monkeypatch.delitem(sys.modules, "certifi")
    (tmp_path / "certifi.py").write_text(
        f"def where():\n    return {str(certificates.ca_file)!r}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    context = client_context(Trust.certifi(), TLSLevel.AUTHENTICATED)
    assert context.cert_store_stats()["x509_ca"] == 1
    monkeypatch.delitem(sys.modules, "certifi")


# -- client certificates --------------------------------------------------------------------------


def encrypted_key(chain: Path, directory: Path) -> Path:
    key = load_pem_private_key(chain.read_bytes(), None)
    path = directory / "encrypted.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2"))
    )
    return path


def test_a_client_presents_its_certificate(certificates: Certificates, tmp_path: Path) -> None:
    authority = LocalAuthority.create()
    issued = authority.issue_client("ada@example.com")
    chain, key, ca = (tmp_path / name for name in ("ada.pem", "ada.key", "ca.pem"))
    chain.write_bytes(issued.chain_pem)
    key.write_bytes(issued.key_pem)
    ca.write_bytes(authority.certificate_pem)
    encrypted = encrypted_key(key, tmp_path)
    context = certificates.context()
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    der = issued.certificate.public_bytes(Encoding.DER)
    for key_file, password in ((key, None), (encrypted, lambda: "hunter2")):
        trust = Trust.only(certificates.ca_file).with_client_certificate(
            chain, key_file, password=password
        )
        assert "hunter2" not in repr(trust)
        here = Channel.client(
            HOST, trust=trust, level=TLSLevel.AUTHENTICATED, opening=Opening.IMPLICIT
        )
        there = Channel.server(context, opening=Opening.IMPLICIT)
        shake_hands(here, there)
        assert there.outcome().peer_certificate == sha256(der).hexdigest()


def test_a_client_certificate_is_shown_to_no_impostor(
    certificates: Certificates, tmp_path: Path
) -> None:
    chain = certificates.chain_file()
    context = certificates.context()
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(certificates.ca_file)
    pins = [f"sha256/{letter * 42}A=" for letter in "AB"]
    trust = Trust.pinned(*pins).with_client_certificate(chain, chain)
    here = Channel.client(HOST, trust=trust, level=TLSLevel.AUTHENTICATED, opening=Opening.IMPLICIT)
    there = Channel.server(context, opening=Opening.IMPLICIT)
    with pytest.raises(CertificateRejected):
        shake_hands(here, there)
    assert here.data_to_send() == b""
    assert not there.is_established


@pytest.mark.parametrize("password", [None, "wrong", ""])
def test_an_encrypted_key_without_its_password(
    certificates: Certificates, tmp_path: Path, password: str | None
) -> None:
    chain = certificates.chain_file()
    trust = Trust.only(certificates.ca_file).with_client_certificate(
        chain,
        encrypted_key(chain, tmp_path),
        password=None if password is None else lambda: password,
    )
    with pytest.raises(InvalidSetting, match="cannot be used") as caught:
        client_context(trust, TLSLevel.AUTHENTICATED)
    assert "encrypted.pem" in str(caught.value)
    assert "wrong" not in str(caught.value)


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
    encrypted = encrypted_key(chain, tmp_path)
    # An encrypted key would make OpenSSL ask on the terminal, and the process hang.
    for key_file in (other, encrypted, tmp_path / "missing.pem", certificates.ca_file):
        with pytest.raises(InvalidSetting, match="cannot be used") as caught:
            server_context(chain, key_file)
        assert str(key_file) in str(caught.value)
