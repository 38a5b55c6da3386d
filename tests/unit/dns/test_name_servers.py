"""How name servers are written, which of them are near, and what the system says."""

from __future__ import annotations

import io
from ipaddress import IPv4Address

import dns.resolver
import pytest

from postseal.dns import ResolverFailure
from postseal.dns.name_servers import NameServer, system_name_servers
from postseal.errors import InvalidSetting


@pytest.mark.parametrize(
    ("text", "address", "port", "written"),
    [
        ("192.0.2.1", "192.0.2.1", 53, "192.0.2.1"),
        ("192.0.2.1:53", "192.0.2.1", 53, "192.0.2.1"),
        ("192.0.2.1:5353", "192.0.2.1", 5353, "192.0.2.1:5353"),
        ("2001:db8::1", "2001:db8::1", 53, "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1", 53, "2001:db8::1"),
        ("[2001:db8::1]:5353", "2001:db8::1", 5353, "[2001:db8::1]:5353"),
        ("fe80::1%eth0", "fe80::1%eth0", 53, "fe80::1%eth0"),
    ],
)
def test_a_name_server_is_an_address_and_perhaps_a_port(
    text: str, address: str, port: int, written: str
) -> None:
    server = NameServer.parse(text)
    assert (str(server.address), server.port) == (address, port)
    assert str(server) == written
    assert NameServer.parse(written) == server


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "dns.example:53",
        "192.0.2.1:",
        "192.0.2.1:0",
        "192.0.2.1:65536",
        "[::1",
        "1",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match="is no name server"):
        NameServer.parse(text)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("127.0.0.1", True),
        ("127.0.0.53", True),
        ("::1", True),
        ("192.168.1.1", False),
        ("10.0.0.1", False),
        ("fe80::1%lo", False),
        ("0.0.0.0", False),
    ],
)
def test_near_is_loopback_alone(text: str, near: bool) -> None:
    assert NameServer.parse(text).is_on_loopback is near


def _configured(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    read = dns.resolver.Resolver.read_resolv_conf
    monkeypatch.setattr(
        "dns.resolver.BaseResolver.read_resolv_conf", lambda self, _: read(self, io.StringIO(text))
    )


def test_the_system_says_whom_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    _configured(monkeypatch, "# comment\nnameserver 127.0.0.1\nnameserver ::1\noptions trust-ad\n")
    assert system_name_servers() == (
        NameServer(IPv4Address("127.0.0.1")),
        NameServer.parse("::1"),
    )


@pytest.mark.parametrize("text", ["", "search example.org\n", "nameserver localhost\n"])
def test_a_system_that_says_nothing_of_use_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    _configured(monkeypatch, text)
    with pytest.raises(ResolverFailure, match="configuration cannot be used"):
        system_name_servers()
