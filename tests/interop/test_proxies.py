"""Our client through proxies that are not ours: microsocks (SOCKS5) and tinyproxy (CONNECT)."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from postseal import Address, Envelope
from postseal.errors import ConnectError, Phase
from postseal.send import Proxy
from tests.conftest import find_part
from tests.integration.send.scripts import starttls, take_message, take_quit
from tests.parts.flawed_certificates import HOST, Certificates
from tests.parts.hostile_server import HostileServer, Talk
from tests.parts.ports import LOOPBACK, ReservedPort
from tests.parts.waiting import wait_until
from tests.parts.worlds import AnyMailer, World, in_each_world

ENVELOPE = Envelope(Address.parse("ada@example.com"), (Address.parse("bob@example.org"),))
SOON = 20
PASSWORD = "correct-horse"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex((LOOPBACK, port)) == 0


@contextmanager
def running(*command: str, port: int) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _listens(port), within=SOON, what=f"{command[0]} listens")
            yield
        finally:
            process.terminate()


@contextmanager
def proxy_of(kind: str, directory: Path, *, has_password: bool) -> Iterator[Proxy]:
    """Run a proxy of a kind, which wants to know who we are or does not."""
    with ReservedPort() as reserved:
        port = reserved.number
    user = "ada@" if has_password else ""
    password = PASSWORD if has_password else None
    proxy = Proxy.parse(f"{kind}://{user}{LOOPBACK}:{port}", password=password)
    if kind == "socks5":
        login = ("-u", "ada", "-P", PASSWORD) if has_password else ()
        command = (str(find_part("microsocks")), "-i", LOOPBACK, "-p", str(port), *login)
    else:
        lines = [f"Port {port}", f"Listen {LOOPBACK}", "Timeout 60", f"Allow {LOOPBACK}"]
        if has_password:
            lines.append(f"BasicAuth ada {PASSWORD}")
        settings = directory / "tinyproxy.conf"
        settings.write_text("\n".join(lines) + "\n", encoding="ascii")
        command = (str(find_part("tinyproxy")), "-d", "-c", str(settings))
    with running(*command, port=port):
        yield proxy


@in_each_world
@pytest.mark.parametrize("has_password", [False, True], ids=["open", "login"])
@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_a_message_goes_through_sealed(
    world: World, kind: str, has_password: bool, certificates: Certificates, tmp_path: Path
) -> None:
    bodies: list[bytes] = []

    def script(talk: Talk) -> None:
        starttls(talk, certificates.context())
        bodies.append(take_message(talk))
        take_quit(talk)

    async def use(mailer: AnyMailer) -> str | None:
        delivery = await mailer.send_raw(ENVELOPE, [b"hello\r\n"])
        return delivery.tls.authenticated_by

    with (
        proxy_of(kind, tmp_path, has_password=has_password) as proxy,
        HostileServer(script) as server,
    ):
        url = f"smtp://{HOST}:{server.port}"
        # The proxy looks the name up; the certificate is checked for it here.
        assert world.mail(url, use, ca_file=certificates.ca_file, proxy=proxy)
    assert bodies == [b"hello\r\n"]


@in_each_world
@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_a_server_that_cannot_be_reached(world: World, kind: str, tmp_path: Path) -> None:
    async def use(mailer: AnyMailer) -> None:
        await mailer.verify()

    with (
        proxy_of(kind, tmp_path, has_password=False) as proxy,
        ReservedPort() as closed,
        pytest.raises(ConnectError) as caught,
    ):
        world.mail(f"smtp://{LOOPBACK}:{closed.number}", use, proxy=proxy)
    assert caught.value.phase is Phase.CONNECT
    assert str(proxy) in caught.value.text


@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_a_proxy_that_wants_to_know_who_we_are(kind: str, tmp_path: Path) -> None:
    async def use(mailer: AnyMailer) -> None:
        await mailer.verify()

    with proxy_of(kind, tmp_path, has_password=True) as proxy:
        stranger = Proxy.parse(f"{kind}://{LOOPBACK}:{proxy.port}")
        impostor = Proxy.parse(f"{kind}://ada@{LOOPBACK}:{proxy.port}", password="wrong")
        for who in (stranger, impostor):
            with pytest.raises(ConnectError, match=r"know who we are|take the credentials"):
                World.BLOCKING.mail("smtp://mail.example.org", use, proxy=who)
