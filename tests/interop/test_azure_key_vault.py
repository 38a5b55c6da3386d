"""Secrets from Azure Key Vault through Microsoft's own SDK, against a stand-in of the service.

The stand-in answers as the REST references of Key Vault ("Get Secret", 7.x) and of the Microsoft
identity platform (client credentials flow) say, under the real names of both. The SDK is as it is
in the world: DefaultAzureCredential, the challenge of the vault, TLS that is verified.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from postseal.errors import (
    InvalidReference,
    SecretDenied,
    SecretError,
    SecretMalformed,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets.azure import AzureKeyVault
from postseal.secrets.provider import SecretReference, SecretVersion
from tests.parts.web_service import Asked, Given, web_services

VAULT = "post-vault.vault.azure.net"
LOGIN = "login.microsoftonline.com"
TENANT = "11111111-2222-3333-4444-555555555555"
TOKEN = "canary-of-the-token"
CANARY = "canary-of-azure"
VERSION = "4387e9f3d6e14c459867679a90fd0f79"


class Azure:
    """A vault with a few secrets, and the platform that knows who asks."""

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, Any]] = {}
        self.refusal: Given | None = None
        self.asked = 0

    def vault(self, asked: Asked) -> Given:
        self.asked += 1
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            where = f'authorization="https://{LOGIN}/{TENANT}", resource="https://vault.azure.net"'
            return Given(401, b"", {"WWW-Authenticate": f"Bearer {where}"})
        if self.refusal:
            return self.refusal
        parts = urlsplit(asked.path)
        assert parse_qs(parts.query)["api-version"][0].startswith(("7.", "20"))
        _, kind, name, version = parts.path.split("/")
        assert kind == "secrets"
        bundle = self.secrets.get(f"{name}/{version}") or self.secrets.get(name)
        if bundle is None:
            return self.error(
                404, "SecretNotFound", f"A secret with (name/id) {name} was not found"
            )
        return Given(200, {"id": f"https://{VAULT}/secrets/{name}/{version or VERSION}", **bundle})

    @staticmethod
    def error(status: int, code: str, message: str) -> Given:
        return Given(status, {"error": {"code": code, "message": message}})

    def identity(self, asked: Asked) -> Given:
        base = f"https://{LOGIN}/{TENANT}"
        if asked.path.endswith("/.well-known/openid-configuration"):
            return Given(
                200,
                {
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                },
            )
        if asked.path.startswith("/common/discovery/instance?"):
            hosts = {"preferred_network": LOGIN, "preferred_cache": LOGIN, "aliases": [LOGIN]}
            where = f"{base}/v2.0/.well-known/openid-configuration"
            return Given(200, {"tenant_discovery_endpoint": where, "metadata": [hosts]})
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        if form["client_secret"] != "of-the-application":
            return Given(401, {"error": "invalid_client", "error_description": "AADSTS7000215"})
        assert form["scope"].split()[0] == "https://vault.azure.net/.default"
        return Given(200, {"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN})


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Azure]:
    azure = Azure()
    services = {VAULT: azure.vault, LOGIN: azure.identity}
    with web_services(tmp_path, services) as environment:
        environment |= {
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": "the-application",
            "AZURE_CLIENT_SECRET": "of-the-application",
            # Where the environment is not enough, nobody else is asked.
            "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AZURE_AUTHORITY_HOST", raising=False)
        yield azure


def fetch(reference: str) -> SecretVersion:
    return AzureKeyVault().fetch(SecretReference.parse(reference), deadline=time.monotonic() + 20)


def test_a_secret_its_version_and_its_end(azure: Azure) -> None:
    azure.secrets["mail"] = {
        "value": CANARY,
        "attributes": {"enabled": True, "created": 1_790_000_000, "exp": 4_000_000_000},
    }
    found = fetch("azure-kv:post-vault/mail")
    assert found.secret.reveal() == CANARY
    assert found.version == VERSION
    assert found.created == datetime.fromtimestamp(1_790_000_000, UTC)
    assert found.expires == datetime.fromtimestamp(4_000_000_000, UTC)
    assert fetch(f"azure-kv:{VAULT}/mail").secret.reveal() == CANARY


def test_a_pinned_version_and_a_key(azure: Azure) -> None:
    azure.secrets["mail"] = {"value": "new", "attributes": {"enabled": True}}
    azure.secrets["mail/abc"] = {"value": '{"password": "old"}', "attributes": {"enabled": True}}
    found = fetch("azure-kv:post-vault/mail?version=abc#password")
    assert (found.secret.reveal(), found.version) == ("old", "abc")
    with pytest.raises(SecretMalformed, match="no JSON object"):
        fetch("azure-kv:post-vault/mail#password")


def test_what_is_not_there(azure: Azure) -> None:
    with pytest.raises(SecretNotFound, match="SecretNotFound"):
        fetch("azure-kv:post-vault/mail")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "Forbidden", SecretDenied),
        (400, "BadParameter", SecretDenied),
        (409, "Conflict", SecretDenied),
        (429, "Throttled", SecretUnreachable),
        (503, "ServiceUnavailable", SecretUnreachable),
    ],
)
def test_refusals(azure: Azure, status: int, code: str, kind: type[SecretError]) -> None:
    azure.refusal = azure.error(status, code, "no\r\nX: y")
    with pytest.raises(kind, match=rf"Azure answers {status}: \({code}\) no X: y") as caught:
        fetch("azure-kv:post-vault/mail")
    assert azure.asked <= 3
    if status == 403:
        assert caught.value.hint
        assert "Key Vault Secrets User" in caught.value.hint


def test_an_application_that_nobody_knows(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "canary-of-the-application")
    with pytest.raises(SecretDenied, match="Azure does not know us") as caught:
        fetch("azure-kv:post-vault/mail")
    assert "canary" not in str(caught.value)


def test_a_vault_that_no_trusted_authority_vouches_for(
    azure: Azure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with web_services(tmp_path, {}) as others:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", others["REQUESTS_CA_BUNDLE"])
        # Which of the two services is asked first depends on what the SDK remembers of the vault.
        with pytest.raises(
            SecretUnreachable,
            match=r"(identity platform|Azure cannot be reached).*CERTIFICATE_VERIFY",
        ):
            fetch("azure-kv:post-vault/mail")
    assert not azure.asked


def test_the_log_of_the_sdk_does_not_show_it(
    azure: Azure, caplog: pytest.LogCaptureFixture
) -> None:
    azure.secrets["mail"] = {"value": CANARY, "attributes": {"enabled": True}}
    caplog.set_level(logging.DEBUG)
    fetch("azure-kv:post-vault/mail")
    assert "azure" in {record.name.partition(".")[0] for record in caplog.records}
    for secret in (CANARY, TOKEN, "of-the-application"):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    "path",
    ["mail", "a/b", "post-vault/", "evil.example.com/mail", "post-vault/a/b", "post-vault/a%2Fb"],
)
def test_references_that_are_none(path: str) -> None:
    with pytest.raises(InvalidReference, match="wants the name of a vault"):
        fetch(f"azure-kv:{path}")
