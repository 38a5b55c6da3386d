"""Proxies: SOCKS5 and CONNECT, octet by octet, and what may not be said to or through them."""

from __future__ import annotations

import contextlib
import traceback
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal import Mailer
from postseal.errors import (
    ConnectError,
    InvalidSetting,
    InvalidURL,
    LocalProtocolError,
    MailError,
    Phase,
)
from postseal.send import Endpoint, Proxy
from postseal.send.networks.blocking import run
from postseal.send.networks.proxies import ProxiedNetwork
from postseal.send.networks.proxy_dialogues import ask_http, ask_socks
from postseal.send.networks.tunnel import Tunnel
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.testing import End, Hear, MemoryNetwork, Say, Step
from tests.parts.obliging_network import ObligingStream
from tests.parts.worlds import World, in_each_world

HELLO, NO_AUTHENTICATION = Hear(b"\x05\x01\x00"), Say(b"\x05\x00")
ASKED = Hear(b"\x05\x01\x00\x03\x10mail.example.org\x00\x19")
CONNECTED = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
CONNECT = Hear(b"CONNECT mail.example.org:25 HTTP/1.1\r\nHost: mail.example.org:25\r\n\r\n")
SOCKS = Proxy.parse("socks5://proxy.example.net")
HTTP = Proxy.parse("http://proxy.example.net:3128")
IN_CLEAR = Endpoint.parse("smtp+insecure://mail.example.org")
DIALOGUE = (Hear(b"EHLO localhost\r\n"), Say(b"250 mail.example.org\r\n"))
PASSWORD = "correct horse"


def connected(world: World, proxy: Proxy, *steps: Step) -> Connection:
    network = MemoryNetwork(steps)
    connection = world.drive(
        Connection.open(ProxiedNetwork(network, proxy), IN_CLEAR, ConnectionOptions(), deadline=60)
    )
    network.check_played()
    assert network.connected == [(proxy.host, proxy.port)]
    return connection


def refused(proxy: Proxy, *steps: Step) -> MailError:
    network = MemoryNetwork(steps)
    with pytest.raises(MailError) as caught:
        run(ProxiedNetwork(network, proxy).connect("mail.example.org", 25, 60))
    assert all(stream.is_closed for stream in network.streams)
    assert caught.value.phase is Phase.CONNECT
    assert str(proxy) in caught.value.text
    return caught.value


@in_each_world
def test_socks(world: World) -> None:
    connection = connected(
        world, SOCKS, HELLO, NO_AUTHENTICATION, ASKED, Say(CONNECTED), Say(b"220 hi\r\n"), *DIALOGUE
    )
    assert connection.is_usable


@in_each_world
def test_connect(world: World) -> None:
    said = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"
    connection = connected(world, HTTP, CONNECT, Say(said), Say(b"220 hi\r\n"), *DIALOGUE)
    assert connection.is_usable


@in_each_world
def test_a_greeting_behind_the_answer_is_the_servers(world: World) -> None:
    said = b"HTTP/1.0 200 OK\r\n\r\n220 hi\r\n"
    connection = connected(world, HTTP, CONNECT, Say(said), *DIALOGUE)
    assert connection.is_usable


@in_each_world
def test_answers_come_in_pieces(world: World) -> None:
    pieces = [Say(bytes([octet])) for octet in CONNECTED]
    greeted = Say(b"220 hi\r\n")
    connection = connected(
        world, SOCKS, HELLO, NO_AUTHENTICATION, ASKED, *pieces, greeted, *DIALOGUE
    )
    assert connection.is_usable


@pytest.mark.parametrize(
    "bound",
    [b"\x01\x7f\x00\x00\x01\x04\x38", b"\x03\x02me\x04\x38", b"\x04" + bytes(18)],
    ids=["IPv4", "name", "IPv6"],
)
def test_what_socks_calls_its_own_end_is_passed_over(bound: bytes) -> None:
    network = MemoryNetwork(
        (HELLO, NO_AUTHENTICATION, ASKED, Say(b"\x05\x00\x00" + bound + b"rest"))
    )
    stream = run(ProxiedNetwork(network, SOCKS).connect("mail.example.org", 25, 60))
    assert run(stream.read(60)) == b"rest"


def test_credentials_for_socks() -> None:
    proxy = Proxy.parse("socks5://ada@127.0.0.1", password=PASSWORD)
    login = Hear(b"\x01\x03ada\x0dcorrect horse")
    network = MemoryNetwork(
        (
            Hear(b"\x05\x02\x00\x02"),
            Say(b"\x05\x02"),
            login,
            Say(b"\x01\x00"),
            ASKED,
            Say(CONNECTED),
        )
    )
    run(ProxiedNetwork(network, proxy).connect("mail.example.org", 25, 60))
    network.check_played()
    assert network.connected == [("127.0.0.1", 1080)]


def test_credentials_for_http() -> None:
    proxy = Proxy.parse("http://ada@127.0.0.1", password=PASSWORD)
    basic = b"Proxy-Authorization: Basic " + b64encode(b"ada:correct horse") + b"\r\n\r\n"
    asked = Hear((CONNECT.data or b"")[:-2] + basic)
    network = MemoryNetwork((asked, Say(b"HTTP/1.1 200 OK\r\n\r\n")))
    run(ProxiedNetwork(network, proxy).connect("mail.example.org", 25, 60))
    network.check_played()
    assert network.connected == [("127.0.0.1", proxy.port)]


