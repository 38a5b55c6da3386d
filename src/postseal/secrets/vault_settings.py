"""Where Vault is and how to log in to it: the settings of the provider, and their environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

from postseal.errors import InvalidReference, InvalidSetting
from postseal.secrets.managers import checked_address
from postseal.secrets.provider import SecretReference

__all__ = [
    "AppRole",
    "JWTLogin",
    "KubernetesLogin",
    "TokenLogin",
    "VaultLogin",
    "VaultSettings",
]

_SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_LOGIN = "POSTSEAL_VAULT_LOGIN"
_MOUNT = "POSTSEAL_VAULT_MOUNT"
_ROLE = "POSTSEAL_VAULT_ROLE"
_SECRET_ID = "POSTSEAL_VAULT_SECRET_ID"  # noqa: S105  # a name, no secret
_WRAPPED_SECRET_ID = "POSTSEAL_VAULT_WRAPPED_SECRET_ID"  # noqa: S105
_JWT = "POSTSEAL_VAULT_JWT"


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """A token that somebody else got, read again from `token` when it is no longer taken."""

    token: SecretReference


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRole:
    """The login of a machine by `role_id` and the secret ID that `secret_id` leads to.

    With `is_wrapped` it leads to a response-wrapping token instead, which is unwrapped once.
    """

    role_id: str
    secret_id: SecretReference
    is_wrapped: bool = False
    mount: str = "approle"


@dataclass(frozen=True, slots=True, kw_only=True)
class JWTLogin:
    """The login by a signed JSON Web Token that `jwt` leads to, read again for each login."""

    role: str
    jwt: SecretReference
    mount: str = "jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesLogin:
    """The login of a pod by the token of its service account, read again for each login."""

    role: str
    token_file: Path = _SERVICE_ACCOUNT_TOKEN
    mount: str = "kubernetes"


VaultLogin: TypeAlias = TokenLogin | AppRole | JWTLogin | KubernetesLogin


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    """One Vault (or OpenBao) and the way into it.

    `authorities` is a file or a directory of certificates to trust in place of the system's;
    `certificate` names the files of a client's certificate and its key.
    Raises `InvalidSetting` for an address that would send secrets in clear beyond loopback, and
    for a login that would need Vault itself.
    """

    address: str
    login: VaultLogin
    namespace: str | None = None
    authorities: Path | None = None
    certificate: tuple[Path, Path] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", checked_address(self.address, setting="VAULT_ADDR"))
        if not ((self.namespace or "").isascii() and (self.namespace or "").isprintable()):
            raise InvalidSetting("a namespace of Vault is written in ASCII")
        match self.login:
            case TokenLogin(needed) | AppRole(secret_id=needed) | JWTLogin(jwt=needed):
                if needed.scheme == "vault":
                    raise InvalidSetting("what is needed to log in to Vault cannot be kept in it")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the variables of Vault's own programs, and of OpenBao's where those are missing.

        These are VAULT_ADDR, VAULT_NAMESPACE, VAULT_CACERT, VAULT_CAPATH, VAULT_CLIENT_CERT,
        VAULT_CLIENT_KEY and VAULT_TOKEN; without the last the token is the one in
        ``~/.vault-token``. POSTSEAL_VAULT_LOGIN asks for another login: "approle", "jwt" or
        "kubernetes". Raises `InvalidSetting` for what is missing or contradicts.
        """
        read = _Variables(environment)
        address = read.standard("ADDR")
        if address is None:
            raise InvalidSetting(
                "nothing says where Vault is", hint="Set VAULT_ADDR=https://vault.example.com:8200."
            )
        authorities = read.standard("CACERT") or read.standard("CAPATH")
        certificate, key = read.standard("CLIENT_CERT"), read.standard("CLIENT_KEY")
        if (certificate is None) != (key is None):
            raise InvalidSetting("one of VAULT_CLIENT_CERT and VAULT_CLIENT_KEY lacks the other")
        return cls(
            address=address,
            login=read.login(),
            namespace=read.standard("NAMESPACE"),
            authorities=Path(authorities) if authorities else None,
            certificate=(Path(certificate), Path(key)) if certificate and key else None,
        )


@dataclass(frozen=True, slots=True)
class _Variables:
    environment: Mapping[str, str]

    def standard(self, name: str) -> str | None:
        return self.environment.get(f"VAULT_{name}") or self.environment.get(f"BAO_{name}") or None

    def login(self) -> VaultLogin:
        method = self.environment.get(_LOGIN, "token")
        match method:
            case "token":
                return TokenLogin(self._token())
            case "approle":
                wrapped = self._reference(_WRAPPED_SECRET_ID)
                secret_id = wrapped or self._reference(_SECRET_ID)
                if secret_id is None or (wrapped and self._reference(_SECRET_ID)):
                    raise InvalidSetting(f"one of {_SECRET_ID} and {_WRAPPED_SECRET_ID} is needed")
                return AppRole(
                    role_id=self._needed(_ROLE, method),
                    secret_id=secret_id,
                    is_wrapped=wrapped is not None,
                    mount=self._mount(method),
                )
            case "jwt":
                jwt = self._reference(_JWT)
                if jwt is None:
                    raise InvalidSetting(f"{_LOGIN}=jwt needs {_JWT}")
                return JWTLogin(
                    role=self._needed(_ROLE, method), jwt=jwt, mount=self._mount(method)
                )
            case "kubernetes":
                return KubernetesLogin(role=self._needed(_ROLE, method), mount=self._mount(method))
        raise InvalidSetting(
            f"{_LOGIN} is {method!a}", hint="Write token, approle, jwt or kubernetes."
        )

    def _token(self) -> SecretReference:
        for name in ("VAULT_TOKEN", "BAO_TOKEN"):
            if self.environment.get(name):
                return SecretReference("env", name)
        return SecretReference("file", str(Path.home() / ".vault-token"))

    def _mount(self, method: str) -> str:
        return self.environment.get(_MOUNT, method).strip("/")

    def _needed(self, name: str, method: str) -> str:
        value = self.environment.get(name)
        if not value:
            raise InvalidSetting(f"{_LOGIN}={method} needs {name}")
        return value

    def _reference(self, name: str) -> SecretReference | None:
        text = self.environment.get(name)
        if not text:
            return None
        try:
            return SecretReference.parse(text)
        except InvalidReference as error:
            raise InvalidSetting(f"{name}: {error.text}", hint=error.hint) from None
