"""Secrets that Azure Key Vault keeps: `azure-kv:vault/secret#key`.

The vault is a name, or the whole host name in a cloud other than the public one. Option:
``version``. Who asks is found by `DefaultAzureCredential`: environment, workload identity, managed
identity, then a developer's tools.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from postseal.errors import InvalidReference, SecretDenied, SecretError, SecretUnreachable
from postseal.secrets.managers import refusal, told
from postseal.secrets.provider import Location, SecretReference
from postseal.secrets.sdk import Clients, Kept, SDKProvider

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretClient

__all__ = ["AzureKeyVault"]

_VAULT = re.compile(r"[A-Za-z0-9-]{3,24}")
# Where Microsoft has vaults: the token goes nowhere else.
_HOST = re.compile(
    r"[A-Za-z0-9-]{3,24}\.vault\.(?:azure\.net|azure\.cn|usgovcloudapi\.net|microsoftazure\.de)"
)
_SECRET = re.compile(r"[A-Za-z0-9-]{1,127}")
_VERSION = re.compile(r"[A-Za-z0-9]{1,64}")
_RETRIES: Final = 1


@dataclass(frozen=True, slots=True)
class _Name:
    host: str
    secret: str
    version: str | None


class AzureKeyVault(SDKProvider[_Name]):
    """The provider of `azure-kv:`."""

    _extra = "azure"

    def __init__(self) -> None:
        self._clients = Clients(_client)

    def _named(self, reference: SecretReference) -> tuple[Location, _Name]:
        location = reference.location(options=frozenset({"version"}))
        vault, _, secret = location.path.partition("/")
        host = f"{vault}.vault.azure.net" if _VAULT.fullmatch(vault) else vault
        version = location.options.get("version")
        if (
            not _HOST.fullmatch(host)
            or not _SECRET.fullmatch(secret)
            or not (version is None or _VERSION.fullmatch(version))
        ):
            raise InvalidReference(
                "azure-kv: wants the name of a vault and that of a secret",
                hint="Write azure-kv:my-vault/mail-password, "
                "or my-vault.vault.azure.cn for my-vault.",
            )
        return location, _Name(host, secret, version)

    def _ask(self, name: _Name, patience: float) -> Kept:
        found = self._clients.get(name.host).get_secret(
            name.secret, name.version, connection_timeout=patience, read_timeout=patience
        )
        return Kept(
            (found.value or "").encode("utf-8", "surrogatepass"),
            found.properties.version,
            found.properties.created_on,
            found.properties.expires_on,
        )

    def _failure(self, reference: SecretReference, error: Exception) -> SecretError | None:
        from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

        match error:
            case ClientAuthenticationError():
                return _unknown(reference, error.message)
            case HttpResponseError():
                hint = (
                    "The role Key Vault Secrets User on this secret allows it, where the secret "
                    "is enabled, its time has come, and the firewall of the vault lets us in."
                )
                return refusal(reference, "Azure", error.status_code or 0, error.message, hint=hint)
            case AzureError():
                return SecretUnreachable(
                    f"Azure cannot be reached: {told(error.message)}", reference=str(reference)
                )
        return None


def _client(host: str) -> SecretClient:
    from azure.identity import DefaultAzureCredential
    from azure.keyvault.secrets import SecretClient

    credential = DefaultAzureCredential(retry_total=_RETRIES)
    return SecretClient(f"https://{host}", credential, retry_total=_RETRIES)


def _unknown(reference: SecretReference, message: str) -> SecretError:
    """The error for an identity that was not had: refused, not to be found, or not to be asked."""
    # The SDK tells them apart by words alone; the identity platform gives each refusal a code.
    if "Authentication failed:" in message and "AADSTS" not in message:
        return SecretUnreachable(
            f"Azure's identity platform cannot be reached: {told(message)}",
            reference=str(reference),
        )
    return SecretDenied(
        f"Azure does not know us: {told(message)}",
        reference=str(reference),
        hint="DefaultAzureCredential looks at AZURE_CLIENT_ID and others in the environment, "
        "workload and managed identity, and az login.",
    )
