"""Secrets that Google Secret Manager keeps: `gcp-sm:project/secret#key`.

Options: ``version``, a number or an alias, and ``location`` of a regional secret. Who asks is found
by Application Default Credentials: a file that the environment names, gcloud, the metadata server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postseal.errors import InvalidReference, SecretDenied, SecretError, SecretUnreachable
from postseal.secrets.managers import refusal, told
from postseal.secrets.provider import Location, SecretReference
from postseal.secrets.sdk import Clients, Kept, SDKProvider

if TYPE_CHECKING:
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

__all__ = ["GoogleSecretManager"]

_PROJECT = re.compile(r"(?:[a-z0-9.-]{1,64}:)?[a-z0-9-]{1,63}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,255}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}|[a-z][a-z0-9_-]{0,62}")
_LOCATION = re.compile(r"[a-z0-9-]{1,63}")


@dataclass(frozen=True, slots=True)
class _Name:
    resource: str
    region: str | None


class GoogleSecretManager(SDKProvider[_Name]):
    """The provider of `gcp-sm:`, by HTTPS rather than gRPC, which keeps no threads."""

    _extra = "gcp"
    # It is made to log what is answered.
    _talkative = ("google.cloud.secretmanager_v1.services.secret_manager_service.transports.rest",)

    def __init__(self) -> None:
        self._clients = Clients(_client)

    def _named(self, reference: SecretReference) -> tuple[Location, _Name]:
        location = reference.location(options=frozenset({"location", "version"}))
        project, _, secret = location.path.partition("/")
        version = location.options.get("version", "latest")
        region = location.options.get("location")
        if (
            not _PROJECT.fullmatch(project)
            or not _SECRET.fullmatch(secret)
            or not _VERSION.fullmatch(version)
            or not (region is None or _LOCATION.fullmatch(region))
        ):
            raise InvalidReference(
                "gcp-sm: wants a project and the name of a secret",
                hint="Write gcp-sm:my-project/mail-password, with ?version=NUMBER or an alias.",
            )
        where = f"projects/{project}{f'/locations/{region}' if region else ''}"
        return location, _Name(f"{where}/secrets/{secret}/versions/{version}", region)

    def _ask(self, name: _Name, patience: float) -> Kept:
        answer = self._clients.get(name.region).access_secret_version(
            name=name.resource, retry=None, timeout=patience
        )
        return Kept(answer.payload.data, answer.name.rpartition("/")[2])

    def _failure(self, reference: SecretReference, error: Exception) -> SecretError | None:
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError, TransportError
        from requests import RequestException

        match error:
            case GoogleAPICallError():
                hint = (
                    "The role roles/secretmanager.secretAccessor on this secret allows it, where "
                    "the version is enabled."
                )
                return refusal(
                    reference, "Google", int(error.code or 0), str(error.message), hint=hint
                )
            case TransportError() | RequestException():
                return SecretUnreachable(
                    f"Google cannot be reached: {told(str(error))}", reference=str(reference)
                )
            case GoogleAuthError():
                return SecretDenied(
                    f"Google does not know us: {told(str(error))}",
                    reference=str(reference),
                    hint="Application Default Credentials look at GOOGLE_APPLICATION_CREDENTIALS, "
                    "gcloud auth application-default login, and the metadata server.",
                )
        return None


def _client(location: str | None) -> SecretManagerServiceClient:
    from google.api_core.client_options import ClientOptions
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

    options = ClientOptions()
    if location is not None:
        options.api_endpoint = f"secretmanager.{location}.rep.googleapis.com"
    return SecretManagerServiceClient(transport="rest", client_options=options)