def test_credentials_are_in_no_error() -> None:
    proxy = Proxy.parse("http://ada@127.0.0.1", password=PASSWORD)
    error = refused(proxy, Hear(None), End())
    shown = "".join(
        traceback.TracebackException.from_exception(error, capture_locals=True).format()
    )
    assert PASSWORD not in shown + repr(proxy)
    assert b64encode(f"ada:{PASSWORD}".encode()).decode() not in shown


@pytest.mark.parametrize(
    ("proxy", "steps", "says"),
    [
        (SOCKS, (HELLO, Say(b"HT")), "does not speak SOCKS5"),
        (SOCKS, (HELLO, Say(b"\x05\xff")), "wants to know who we are"),
        (SOCKS, (HELLO, Say(b"\x05\x02")), "wants to know who we are"),
        (SOCKS, (HELLO, NO_AUTHENTICATION, ASKED, Say(b"\x05\x05\x00\x01")), "refused the connect"),
        (SOCKS, (HELLO, NO_AUTHENTICATION, ASKED, Say(b"\x05\x63\x00\x01")), "the code 99"),
        (SOCKS, (HELLO, NO_AUTHENTICATION, ASKED, Say(b"\x05\x00\x00\x09")), "not SOCKS5"),
        (SOCKS, (HELLO, End()), "closed the connection"),
        (HTTP, (CONNECT, Say(b"HTTP/1.1 407 Who?\r\n\r\n")), "wants to know who we are"),
        (HTTP, (CONNECT, Say(b"HTTP/1.1 401 Who?\r\n\r\n")), "wants to know who we are"),
        (HTTP, (CONNECT, Say(b"HTTP/1.1 403 No\r\n\r\n")), "answers 403"),
        (HTTP, (CONNECT, Say(b"\x05\x00\r\n\r\n")), "does not speak HTTP"),
        (HTTP, (CONNECT, Say(b"x" * 20_000)), "on and on"),
    ],
)
def test_a_proxy_that_does_not_connect(proxy: Proxy, steps: tuple[Step, ...], says: str) -> None:
    error = refused(proxy, *steps)
    assert isinstance(error, ConnectError)
    assert says in error.text


class Answering(ObligingStream):
    """Takes everything, and says one thing in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__(lambda: None)
        self._pieces = [*pieces, b""]

    async def read(self, deadline: float) -> bytes:
        return self._pieces.pop(0) if len(self._pieces) > 1 else b""

    async def write(self, data: bytes, deadline: float) -> None:
        assert data


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=6), st.sampled_from([1, 2]))
def test_no_answer_of_a_proxy_raises_anything_but_mail_errors(
    pieces: list[bytes], version: int
) -> None:
    ask = ask_socks if version == 1 else ask_http
    tunnel = Tunnel(Answering(*pieces), peer_address="")
    with contextlib.suppress(ConnectError):
        run(ask(tunnel, "mail.example.org", 25, None, None, 60))
        # What is left is the server's, in full.
        left = b"".join(iter(lambda: run(tunnel.read(60)), b""))
        assert b"".join(pieces).endswith(left)


def test_behind_a_proxy_nobody_is_this_machine() -> None:
    # The proxy on loopback is; a password in clear must not be taken for one that stays here.
    proxy = Proxy.parse("socks5://127.0.0.1:9050")
    greeted = (Say(b"220 hi\r\n"), Hear(None), Say(b"250-hi\r\n250 AUTH PLAIN\r\n"))
    asked = Hear(b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x19")
    network = MemoryNetwork(
        (HELLO, NO_AUTHENTICATION, asked, Say(CONNECTED), *greeted), peer_address="127.0.0.1"
    )
    mailer = Mailer(
        "smtp+insecure://ada@127.0.0.1", password="secret", proxy=proxy, network=network
    )
    with pytest.raises(LocalProtocolError, match="only over TLS"):
        mailer.verify()
    assert b"AUTH" not in network.streams[0].written


@pytest.mark.parametrize(
    "url",
    [
        "socks4://host",
        "host:1080",
        "socks5://",
        "socks5://host:99999",
        "socks5://host:0",
        "socks5://ada:secret@host",
        "http://host/path",
        "http://host?x=1",
        "http://ho st",
    ],
)
def test_urls_that_name_no_proxy(url: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        Proxy.parse(url)
    assert "secret" not in str(caught.value)


def test_a_password_does_not_go_in_clear_to_another_machine() -> None:
    for url in ("socks5://ada@proxy.example.net", "http://ada@proxy.example.net"):
        with pytest.raises(InvalidSetting, match="in clear"):
            Proxy.parse(url, password="secret")
        Proxy.parse(url, password="secret", dangerous_password_in_clear=True)
    Proxy.parse("https://ada@proxy.example.net", password="secret")


@pytest.mark.parametrize(
    ("url", "password"),
    [("socks5://ada@[::1]", None), ("socks5://[::1]", "x"), ("socks5://ada@[::1]", "x" * 256)],
)
def test_credentials_without_sense_are_refused(url: str, password: str | None) -> None:
    with pytest.raises(InvalidSetting):
        Proxy.parse(url, password=password)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("socks5://host", "socks5://host:1080"),
        ("HTTP://[::1]", "http://[::1]:8080"),
        ("https://ada@host", "https://host:443"),
    ],
)
def test_how_a_proxy_is_shown(url: str, shown: str) -> None:
    password = "secret" if "@" in url else None
    assert str(Proxy.parse(url, password=password)) == shown
