"""Vault's HTTP API, by hvac: to one server, never redirected, bounded in time and in size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

import hvac  # type: ignore[import-untyped]
import requests
import urllib3.exceptions
from hvac.adapters import Adapter  # type: ignore[import-untyped]

from postseal.errors import SecretError, SecretMalformed, SecretUnreachable
from postseal.secrets.managers import refusal, told
from postseal.secrets.provider import SecretReference, seconds_left

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postseal.secrets.vault_settings import VaultSettings

__all__ = ["Answer", "VaultAPI", "open_api"]

_MAX_ANSWER: Final = 1024 * 1024
_CHUNK: Final = 64 * 1024


Answer: TypeAlias = Mapping[str, object]
"""A JSON object that Vault sent; empty where it sent nothing."""


class VaultAPI:
    """The requests that a secret takes. All raise the errors of our tree for its reference.

    They begin in the namespace of the settings, and without a token.
    """

    def __init__(
        self,
        settings: VaultSettings,
        session: requests.Session,
        reference: SecretReference,
        deadline: float,
    ) -> None:
        self._reference = reference
        self._client = hvac.Client(
            url=settings.address,
            # None would make hvac look for a token by itself.
            token="",
            namespace=settings.namespace,
            session=session,
            adapter=_BoundedAdapter,
            reference=reference,
            deadline=deadline,
        )

    def move_to(self, namespace: str | None) -> None:
        """Let paths begin in a namespace."""
        self._client.adapter.namespace = namespace

    def show(self, token: str) -> None:
        """Send a token with what is asked from now on; none where it is empty.

        Raises `SecretMalformed` where it does not fit into a header.
        """
        if not (token.isascii() and token.isprintable() and token == token.strip()):
            raise SecretMalformed("the token for Vault is none", reference=str(self._reference))
        self._client.token = token

    def log_in_by_role(self, mount: str, role_id: str, secret_id: str) -> Answer:
        """Log in as a machine that has a role ID and a secret ID."""
        answer: Answer = self._client.auth.approle.login(
            role_id, secret_id, use_token=False, mount_point=mount
        )
        return answer

    def log_in_by_jwt(self, mount: str, role: str, jwt: str) -> Answer:
        """Log in by a signed token: of any issuer that Vault knows, or of Kubernetes."""
        answer: Answer = self._client.auth.jwt.jwt_login(role, jwt, use_token=False, path=mount)
        return answer

    def look_up_token(self) -> Answer:
        """Ask how long the token lasts."""
        answer: Answer = self._client.auth.token.lookup_self()
        return answer

    def renew_token(self) -> Answer:
        """Make the token last longer."""
        answer: Answer = self._client.auth.token.renew_self()
        return answer

    def look_up_wrapping(self, token: str) -> Answer:
        """Ask who wrapped what `token` would unwrap; no token of our own is needed."""
        answer: Answer = self._client.adapter.post("/v1/sys/wrapping/lookup", json={"token": token})
        return answer

    def unwrap(self) -> Answer:
        """Take out what the token wraps, and end the token."""
        answer: Answer = self._client.sys.unwrap()
        return answer

    def find_mount(self, path: str) -> Answer:
        """Ask which engine a path belongs to, as Vault's own program does.

        Who may read anything below the mount may ask this: no policy has to name it.
        """
        answer: Answer = self._client.adapter.get(f"/v1/sys/internal/ui/mounts/{quote(path)}")
        return answer

    def read(self, path: str) -> Answer:
        """Read what has no versions, or is made anew by each reading."""
        answer: Answer = self._client.adapter.get(f"/v1/{quote(path)}")
        return answer

    def read_version(self, mount: str, path: str, version: str | None) -> Answer:
        """Read one version, or the newest, of what KV version 2 keeps."""
        answer: Answer = self._client.secrets.kv.v2.read_secret_version(
            path, version=version, mount_point=mount, raise_on_deleted_version=True
        )
        return answer

    def renew_lease(self, name: str, seconds: int) -> Answer:
        """Make a lease last `seconds` from now, if Vault lets it."""
        answer: Answer = self._client.sys.renew_lease(name, increment=seconds)
        return answer


@contextmanager
def open_api(
    settings: VaultSettings, reference: SecretReference, *, deadline: float
) -> Iterator[VaultAPI]:
    """Open the API for the few requests that one secret takes, on one connection.

    Connections are not kept: secrets are asked for rarely, and none survives a fork.
    """
    with requests.Session() as session:
        # What the environment names (a proxy, ~/.netrc) must not see a token in clear.
        session.trust_env = settings.address.startswith("https:")
        session.verify = str(settings.authorities) if settings.authorities else True
        if settings.certificate is not None:
            certificate, key = settings.certificate
            session.cert = (str(certificate), str(key))
        yield VaultAPI(settings, session, reference, deadline)


class _BoundedAdapter(Adapter):  # type: ignore[misc, no-any-unimported]  # hvac has no types
    def __init__(self, *, reference: SecretReference, deadline: float, **standard: object) -> None:
        super().__init__(**standard)
        self._reference = reference
        self._deadline = deadline

    # Only here because hvac asks it of an adapter: tokens are taken from the answers.
    def get_login_token(self, response: Mapping[str, Mapping[str, str]]) -> str:
        return response["auth"]["client_token"]

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        raise_exception: bool = True,  # noqa: FBT001, FBT002  # as hvac calls it
        **content: object,
    ) -> Answer:
        """Send one request, and give what came back."""
        head = {"X-Vault-Request": "true", **(headers or {})}
        if self.token:
            head["X-Vault-Token"] = self.token
        if self.namespace:
            head["X-Vault-Namespace"] = self.namespace
        where = self.urljoin(self.base_uri, url)
        failure = None
        try:
            with self.session.request(
                method,
                where,
                headers=head,
                params=content.get("params"),
                json=content.get("json"),
                # Left out, a bundle that the environment names would go before it.
                verify=self.session.verify,
                # Whoever is redirected to would get the token.
                allow_redirects=False,
                stream=True,
                timeout=seconds_left(self._reference, self._deadline),
            ) as response:
                status = response.status_code
                answer = _parsed(self._body(response))
        except (OSError, urllib3.exceptions.HTTPError) as error:
            failure = self._unreachable(error)
        if failure is not None:
            raise failure
        if not 200 <= status < 300:
            raise self._refusal(status, answer)
        return answer

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > _MAX_ANSWER:
                raise SecretUnreachable(
                    f"Vault's answer has more than {_MAX_ANSWER} octets",
                    reference=str(self._reference),
                )
            seconds_left(self._reference, self._deadline)
        return bytes(body)

    def _unreachable(self, error: Exception) -> SecretUnreachable:
        """Say what is wrong with the way to Vault, without the request that the error holds."""
        text, hint = "Vault cannot be reached", "Look at VAULT_ADDR, and whether Vault runs there."
        if isinstance(error, requests.exceptions.SSLError):
            text = "Vault's TLS certificate was not accepted, or there was no handshake"
            hint = "VAULT_CACERT names the file of the authority that issued the certificate."
        elif isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError):
            text = "no answer from Vault in time"
        elif not isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError):
            text = "the certificates for the way to Vault cannot be read"
            hint = "Look at VAULT_CACERT, VAULT_CAPATH, VAULT_CLIENT_CERT and VAULT_CLIENT_KEY."
        return SecretUnreachable(
            f"{text} ({self.base_uri})", reference=str(self._reference), hint=hint
        )

    def _refusal(self, status: int, answer: Answer) -> SecretError:
        said = answer.get("errors")
        words = "; ".join(map(str, said)) if isinstance(said, list) else ""
        error = refusal(self._reference, "Vault", status, words)
        if status == 404:
            error.text = _gone(answer) or "Vault has nothing there"
        elif status == 503:
            error.hint = "Vault is sealed or in maintenance."
        elif 300 <= status < 400:
            return SecretUnreachable(
                f"{error.text}: it sends us to another server",
                reference=str(self._reference),
                hint="Put the active node's address, or the load balancer's, into VAULT_ADDR.",
            )
        return error


def _parsed(body: bytes) -> Answer:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _gone(answer: Answer) -> str | None:
    """What KV version 2 says of a version that was deleted or destroyed."""
    match answer:
        case {"data": {"metadata": {"version": version, "destroyed": True}}}:
            return f"version {version} was destroyed"
        case {"data": {"metadata": {"version": version, "deletion_time": str(when)}}} if when:
            return f"version {version} was deleted at {told(when)}"
    return None
