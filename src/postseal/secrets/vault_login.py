"""The token that Vault asks for: got by a login, renewed before it ends, replaced when refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from postseal.errors import SecretDenied, SecretMalformed, SecretNotFound
from postseal.secrets.managers import told
from postseal.secrets.provider import SecretReference, decoded, provider_of
from postseal.secrets.vault_settings import AppRole, JWTLogin, KubernetesLogin, TokenLogin

if TYPE_CHECKING:
    from postseal.secrets.opaque import Secret
    from postseal.secrets.vault_http import Answer, VaultAPI
    from postseal.secrets.vault_settings import VaultLogin

__all__ = ["Doorkeeper", "Term"]

_MAX_JWT: Final = 64 * 1024
# Renewed with a third of its life left, there is time to try again.
_RENEWED_AFTER: Final = 2 / 3


@dataclass(frozen=True, slots=True)
class Term:
    """The life of a token or a lease, on the clock of whoever made it."""

    renew_at: float
    ends_at: float

    @classmethod
    def beginning(cls, now: float, seconds: float) -> Self:
        """The term of `seconds` from `now` on."""
        return cls(now + seconds * _RENEWED_AFTER, now + seconds)


@dataclass(frozen=True, slots=True)
class _Token:
    secret: Secret
    term: Term | None
    renewable: bool


class Doorkeeper:
    """Holds the token of one login. It is not locked: who shares it takes turns."""

    def __init__(self, login: VaultLogin, *, clock: Callable[[], float]) -> None:
        self._login = login
        self._clock = clock
        self._token: _Token | None = None
        self._secret_id: Secret | None = None

    @property
    def ends_at(self) -> float | None:
        """When the token ends, and with it all leases that it made; None where it does not."""
        return self._token.term.ends_at if self._token and self._token.term else None

    def is_still_good(self, api: VaultAPI) -> bool:
        """Ask whether Vault still takes the token: what was refused is then not ours to have."""
        try:
            api.look_up_token()
        except SecretDenied:
            return False
        return True

    def forget(self) -> None:
        """Drop a token that was refused: the next one is asked for anew."""
        self._token = None

    def admit(self, api: VaultAPI, reference: SecretReference, deadline: float) -> bool:
        """Give the client a token, and say whether it is a new one.

        Raises the errors of `Provider.fetch`, those of the secrets that the login needs with the
        references of these.
        """
        now = self._clock()
        token = self._token
        if token is None or (token.term is not None and token.term.ends_at <= now):
            self._token = self._log_in(api, reference, deadline)
            api.show(self._token.secret.reveal())
            return True
        api.show(token.secret.reveal())
        if token.renewable and token.term is not None and token.term.renew_at <= now:
            self._renew(api, token)
        return False

    def _renew(self, api: VaultAPI, token: _Token) -> None:
        try:
            answer = api.renew_token()
        except SecretDenied:
            # Not by this token: it is used for as long as it is taken.
            self._token = _Token(token.secret, token.term, renewable=False)
            return
        match answer:
            case {"auth": {"lease_duration": int(seconds), "renewable": bool(renewable)}}:
                self._token = _Token(token.secret, self._term(seconds), renewable)

    def _log_in(self, api: VaultAPI, reference: SecretReference, deadline: float) -> _Token:
        api.show("")
        match self._login:
            case TokenLogin(source):
                return self._given(api, _fetch(source, deadline))
            case AppRole():
                answer = self._by_role(api, self._login, reference, deadline)
            case JWTLogin(role=role, jwt=source, mount=mount):
                jwt = _fetch(source, deadline)
                answer = _by_jwt(api, mount, role, jwt, reference)
            case KubernetesLogin(role=role, token_file=file, mount=mount):
                jwt = _service_account_token(file)
                answer = _by_jwt(api, mount, role, jwt, reference)
        match answer:
            case {
                "auth": {
                    "client_token": str(token),
                    "lease_duration": int(seconds),
                    "renewable": bool(renewable),
                }
            } if token:
                return _Token(decoded(reference, token.encode()), self._term(seconds), renewable)
        raise SecretMalformed("Vault's answer to the login has no token", reference=str(reference))

    def _given(self, api: VaultAPI, token: Secret) -> _Token:
        """Ask what there is to know of a token that somebody else got."""
        api.show(token.reveal())
        try:
            answer = api.look_up_token()
        except SecretDenied:
            # Its policy may keep it from asking; if it is no longer good, the next request tells.
            return _Token(token, None, renewable=False)
        match answer:
            case {"data": {"ttl": int(seconds), "renewable": bool(renewable)}}:
                return _Token(token, self._term(seconds), renewable)
        return _Token(token, None, renewable=False)

    def _by_role(
        self, api: VaultAPI, login: AppRole, reference: SecretReference, deadline: float
    ) -> Answer:
        def enter(secret_id: Secret) -> Answer:
            return _admitted(
                reference,
                login.mount,
                lambda: api.log_in_by_role(login.mount, login.role_id, secret_id.reveal()),
            )

        if not login.is_wrapped:
            return enter(_fetch(login.secret_id, deadline))
        if self._secret_id is not None:
            try:
                return enter(self._secret_id)
            except SecretDenied:
                # It has ended; a wrapping token that was put there since leads to a new one.
                self._secret_id = None
        wrapped = _fetch(login.secret_id, deadline)
        self._secret_id = _unwrapped(api, login, wrapped)
        return enter(self._secret_id)

    def _term(self, seconds: int) -> Term | None:
        return Term.beginning(self._clock(), seconds) if seconds > 0 else None


def _by_jwt(
    api: VaultAPI, mount: str, role: str, jwt: Secret, reference: SecretReference
) -> Answer:
    return _admitted(reference, mount, lambda: api.log_in_by_jwt(mount, role, jwt.reveal()))


def _admitted(reference: SecretReference, mount: str, login: Callable[[], Answer]) -> Answer:
    try:
        return login()
    except (SecretDenied, SecretNotFound) as error:
        raise SecretDenied(
            f"the login by auth/{mount} was refused: {error.text}", reference=str(reference)
        ) from None


def _unwrapped(api: VaultAPI, login: AppRole, wrapped: Secret) -> Secret:
    """Take a secret ID out of its wrapping, which works once.

    That it fails may mean that somebody else has taken it out; that it was wrapped elsewhere, that
    somebody took it out and wrapped another (developer.hashicorp.com/vault/docs/concepts/
    response-wrapping, "Response wrapping token validation").
    """
    hint = "Treat the secret ID as stolen: destroy it, find out who has it, and make a new one."
    name = str(login.secret_id)
    try:
        maker = _maker(api.look_up_wrapping(wrapped.reveal()))
        if is_ours := re.fullmatch(rf"auth/{re.escape(login.mount)}/role/[^/]+/secret-id", maker):
            api.show(wrapped.reveal())
            answer = api.unwrap()
    except SecretDenied as error:
        raise SecretDenied(
            f"the secret ID cannot be unwrapped, so its wrapping has ended or was opened before "
            f"({error.text})",
            reference=name,
            hint=hint,
        ) from None
    finally:
        api.show("")
    if not is_ours:
        raise SecretDenied(
            f"the wrapping token was made by {told(maker)!a}, not by the role",
            reference=name,
            hint=hint,
        )
    match answer:
        case {"data": {"secret_id": str(secret_id)}}:
            return decoded(login.secret_id, secret_id.encode())
    raise SecretMalformed("what was wrapped is no secret ID", reference=name)


def _maker(answer: Answer) -> str:
    match answer:
        case {"data": {"creation_path": str(path)}}:
            return path
    return ""


def _fetch(source: SecretReference, deadline: float) -> Secret:
    return provider_of(source.scheme).fetch(source, deadline=deadline).secret


def _service_account_token(file: Path) -> Secret:
    """Read what the kubelet writes: for the whole container, so its mode says nothing."""
    reference = SecretReference("file", str(file))
    try:
        with file.open("rb") as opened:
            token = opened.read(_MAX_JWT + 1)
    except FileNotFoundError:
        raise SecretNotFound(
            "there is no token of a service account",
            reference=str(reference),
            hint="The login by Kubernetes works in a pod that has its token mounted.",
        ) from None
    except OSError as error:
        raise SecretDenied(
            f"the token cannot be read ({error.strerror})", reference=str(reference)
        ) from None
    if len(token) > _MAX_JWT:
        raise SecretMalformed(f"a token has at most {_MAX_JWT} octets", reference=str(reference))
    return decoded(reference, token.strip())
