"""Grants that cannot be meant, keys that are none, and what they show of themselves."""

from __future__ import annotations

import json
import sys
from collections import deque

import pytest

from postseal import Secret
from postseal.errors import InvalidSetting, MissingExtra, SecretMalformed, SecretNotFound
from postseal.secrets import SecretSource
from postseal.send import ClientCredentials, RefreshToken, ServiceAccount, oauth_tokens
from postseal.send.oauth.grants import TokenEndpoint
from tests.parts.keepers import Keeper

SECRET = Secret("canary")


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.com/token",
        "https://id.example.com",
        "https://id.example.com:8443/token",
        "https://user@id.example.com/token",
        "https://id.example.com/token?a=b",
        "https://id.example.com/token#a",
        "https://id.example.com/to ken",
        "https://id.example.com/to\r\nken",
        "https://[::1]/token",
        "https:///token",
        "id.example.com/token",
        "",
    ],
)
def test_tokens_are_asked_for_by_https_alone(url: str) -> None:
    grant = RefreshToken(endpoint=url, client_id="app", refresh_token=SECRET)
    with pytest.raises(InvalidSetting, match="https://host/path"):
        oauth_tokens(grant)


def test_an_endpoint_is_host_and_path() -> None:
    endpoint = TokenEndpoint.parse("https://id.example.com/oauth2/token")
    assert endpoint == TokenEndpoint("id.example.com", "/oauth2/token")


@pytest.mark.parametrize("tenant", ["", "a/b", "a@evil.example", "a?b", "a b", "a\n", "é"])
def test_a_tenant_is_a_part_of_a_path(tenant: str) -> None:
    with pytest.raises(InvalidSetting, match="no tenant"):
        ClientCredentials.microsoft(tenant=tenant, client_id="app", client_secret=SECRET)


def test_secrets_may_be_kept_elsewhere() -> None:
    keeper = Keeper("from-the-vault")
    source = SecretSource("vault:kv/mail#refresh", provider=keeper)
    grant = RefreshToken.microsoft(client_id="app", refresh_token=source)
    assert grant.form(now=0, timeout=1)["refresh_token"] == "from-the-vault"
    keeper.failures = deque([SecretNotFound("gone")])
    source.forget()
    with pytest.raises(SecretNotFound, match="gone"):
        grant.form(now=0, timeout=1)


def test_no_grant_shows_its_secrets() -> None:
    for grant in (
        RefreshToken.google(client_id="app", client_secret=SECRET, refresh_token=SECRET),
        ClientCredentials.microsoft(tenant="t", client_id="app", client_secret=SECRET),
        ServiceAccount(key=SECRET, subject="ada@example.com"),
    ):
        assert "canary" not in f"{grant!r} {grant.name} {grant.remedy} {oauth_tokens(grant)!r}"


@pytest.mark.parametrize(
    "key",
    [
        "canary",
        "[]",
        "7",
        "[" * 9999,
        "{}",
        json.dumps({"client_email": "a", "private_key_id": "k"}),
        json.dumps({"client_email": "a", "private_key_id": "k", "private_key": 7}),
        json.dumps({"client_email": "a", "private_key_id": "k", "private_key": "canary"}),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(SecretMalformed) as caught:
        ServiceAccount(key=Secret(key), subject="ada@example.com").form(now=0, timeout=1)
    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_what_service_accounts_need_is_named_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    key = json.dumps({"client_email": "a", "private_key_id": "k", "private_key": "x"})
    with pytest.raises(MissingExtra, match=r"postseal\[mx\]"):
        ServiceAccount(key=Secret(key), subject="ada@example.com").form(now=0, timeout=1)
