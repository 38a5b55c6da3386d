"""The certificate that a client is shown: by name, of the moment, and never a half one."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from postseal.errors import HandshakeFailed, InvalidSetting, TLSError
from postseal.tls import Channel, Opening, TLSLevel, Trust
from postseal.tls.server_certificates import CertificateFiles, ServerCertificates
from tests.parts.channels import server, shake_hands
from tests.parts.tls_records import client_hello, extension, vector

DAY = 24 * 3600.0


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Authority:
    """Issues certificates into files; `ca_file` is trusted by the clients of these tests."""

    directory: Path
    authority: trustme.CA

    @property
    def ca_file(self) -> Path:
        return self.directory / "ca.pem"

    def issue(self, label: str, *names: str) -> CertificateFiles:
        leaf = self.authority.issue_cert(*names, key_type=trustme.KeyType.ECDSA)
        files = CertificateFiles(self.directory / f"{label}.pem", self.directory / f"{label}.key")
        files.chain_file.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        files.key_file.write_bytes(leaf.private_key_pem.bytes())
        return files


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    authority = Authority(tmp_path, trustme.CA(key_type=trustme.KeyType.ECDSA))
    authority.authority.cert_pem.write_to_path(authority.ca_file)
    return authority


def client(authority: Authority, host: str) -> Channel:
    return Channel.client(
        host,
        trust=Trust.only(authority.ca_file),
        level=TLSLevel.AUTHENTICATED,
        opening=Opening.IMPLICIT,
    )


def shown(context: ssl.SSLContext, authority: Authority, host: str) -> str:
    """Connect to `host`; say whose certificate it was, by its fingerprint."""
    here, there = client(authority, host), server(context, opening=Opening.IMPLICIT)
    shake_hands(here, there)
    assert there.server_name == there.outcome().server_name == host
    # SCRAM's channel binding is about the very certificate that the client was shown.
    assert here.channel_binding() == there.channel_binding() != b""
    return here.outcome().peer_certificate


def test_each_host_has_its_certificate(authority: Authority) -> None:
    certificates = ServerCertificates(
        authority.issue("default", "mail.example.org", "*.dept.example.org"),
        {
            "Mail.Example.NET.": authority.issue("net", "mail.example.net"),
            "*.example.com": authority.issue("wildcard", "*.example.com"),
            "smtp.example.com": authority.issue("exact", "smtp.example.com"),
            "bücher.example": authority.issue("idn", "xn--bcher-kva.example"),
        },
    )
    names = [
        "mail.example.org",
        "mail.example.net",
        "mx.example.com",
        "smtp.example.com",
        "xn--bcher-kva.example",
    ]
    assert len({shown(certificates.context, authority, name) for name in names}) == len(names)
    assert shown(certificates.context, authority, "MX.Example.COM".lower()) == shown(
        certificates.context, authority, "other.example.com"
    )


@pytest.mark.parametrize(
    "host",
    # A wildcard is one label: neither none nor two, nor a part of one.
    ["example.com", "a.b.example.com", "a-example.com", "unknown.example", ".example.com"],
)
def test_an_unknown_host_is_shown_the_default(authority: Authority, host: str) -> None:
    context = ServerCertificates(
        authority.issue("default", "mail.example.org"),
        {"*.example.com": authority.issue("wildcard", "*.example.com")},
    ).context
    assert context.for_name(host) is context
    # The client then finds the wrong name; nobody answers with an alert of its own.
    if not host.startswith("."):
        here = client(authority, host)
        with pytest.raises(TLSError, match=r"wrong name .*mail\.example\.org"):
            shake_hands(here, server(context, opening=Opening.IMPLICIT))


def test_no_name_and_no_sensible_name_get_the_default(authority: Authority) -> None:
    context = ServerCertificates(
        authority.issue("default", "127.0.0.1"),
        {"*.example.com": authority.issue("wildcard", "*.example.com")},
    ).context
    here = client(authority, "127.0.0.1")
    there = server(context, opening=Opening.IMPLICIT)
    shake_hands(here, there)
    assert there.server_name is None
    assert there.outcome().server_name == ""


@pytest.mark.parametrize("name", ["b\0c.example", "bücher.example", "a b.example", "250 ok\r\n"])
def test_a_name_that_is_none_ends_in_an_error_of_ours(authority: Authority, name: str) -> None:
    # Python's own callback would print a traceback for some of them.
    context = ServerCertificates(authority.issue("default", "mail.example.org")).context
    there = server(context, opening=Opening.IMPLICIT)
    hosts = vector(b"\0" + vector(name.encode()))
    with pytest.raises(HandshakeFailed):
        there.receive(client_hello(extension(0, hosts)))
    assert there.server_name is None


def test_sessions_of_one_host_are_not_for_another(authority: Authority) -> None:
    names = ("mail.example.org", "mail.example.net")
    context = ServerCertificates(
        authority.issue("default", names[0]), {names[1]: authority.issue("net", names[1])}
    ).context
    here, there = client(authority, names[0]), server(context, opening=Opening.IMPLICIT)
    shake_hands(here, there)
    session = here.resumable()
    assert session is not None
    for host in names:
        again = Channel.client(
            host,
            trust=Trust.only(authority.ca_file),
            level=TLSLevel.AUTHENTICATED,
            opening=Opening.IMPLICIT,
            resume=session,
        )
        shake_hands(again, server(context, opening=Opening.IMPLICIT))
        assert again.is_resumed is (host == names[0])


# -- files -----------------------------------------------------------------------------------------


def test_a_new_certificate_is_for_new_connections(authority: Authority) -> None:
    host = "mail.example.org"
    certificates = ServerCertificates(authority.issue("default", host))
    first = certificates.context
    old = shown(first, authority, host)
    assert not certificates.refresh()
    assert certificates.context is first
    here, there = client(authority, host), server(first, opening=Opening.IMPLICIT)
    shake_hands(here, there)
    authority.issue("default", host)
    assert certificates.refresh()
    assert not certificates.refresh()
    assert shown(certificates.context, authority, host) != old
    # What was open goes on as if nothing had happened.
    there.send(b"220 ready\r\n")
    assert here.receive(there.data_to_send()) == b"220 ready\r\n"


def test_a_certificate_without_its_key_changes_nothing(authority: Authority) -> None:
    host = "mail.example.org"
    files = authority.issue("default", host)
    certificates = ServerCertificates(files)
    old = shown(certificates.context, authority, host)
    key = files.key_file.read_bytes()
    authority.issue("default", host)
    new_key = files.key_file.read_bytes()
    files.key_file.write_bytes(key)
    # Reported for as long as it lasts, and not once alone.
    for _ in range(2):
        with pytest.raises(InvalidSetting, match="cannot be used"):
            certificates.refresh()
        assert shown(certificates.context, authority, host) == old
    files.key_file.write_bytes(new_key)
    assert certificates.refresh()
    assert shown(certificates.context, authority, host) != old


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nMIIB", None])
def test_a_half_written_file_changes_nothing(authority: Authority, content: bytes | None) -> None:
    host = "mail.example.org"
    files = authority.issue("default", host)
    certificates = ServerCertificates(files)
    old, whole = shown(certificates.context, authority, host), files.chain_file.read_bytes()
    if content is None:
        files.chain_file.unlink()
    else:
        files.chain_file.write_bytes(content)
    with pytest.raises(InvalidSetting, match=r"default\.pem"):
        certificates.refresh()
    assert shown(certificates.context, authority, host) == old
    files.chain_file.write_bytes(whole)
    assert certificates.refresh()
    assert shown(certificates.context, authority, host) == old


def test_one_bad_pair_keeps_all_as_they_were(authority: Authority) -> None:
    default = authority.issue("default", "mail.example.org")
    other = authority.issue("net", "mail.example.net")
    certificates = ServerCertificates(default, {"mail.example.net": other})
    before = shown(certificates.context, authority, "mail.example.net")
    authority.issue("default", "mail.example.org")
    other.chain_file.write_bytes(b"")
    with pytest.raises(InvalidSetting, match=r"net\.pem"):
        certificates.refresh()
    assert shown(certificates.context, authority, "mail.example.net") == before


def test_files_that_change_while_they_are_read_are_read_again(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = "mail.example.org"
    files = authority.issue("default", host)
    certificates = ServerCertificates(files)
    old = certificates.context
    load = ssl.SSLContext.load_cert_chain

    def interrupted(*arguments: object, **options: object) -> None:
        load(*arguments, **options)  # type: ignore[arg-type]
        monkeypatch.undo()
        authority.issue("default", host)

    authority.issue("default", host)
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", interrupted)
    assert not certificates.refresh()
    assert certificates.context is old
    assert certificates.refresh()
    assert certificates.context is not old


def test_a_change_is_noticed_whatever_the_date_says(authority: Authority) -> None:
    # cp -p and restored backups keep the date.
    host = "mail.example.org"
    files = authority.issue("default", host)
    certificates = ServerCertificates(files)
    status = files.chain_file.stat()
    authority.issue("default", host)
    os.utime(files.chain_file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert certificates.refresh()


def test_ticket_keys_do_not_outlive_a_day(authority: Authority) -> None:
    clock = Clock()
    certificates = ServerCertificates(authority.issue("default", "mail.example.org"), clock=clock)
    first = certificates.context
    clock.now = DAY - 1
    assert not certificates.refresh()
    clock.now = DAY
    assert certificates.refresh()
    assert certificates.context is not first
    assert not certificates.refresh()


def test_a_start_with_bad_files_or_names_fails(authority: Authority) -> None:
    files = authority.issue("default", "mail.example.org")
    missing = CertificateFiles(authority.directory / "none.pem", files.key_file)
    with pytest.raises(InvalidSetting, match=r"none\.pem"):
        ServerCertificates(missing)
    with pytest.raises(InvalidSetting, match=r"none\.pem"):
        ServerCertificates(files, {"mail.example.net": missing})
    for name in ("", "*", "*.", "a b.example", "*.*.example", "a.*.example", "\r\n"):
        with pytest.raises(InvalidSetting, match="cannot be for"):
            ServerCertificates(files, {name: files})
