"""The settings of Vault, from code and from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from postseal.errors import InvalidSetting
from postseal.secrets.provider import SecretReference
from postseal.secrets.source import SecretSource
from postseal.secrets.vault_settings import (
    AppRole,
    JWTLogin,
    KubernetesLogin,
    TokenLogin,
    VaultLogin,
    VaultSettings,
)
from tests.parts.doc_blocks import block_of_page

ADDRESS = {"VAULT_ADDR": "https://vault.test:8200/"}
FILE = SecretReference("file", "/run/secret-id")


def test_the_variables_of_vault() -> None:
    settings = VaultSettings.from_environment(
        {
            **ADDRESS,
            "VAULT_TOKEN": "of the environment",
            "VAULT_NAMESPACE": "team",
            "VAULT_CACERT": "/etc/ca.pem",
            "VAULT_CAPATH": "/etc/ca",
            "VAULT_CLIENT_CERT": "/etc/cert.pem",
            "VAULT_CLIENT_KEY": "/etc/key.pem",
        }
    )
    assert settings == VaultSettings(
        address="https://vault.test:8200",
        login=TokenLogin(SecretReference("env", "VAULT_TOKEN")),
        namespace="team",
        authorities=Path("/etc/ca.pem"),
        certificate=(Path("/etc/cert.pem"), Path("/etc/key.pem")),
    )
    assert "of the environment" not in repr(settings)


def test_the_variables_of_openbao_where_those_of_vault_are_missing() -> None:
    of_bao = {"BAO_ADDR": "https://bao.test", "BAO_TOKEN": "x"}
    settings = VaultSettings.from_environment(of_bao)
    assert settings.address == "https://bao.test"
    assert settings.login == TokenLogin(SecretReference("env", "BAO_TOKEN"))
    assert VaultSettings.from_environment(of_bao | ADDRESS).address == "https://vault.test:8200"


def test_a_token_is_looked_for_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = VaultSettings.from_environment(ADDRESS)
    assert settings.login == TokenLogin(SecretReference("file", f"{tmp_path}/.vault-token"))


@pytest.mark.parametrize(
    ("variables", "login"),
    [
        (
            {"LOGIN": "approle", "ROLE": "id", "SECRET_ID": "file:/run/secret-id"},
            AppRole(role_id="id", secret_id=FILE),
        ),
        (
            {
                "LOGIN": "approle",
                "ROLE": "id",
                "WRAPPED_SECRET_ID": "file:/run/secret-id",
                "MOUNT": "machines/",
            },
            AppRole(role_id="id", secret_id=FILE, is_wrapped=True, mount="machines"),
        ),
        (
            {"LOGIN": "jwt", "ROLE": "mail", "JWT": "file:/run/secret-id"},
            JWTLogin(role="mail", jwt=FILE),
        ),
        ({"LOGIN": "kubernetes", "ROLE": "mail"}, KubernetesLogin(role="mail")),
    ],
)
def test_logins(variables: dict[str, str], login: VaultLogin) -> None:
    environment = {f"POSTSEAL_VAULT_{name}": value for name, value in variables.items()}
    assert VaultSettings.from_environment(ADDRESS | environment).login == login


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "nothing says where Vault is"),
        ({"VAULT_ADDR": ""}, "nothing says where Vault is"),
        ({"VAULT_ADDR": "vault.test:8200"}, "VAULT_ADDR is no address"),
        ({"VAULT_ADDR": "ftp://vault.test"}, "VAULT_ADDR is no address"),
        ({"VAULT_ADDR": "https://"}, "VAULT_ADDR is no address"),
        ({"VAULT_ADDR": "https://[::1"}, "VAULT_ADDR is no address"),
        ({"VAULT_ADDR": "https://vault.test:x"}, "VAULT_ADDR is no address"),
        ({"VAULT_ADDR": "https://vault.test\r\nX: y"}, "VAULT_ADDR is no address"),
        ({"VAULT_ADDR": "http://vault.test"}, "in clear to vault.test"),
        ({"VAULT_ADDR": "http://localhost.evil.test"}, "in clear"),
        ({"VAULT_ADDR": "https://user:canary@vault.test"}, "more than a host"),
        ({"VAULT_ADDR": "https://vault.test/?token=canary"}, "more than a host"),
        ({**ADDRESS, "VAULT_NAMESPACE": "a\r\nb"}, "written in ASCII"),
        ({**ADDRESS, "VAULT_CLIENT_CERT": "/etc/cert.pem"}, "lacks the other"),
        ({**ADDRESS, "POSTSEAL_VAULT_LOGIN": "ldap"}, "POSTSEAL_VAULT_LOGIN is 'ldap'"),
        ({**ADDRESS, "POSTSEAL_VAULT_LOGIN": "kubernetes"}, "needs POSTSEAL_VAULT_ROLE"),
        ({**ADDRESS, "POSTSEAL_VAULT_LOGIN": "jwt"}, "needs POSTSEAL_VAULT_JWT"),
        ({**ADDRESS, "POSTSEAL_VAULT_LOGIN": "approle"}, "one of POSTSEAL_VAULT_SECRET_ID and"),
        (
            {
                **ADDRESS,
                "POSTSEAL_VAULT_LOGIN": "approle",
                "POSTSEAL_VAULT_ROLE": "id",
                "POSTSEAL_VAULT_SECRET_ID": "canary-itself",
            },
            "POSTSEAL_VAULT_SECRET_ID: this is no reference",
        ),
        (
            {
                **ADDRESS,
                "POSTSEAL_VAULT_LOGIN": "jwt",
                "POSTSEAL_VAULT_ROLE": "id",
                "POSTSEAL_VAULT_JWT": "vault:kv/jwt",
            },
            "cannot be kept in it",
        ),
    ],
)
def test_what_is_wrong_is_named(environment: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidSetting, match=words) as caught:
        VaultSettings.from_environment(environment)
    assert "canary" not in str(caught.value)


def test_the_code_of_the_page() -> None:
    names: dict[str, object] = {}
    exec(block_of_page("secrets-managers.md", "vault in code"), names)
    assert isinstance(names["password"], SecretSource)
    assert names["password"].reference == SecretReference("vault", "kv/mail#password")


@pytest.mark.parametrize("host", ["localhost:8200", "127.0.0.1", "[::1]:8200"])
def test_loopback_may_be_reached_in_clear(host: str) -> None:
    assert VaultSettings(address=f"http://{host}", login=TokenLogin(FILE)).address.endswith(host)
