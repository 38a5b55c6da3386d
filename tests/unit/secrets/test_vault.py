"""What a Vault that is broken, hostile or busy can do to us; the honest one is in tests/interop."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from postseal.errors import (
    InvalidReference,
    SecretDenied,
    SecretError,
    SecretMalformed,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets.provider import SecretReference, SecretVersion
from postseal.secrets.source import SecretSource
from postseal.secrets.vault import Vault
from postseal.secrets.vault_settings import (
    AppRole,
    KubernetesLogin,
    TokenLogin,
    VaultLogin,
    VaultSettings,
)
from tests.parts.ports import LOOPBACK, ReservedPort
from tests.parts.web_service import Asked, Given, Service, web_service

TOKEN = "canary-of-the-token"
REFERENCE = "vault:kv/mail#password"
MOUNT = Given(200, {"data": {"path": "kv/", "type": "kv", "options": None}})


def fetch(vault: Vault, reference: str = REFERENCE, *, patience: float = 10) -> SecretVersion:
    return vault.fetch(SecretReference.parse(reference), deadline=time.monotonic() + patience)


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> TokenLogin:
    monkeypatch.setenv("OUR_TOKEN", TOKEN)
    return TokenLogin(SecretReference("env", "OUR_TOKEN"))


def vault_at(address: str, login: VaultLogin) -> Vault:
    return Vault(VaultSettings(address=address, login=login))


def answering(last: Given, before: Mapping[str, Given] | None = None) -> Service:
    """Answer what is asked on the way to the secret, and that itself with `last`."""
    known = {
        "/v1/auth/token/lookup-self": Given(403, {"errors": ["permission denied"]}),
        "/v1/sys/internal/ui/mounts/kv/mail": MOUNT,
        **(before or {}),
    }
    return lambda asked: known.get(asked.path, last)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (Given(403, {"errors": ["permission denied"]}), SecretDenied, "403: permission denied"),
        (Given(404, {"errors": []}), SecretNotFound, "nothing there"),
        (Given(429, {"errors": ["slow down"]}), SecretUnreachable, "429: slow down"),
        (Given(500, b"<html>"), SecretUnreachable, "Vault answers 500"),
        (Given(503, {"errors": ["Vault is sealed"]}), SecretUnreachable, "503: Vault is sealed"),
        (Given(200, b"<html>"), SecretMalformed, "holds no values"),
        (Given(200, b""), SecretMalformed, "holds no values"),
        (Given(200, b"[" * 100_000), SecretMalformed, "holds no values"),
        (Given(200, {"data": ["password"]}), SecretMalformed, "holds no values"),
        (Given(200, {"data": {}}), SecretNotFound, "'password'"),
        (Given(200, {"data": {"password": None}}), SecretMalformed, "no text"),
        (Given(200, {"data": {"password": ""}}), SecretMalformed, "empty"),
        (Given(400, {"errors": ["a\r\nb\x1b[2J" + "x" * 9999]}), SecretDenied, r"400: a b\[2Jx+"),
    ],
)
def test_answers(login: TokenLogin, given: Given, kind: type[SecretError], words: str) -> None:
    with (
        web_service(answering(given)) as service,
        pytest.raises(kind, match=words) as caught,
    ):
        fetch(vault_at(service.address, login))
    assert len(str(caught.value)) < 1000
    assert TOKEN not in str(caught.value)


def test_a_token_is_not_sent_to_where_vault_redirects(login: TokenLogin) -> None:
    stolen = []

    def thief(asked: Asked) -> Given:
        stolen.append(asked)
        return Given(200, {"data": {"password": "of the thief"}})

    with web_service(thief) as other:
        away = Given(307, b"", {"Location": f"{other.address}/v1/kv/mail"})
        with (
            web_service(answering(away)) as service,
            pytest.raises(SecretUnreachable, match="sends us to another server"),
        ):
            fetch(vault_at(service.address, login))
    assert not stolen


def test_a_token_in_clear_does_not_go_through_a_proxy(
    login: TokenLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def proxy(request: Asked) -> Given:
        asked.append(request)
        return Given(200, {"data": {"password": "of the proxy"}})

    with (
        web_service(proxy) as thief,
        web_service(answering(Given(200, {"data": {"password": "honest"}}))) as service,
    ):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, thief.address)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        assert fetch(vault_at(service.address, login)).secret.reveal() == "honest"
    assert not asked


def test_certificates_that_are_not_there(login: TokenLogin, tmp_path: Path) -> None:
    for changed in (
        {"authorities": tmp_path / "none.pem"},
        {"certificate": (tmp_path / "none.pem", tmp_path / "none.key")},
    ):
        vault = Vault(replace(VaultSettings(address="https://127.0.0.1", login=login), **changed))
        with pytest.raises(SecretUnreachable, match=r"certificates .* cannot be read") as caught:
            fetch(vault)
        assert caught.value.hint
        assert "VAULT_CACERT" in caught.value.hint


@pytest.mark.parametrize("token", ["s.abc\n", " s.abc", "s.\r\nX-Vault-Policy: root", "s.\u0439"])
def test_a_token_that_is_none(
    login: TokenLogin, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("OUR_TOKEN", token)
    asked = []

    def note(request: Asked) -> Given:
        asked.append(request)
        return Given(500)

    with (
        web_service(note) as service,
        pytest.raises(SecretMalformed) as caught,
    ):
        fetch(vault_at(service.address, login))
    assert token not in str(caught.value)
    assert not asked


def test_a_flood_is_not_read(login: TokenLogin) -> None:
    flood = Given(200, b'{"data": {"password": "' + b"x" * (2 << 20) + b'"}}')
    with (
        web_service(answering(flood)) as service,
        pytest.raises(SecretUnreachable, match="more than 1048576 octets"),
    ):
        fetch(vault_at(service.address, login))


@contextmanager
def slow_server(head: bytes, drop: bytes) -> Iterator[str]:
    """Send `head` and then a drop now and then, until the client has gone."""
    with socket.create_server((LOOPBACK, 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(head)
                connection.settimeout(0.05)
                while True:
                    try:
                        if not connection.recv(65536):
                            return
                    except TimeoutError:
                        connection.sendall(drop)
                    except OSError:
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://{LOOPBACK}:{listening.getsockname()[1]}"
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("head", "drop"),
    [(b"", b""), (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" ")],
    ids=["silent", "dripping"],
)
def test_a_slow_server_is_left_at_the_deadline(login: TokenLogin, head: bytes, drop: bytes) -> None:
    begun = time.monotonic()
    with (
        slow_server(head, drop) as address,
        pytest.raises(SecretUnreachable, match="in time"),
    ):
        fetch(vault_at(address, login), patience=0.3)
    assert time.monotonic() - begun < 5


def test_nobody_answers(login: TokenLogin) -> None:
    with ReservedPort() as port:
        address = f"http://{LOOPBACK}:{port.number}"
        with pytest.raises(SecretUnreachable, match=re.escape(f"({address})")) as caught:
            fetch(vault_at(address, login))
    assert caught.value.is_temporary


def test_who_waits_for_a_turn_waits_until_the_deadline(login: TokenLogin) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(asked: Asked) -> Given:
        entered.set()
        leave.wait(20)
        return answering(Given(200, {"data": {"password": "late"}}))(asked)

    found = []
    with web_service(slow) as service:
        vault = vault_at(service.address, login)
        first = threading.Thread(target=lambda: found.append(fetch(vault, patience=20)))
        first.start()
        assert entered.wait(20)
        with pytest.raises(SecretUnreachable, match="no turn came in time"):
            fetch(vault, patience=0.05)
        leave.set()
        first.join(20)
    assert [one.secret.reveal() for one in found] == ["late"]


@pytest.mark.parametrize(
    "answer",
    [
        Given(200, {"auth": {"client_token": "", "lease_duration": 1, "renewable": True}}),
        Given(200, {"auth": {"client_token": "t", "lease_duration": "1h", "renewable": True}}),
        Given(200, {"auth": None}),
        Given(204),
    ],
)
def test_a_login_that_gives_no_token(login: TokenLogin, answer: Given) -> None:
    before = {"/v1/auth/approle/login": answer}
    role = AppRole(role_id="mail", secret_id=login.token)
    with (
        web_service(answering(Given(500), before)) as service,
        pytest.raises(SecretMalformed, match="no token"),
    ):
        fetch(vault_at(service.address, role))


def test_what_is_wrapped_must_be_a_secret_id(login: TokenLogin) -> None:
    before = {
        "/v1/sys/wrapping/lookup": Given(
            200, {"data": {"creation_path": "auth/approle/role/mail/secret-id"}}
        ),
        "/v1/sys/wrapping/unwrap": Given(200, {"data": {"password": "something else"}}),
    }
    role = AppRole(role_id="mail", secret_id=login.token, is_wrapped=True)
    with (
        web_service(answering(Given(500), before)) as service,
        pytest.raises(SecretMalformed, match="no secret ID"),
    ):
        fetch(vault_at(service.address, role))


def test_the_secret_of_the_login_is_named_where_it_lacks(tmp_path: Path) -> None:
    missing = SecretReference("env", "NOBODY_HAS_SET_THIS")
    with web_service(answering(Given(500))) as service:
        with pytest.raises(SecretNotFound) as caught:
            fetch(vault_at(service.address, TokenLogin(missing)))
        assert caught.value.reference == "env:NOBODY_HAS_SET_THIS"
        pod = KubernetesLogin(role="mail", token_file=tmp_path / "token")
        with pytest.raises(SecretNotFound, match="token of a service account"):
            fetch(vault_at(service.address, pod))
        (tmp_path / "token").write_bytes(b"x" * 70_000)
        with pytest.raises(SecretMalformed, match="at most 65536"):
            fetch(vault_at(service.address, pod))


def test_errors_lead_to_no_frame_that_holds_the_token(login: TokenLogin) -> None:
    with web_service(answering(Given(500))) as service:
        source = SecretSource(REFERENCE, provider=vault_at(service.address, login))
        with pytest.raises(SecretUnreachable) as caught:
            source.get()
    assert TOKEN not in str(caught.getrepr(showlocals=True, style="long", chain=True))


def test_a_fork_while_somebody_has_the_turn() -> None:
    program = """
