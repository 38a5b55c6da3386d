"""Access tokens from an authorization server over real HTTPS, and logins with them to aiosmtpd."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import RSAKey

from postseal import AsyncMailer, Mailer, Message, Secret
from postseal.errors import (
    AuthError,
    SecretDenied,
    SecretError,
    SecretMalformed,
    SecretUnreachable,
)
from postseal.secrets import Access, Outcome, SecretSource
from postseal.send import ClientCredentials, RefreshToken, ServiceAccount, oauth_tokens
from tests.parts.canaries import Canary, find_canaries
from tests.parts.certificates import issue_certificate
from tests.parts.hostile_server import Talk
from tests.parts.ports import LOOPBACK
from tests.parts.receiver import Receiver
from tests.parts.token_server import Answer, Form, TokenServer, numbered_tokens
from tests.parts.web_authority import WebAuthority
from tests.parts.web_scripts import answering, flooding, response

GOOGLE, MICROSOFT = "oauth2.googleapis.com", "login.microsoftonline.com"
REFRESH, CLIENT = Secret("refresh-canary"), Secret("client-canary")
NOW = 1_800_000_000.0

google = RefreshToken.google(client_id="app", client_secret=CLIENT, refresh_token=REFRESH)
microsoft = RefreshToken.microsoft(client_id="app", refresh_token=REFRESH, tenant="example.com")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> WebAuthority:
    return WebAuthority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: WebAuthority) -> Iterator[TokenServer]:
    with TokenServer(authority, GOOGLE) as server:
        yield server


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


def tokens(server: TokenServer, grant: Any = google, **options: Any) -> SecretSource:
    options.setdefault("clock", Clock())
    return oauth_tokens(grant, trust=server.trust, network=server.network, **options)


def token(source: SecretSource) -> str:
    return source.get().secret.reveal()


# -- what is asked --------------------------------------------------------------------------------


def test_a_refresh_token_of_google(server: TokenServer) -> None:
    version = tokens(server).get()
    assert version.secret.reveal() == "token-1"
    assert version.expires is not None
    assert version.expires.timestamp() == NOW + 3600
    assert server.asked == [
        {
            "grant_type": "refresh_token",
            "client_id": "app",
            "client_secret": "client-canary",
            "refresh_token": "refresh-canary",
        }
    ]
    first, *headers = server.requests[0].splitlines()
    assert first == "POST /token HTTP/1.1"
    assert "Content-Type: application/x-www-form-urlencoded" in headers


@pytest.mark.parametrize(
    ("grant", "form"),
    [
        (
            microsoft,
            {
                "grant_type": "refresh_token",
                "client_id": "app",
                "refresh_token": "refresh-canary",
                "scope": "https://outlook.office.com/SMTP.Send offline_access",
            },
        ),
        (
            ClientCredentials.microsoft(
                tenant="example.com", client_id="app", client_secret=CLIENT
            ),
            {
                "grant_type": "client_credentials",
                "client_id": "app",
                "client_secret": "client-canary",
                "scope": "https://outlook.office365.com/.default",
            },
        ),
    ],
    ids=["user", "application"],
)
def test_grants_of_microsoft(authority: WebAuthority, grant: RefreshToken, form: Form) -> None:
    with TokenServer(authority, MICROSOFT) as server:
        assert token(tokens(server, grant)) == "token-1"
    assert server.asked == [form]
    assert server.requests[0].startswith("POST /example.com/oauth2/v2.0/token HTTP/1.1")


def test_the_assertion_of_a_service_account_holds_for_others(server: TokenServer) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {"client_email": "robot@app.test", "private_key_id": "k1", "private_key": pem}
    grant = ServiceAccount(key=Secret(json.dumps(account)), subject="ada@example.com")
    assert token(tokens(server, grant)) == "token-1"
    [form] = server.asked
    assert form.pop("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    told = jwt.decode(form.pop("assertion"), RSAKey.import_key(pem), algorithms=["RS256"])
    assert not form
    assert told.header == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert told.claims == {
        "iss": "robot@app.test",
        "sub": "ada@example.com",
        "scope": "https://mail.google.com/",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": NOW,
        "exp": NOW + 3600,
    }


# -- how often ------------------------------------------------------------------------------------


def test_many_ask_and_one_request_is_made(authority: WebAuthority) -> None:
    gate = threading.Event()

    def slowly(form: Form, number: int) -> Answer:
        assert gate.wait(20)
        return numbered_tokens(form, number)

    with TokenServer(authority, GOOGLE, slowly) as server, ThreadPoolExecutor(8) as threads:
        source = tokens(server)
        askers = [threads.submit(token, source) for _ in range(8)]
        gate.set()
        assert {asker.result() for asker in askers} == {"token-1"}
        assert token(source) == "token-1"
    assert len(server.asked) == 1


def test_a_token_that_has_expired_is_replaced(server: TokenServer) -> None:
    clock = Clock()
    source = tokens(server, clock=clock)
    assert token(source) == "token-1"
    clock.now += 3601
    assert token(source) == "token-2"


def test_a_refresh_token_that_is_replaced_is_used_from_then_on(authority: WebAuthority) -> None:
    def rotating(form: Form, number: int) -> Answer:
        status, answer = numbered_tokens(form, number)
        assert isinstance(answer, dict)
        return status, {**answer, "refresh_token": f"refresh-{number}"} if number < 3 else answer

    with TokenServer(authority, GOOGLE, rotating) as server:
        source, refused = tokens(server), Secret("token-0")
        for number in range(1, 5):
            version = source.replace(refused) if number > 1 else source.get()
            assert version is not None
            refused = version.secret
    shown = [form["refresh_token"] for form in server.asked]
    assert shown == ["refresh-canary", "refresh-1", "refresh-2", "refresh-2"]


def test_a_server_that_cannot_be_reached_costs_nothing_while_the_token_lasts(
    authority: WebAuthority,
) -> None:
    clock = Clock()
    with TokenServer(authority, GOOGLE) as server:
        source = tokens(server, clock=clock)
        assert token(source) == "token-1"
    assert token(source) == "token-1"
    clock.now += 3601
    with pytest.raises(SecretUnreachable):
        token(source)


# -- the file -------------------------------------------------------------------------------------


def test_tokens_in_a_file_outlive_the_process(server: TokenServer, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    assert token(tokens(server, cache_file=file)) == "token-1"
    assert file.stat().st_mode & 0o777 == 0o600
    assert token(tokens(server, cache_file=file)) == "token-1"
    assert len(server.asked) == 1
    # What a server refuses is not taken from there again, and the new one is kept.
    replaced = tokens(server, cache_file=file).replace(Secret("token-1"))
    assert replaced is not None
    assert replaced.secret.reveal() == "token-2"
    assert token(tokens(server, cache_file=file)) == "token-2"


def test_tokens_of_another_grant_are_not_used(server: TokenServer, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    token(tokens(server, cache_file=file))
    newer = RefreshToken.google(
        client_id="app", client_secret=CLIENT, refresh_token=Secret("consented-again")
    )
    assert token(tokens(server, newer, cache_file=file)) == "token-2"
    assert server.asked[-1]["refresh_token"] == "consented-again"


def test_a_file_that_others_may_read_is_refused(server: TokenServer, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    token(tokens(server, cache_file=file))
    file.chmod(0o644)
    with pytest.raises(SecretDenied, match="chmod 600"):
        token(tokens(server, cache_file=file))


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"form": 1, "fingerprint": "x"}' * 2, "[" * 9999]
)
def test_a_file_of_something_else_is_not_overwritten(
    server: TokenServer, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "tokens"
    file.touch(mode=0o600)
    file.write_text(content)
    with pytest.raises(SecretMalformed, match="Name another file"):
        token(tokens(server, cache_file=file))
    assert file.read_text() == content
    assert not server.asked


def test_a_token_is_good_where_it_cannot_be_kept(
    server: TokenServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert token(tokens(server, cache_file=tmp_path / "missing" / "tokens")) == "token-1"
    assert "tokens cannot be kept" in caplog.text


# -- what goes wrong ------------------------------------------------------------------------------


def test_a_refusal_says_what_to_do_and_shows_nothing(authority: WebAuthority) -> None:
    accesses: list[Access] = []
    error = {"error": "invalid_grant", "error_description": "AADSTS700082: expired\x1b[2J"}
    with (
        TokenServer(authority, GOOGLE, lambda *_: (400, error)) as server,
        pytest.raises(SecretDenied) as caught,
    ):
        token(tokens(server, log=accesses.append))
    text = str(caught.value)
    assert text.isprintable()
    for part in (GOOGLE, "invalid_grant", "AADSTS700082", "let the user consent again"):
        assert part in text
    assert [access.outcome for access in accesses] == [Outcome.FAILED]
    canaries = [Canary("refresh", b"refresh-canary"), Canary("client", b"client-canary")]
    assert not find_canaries(f"{text}{accesses}{google}".encode(), canaries)


def test_a_server_that_is_not_the_host_is_told_nothing(authority: WebAuthority) -> None:
    script = answering(authority.context("other.example.com"), response(b"{}"))
    with TokenServer(authority, GOOGLE, script=script) as server:
        with pytest.raises(SecretUnreachable, match="wrong name"):
            token(tokens(server))
        assert b"POST" not in server.received


def test_silence_and_floods_end(authority: WebAuthority) -> None:
    with TokenServer(authority, GOOGLE, script=Talk.stall) as server:
        began = time.monotonic()
        with pytest.raises(SecretUnreachable, match="in time"):
            token(tokens(server, patience=0.2))
        assert time.monotonic() - began < 5
    flood = flooding(authority.context(GOOGLE), response(b"", length=10**9), b" " * 4096)
    with (
        TokenServer(authority, GOOGLE, script=flood) as server,
        pytest.raises(SecretUnreachable, match="more than 65536 octets"),
    ):
        token(tokens(server))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (302, b"", SecretDenied),
        (404, b"<html>", SecretDenied),
        (503, b"", SecretUnreachable),
        (200, b"<html>", SecretMalformed),
    ],
)
def test_what_is_no_answer_is_none(
    authority: WebAuthority, status: int, body: bytes, kind: type[SecretError]
) -> None:
    with (
        TokenServer(authority, GOOGLE, lambda *_: (status, body)) as server,
        pytest.raises(kind),
    ):
        token(tokens(server))
    assert len(server.asked) == 1


# -- logins ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Relay(Receiver):
    """aiosmtpd that takes XOAUTH2 with some tokens, and says why not as Google does."""

    good: set[str] = field(default_factory=set)
    shown: list[str] = field(default_factory=list)

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:
        fields = b64decode(args[1]).decode().split("\x01")
        self.shown.append(fields[1].removeprefix("auth=Bearer "))
        if fields[0] == "user=ada@example.com" and self.shown[-1] in self.good:
            return AuthResult(success=True)
        await server.challenge_auth('{"status":"400","schemes":"Bearer"}')
        return AuthResult(success=False, handled=False)


MESSAGE = Message(from_="ada@example.com", to=["bob@example.org"], subject="Hi", text="Hello.")


@pytest.mark.parametrize("is_async", [False, True], ids=["Mailer", "AsyncMailer"])
async def test_a_token_that_the_server_refuses_is_replaced_and_the_login_repeated(
    server: TokenServer, tmp_path: Path, is_async: bool
) -> None:
    certificate = issue_certificate(tmp_path / "certificate", LOOPBACK)
    source = tokens(server)
    async with Relay(certificate=certificate, good={"token-2"}) as relay:
        url = f"smtp://ada%40example.com@{LOOPBACK}:{relay.port}"
        if is_async:
            async with AsyncMailer(url, token=source, ca_file=certificate.ca_file) as mailer:
                await mailer.send(MESSAGE)
        else:

            def send() -> None:
                with Mailer(url, token=source, ca_file=certificate.ca_file) as mailer:
                    mailer.send(MESSAGE)

            await asyncio.to_thread(send)
        assert relay.shown == ["token-1", "token-2"]
        assert len(relay.messages) == 1
    assert len(server.asked) == 2


async def test_a_login_that_fails_with_a_new_token_has_failed(
    server: TokenServer, tmp_path: Path
) -> None:
    certificate = issue_certificate(tmp_path / "certificate", LOOPBACK)
    async with Relay(certificate=certificate) as relay:
        url = f"smtp://ada%40example.com@{LOOPBACK}:{relay.port}"
        async with AsyncMailer(url, token=tokens(server), ca_file=certificate.ca_file) as mailer:
            with pytest.raises(AuthError) as caught:
                await mailer.send(MESSAGE)
        assert relay.shown == ["token-1", "token-2"]
    assert caught.value.code == 535
    assert "token-" not in str(caught.value)