import os, sys, time
from postseal.secrets.provider import SecretReference
from postseal.secrets.source import SecretSource
from postseal.secrets.vault import Vault

vault = Vault()
vault._turn.acquire()
if (child := os.fork()) == 0:
    reference = SecretReference.parse("vault:kv/mail#password")
    found = vault.fetch(reference, deadline=time.monotonic() + 10)
    os._exit(0 if found.secret.reveal() == "of the child" else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    with web_service(answering(Given(200, {"data": {"password": "of the child"}}))) as service:
        environment = {**os.environ, "VAULT_ADDR": service.address, "VAULT_TOKEN": TOKEN}
        command = [sys.executable, "-c", program]
        done = subprocess.run(
            command, env=environment, timeout=60, check=False, capture_output=True
        )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "reference",
    [
        "vault:mail#password",
        "vault:kv//mail",
        "vault:/kv/mail",
        "vault:kv/mail/",
        "vault:kv/../sys/raw",
        "vault:kv/./mail",
        "vault:kv/%2e%2e/mail",
        "vault:kv/mail?version=0",
        "vault:kv/mail?version=-1",
        "vault:kv/mail?version=1.5",
        "vault:kv/mail?version=%D9%A1",
        "vault:kv/mail?mount=kv",
        "vault:kv/mail?namespace=%C3%A9quipe",
    ],
)
def test_references_that_are_none(login: TokenLogin, reference: str) -> None:
    with pytest.raises(InvalidReference):
        fetch(vault_at("https://vault.test", login), reference)


def test_names_are_escaped_on_their_way(login: TokenLogin) -> None:
    asked = []

    def note(request: Asked) -> Given:
        asked.append(request.path)
        return answering(Given(200, {"data": {"password": "found"}}))(request)

    with web_service(note) as service:
        fetch(vault_at(service.address, login), "vault:kv/a%3Fb%23c%25d e#password")
    assert asked[-1] == "/v1/kv/a%3Fb%23c%25d%20e"
