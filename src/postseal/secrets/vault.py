"""Secrets that HashiCorp Vault or OpenBao keeps or makes: `vault:path#key`.

``vault:kv/mail#password`` reads the key/value engine, version 1 or 2, and what is no key/value
engine by its own path: ``vault:database/static-creds/mail#password`` for a password that Vault
changes, ``vault:database/creds/mail#password`` for a login that Vault makes for us and takes away
at the end of a lease. Options: ``version``, of KV version 2, and ``namespace``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from postseal.errors import (
    InvalidReference,
    SecretDenied,
    SecretMalformed,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets.managers import value_among
from postseal.secrets.opaque import Secret
from postseal.secrets.provider import (
    Location,
    Need,
    SecretReference,
    SecretVersion,
    missing_extra,
    seconds_left,
)
from postseal.secrets.vault_login import Doorkeeper, Term
from postseal.secrets.vault_settings import VaultSettings

if TYPE_CHECKING:
    from postseal.secrets.vault_http import VaultAPI

__all__ = ["Vault"]

_OPTIONS = frozenset({"namespace", "version"})


@dataclass(slots=True)
class _Lease:
    """Values that Vault made for us; the user and the password of one lease belong together."""

    id: str
    seconds: int
    renewable: bool
    values: Mapping[str, Secret]
    created: datetime
    term: Term
    given_to: set[SecretReference] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a secret lies: `path` within the engine that is mounted at `mount`."""

    mount: str
    path: str
    is_versioned: bool

    @property
    def policy_path(self) -> str:
        """What a policy calls it."""
        return f"{self.mount}{'data/' if self.is_versioned else ''}{self.path}"


class Vault:
    """The provider of `vault:`, by `settings` or those of the environment.

    Requests take turns. Leases are renewed when their values are asked for again: nothing runs in
    the background, and a lease that nobody asks for ends by itself.
    Raises `InvalidSetting` where the environment says too little.
    """

    def __init__(
        self,
        settings: VaultSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings or VaultSettings.from_environment()
        self._clock = clock
        self._doorkeeper = Doorkeeper(self._settings.login, clock=clock)
        self._leases: dict[tuple[str | None, str], _Lease] = {}
        self._turn = Lock()
        self._process = os.getpid()

    def fetch(
        self, reference: SecretReference, *, deadline: float, need: Need = Need.CURRENT
    ) -> SecretVersion:
        """See `Provider.fetch`."""
        location = _checked(reference)
        try:
            from postseal.secrets.vault_http import open_api
        except ImportError:
            raise missing_extra("vault", "vault") from None
        if self._process != os.getpid():
            # After a fork, whoever had the turn is the parent's.
            self._turn, self._process = Lock(), os.getpid()
        if not self._turn.acquire(timeout=seconds_left(reference, deadline)):
            raise SecretUnreachable(
                "others wait for Vault, and no turn came in time", reference=str(reference)
            )
        try:
            with open_api(self._settings, reference, deadline=deadline) as api:
                return self._fetch(api, reference, location, deadline, need)
        finally:
            self._turn.release()

    def _fetch(
        self,
        api: VaultAPI,
        reference: SecretReference,
        location: Location,
        deadline: float,
        need: Need,
    ) -> SecretVersion:
        is_new = self._admit(api, reference, deadline)
        try:
            return self._read(api, reference, location, need)
        except SecretDenied:
            api.move_to(self._settings.namespace)
            if is_new or self._doorkeeper.is_still_good(api):
                raise
        # The token was revoked before its end.
        self._doorkeeper.forget()
        self._admit(api, reference, deadline)
        return self._read(api, reference, location, need)

    def _admit(self, api: VaultAPI, reference: SecretReference, deadline: float) -> bool:
        api.move_to(self._settings.namespace)
        is_new = self._doorkeeper.admit(api, reference, deadline)
        if is_new:
            # Leases end with the token that they were made by.
            self._leases.clear()
        return is_new

    def _read(
        self, api: VaultAPI, reference: SecretReference, location: Location, need: Need
    ) -> SecretVersion:
        namespace = location.options.get("namespace", self._settings.namespace)
        api.move_to(namespace)
        lease = self._kept_lease(api, reference, (namespace, location.path), need)
        if lease is not None:
            return self._of_lease(lease, reference, location.key)
        place: _Place | None = None
        try:
            place = _place(api, location.path)
            if place.is_versioned:
                return _versioned(api, reference, location, place)
            if "version" in location.options:
                raise InvalidReference(f"{place.mount} keeps no versions: leave version= out")
            answer = api.read(location.path)
        except SecretDenied as error:
            wanted = place.policy_path if place else location.path
            error.hint = f'Its policy needs: path "{wanted}" {{ capabilities = ["read"] }}.'
            raise
        except SecretNotFound as error:
            if place and place.is_versioned and place.path.startswith("data/"):
                error.hint = "Leave data/ out of the path: it belongs to the API of KV version 2."
            raise
        match answer:
            case {
                "lease_id": str(name),
                "lease_duration": int(seconds),
                "renewable": bool(renewable),
                "data": dict(values),
            } if name:
                lease = self._new_lease(name, seconds, values, renewable=renewable)
                self._leases[namespace, location.path] = lease
                return self._of_lease(lease, reference, location.key)
            case {"data": dict(values)}:
                return _unleased(reference, location.key, values)
        raise SecretMalformed("Vault's answer holds no values", reference=str(reference))

    def _new_lease(
        self, name: str, seconds: int, values: Mapping[str, object], *, renewable: bool
    ) -> _Lease:
        now = self._clock()
        self._leases = {key: one for key, one in self._leases.items() if one.term.ends_at > now}
        return _Lease(
            name,
            seconds,
            renewable,
            {key: Secret(value) for key, value in values.items() if isinstance(value, str)},
            datetime.now(UTC),
            Term.beginning(now, seconds),
        )

    def _kept_lease(
        self,
        api: VaultAPI,
        reference: SecretReference,
        key: tuple[str | None, str],
        need: Need,
    ) -> _Lease | None:
        """The lease that is still good for this reference, renewed where it is time."""
        lease = self._leases.get(key)
        if lease is None or (need is Need.REPLACEMENT and reference in lease.given_to):
            return None
        now = self._clock()
        if now < lease.term.renew_at:
            return lease
        if not lease.renewable:
            return None
        try:
            answer = api.renew_lease(lease.id, lease.seconds)
        except (SecretDenied, SecretNotFound):
            # It was revoked, or has come to the end of what may be renewed.
            return None
        except SecretUnreachable:
            return lease if now < lease.term.ends_at else None
        match answer:
            case {"lease_duration": int(seconds)}:
                lease.term = Term.beginning(now, seconds)
                # Vault cuts the last renewals short: better a new login now than an old one's end.
                return lease if 2 * seconds >= lease.seconds else None
        return None

    def _of_lease(
        self, lease: _Lease, reference: SecretReference, key: str | None
    ) -> SecretVersion:
        lease.given_to.add(reference)
        ends_at = lease.term.ends_at
        if self._doorkeeper.ends_at is not None:
            ends_at = min(ends_at, self._doorkeeper.ends_at)
        values = {name: value.reveal() for name, value in lease.values.items()}
        return SecretVersion(
            value_among(reference, values, key),
            version=lease.id,
            created=lease.created,
            expires=datetime.now(UTC) + timedelta(seconds=ends_at - self._clock()),
        )


def _checked(reference: SecretReference) -> Location:
    location = reference.location(options=_OPTIONS)
    if not {"", ".", ".."}.isdisjoint(location.path.split("/")) or "/" not in location.path:
        raise InvalidReference(
            "vault: wants the mount of an engine and a path in it",
            hint="Write vault:kv/mail#password.",
        )
    if not location.options.get("namespace", "").isascii():
        raise InvalidReference("a namespace of Vault is written in ASCII")
    version = location.options.get("version")
    if version is not None and not (version.isascii() and version.isdecimal() and int(version)):
        raise InvalidReference("the version of a secret in Vault is a number from 1")
    return location


def _place(api: VaultAPI, path: str) -> _Place:
    answer = api.find_mount(path)
    match answer:
        case {"data": {"path": str(mount), "type": "kv", "options": {"version": "2"}}}:
            return _Place(mount, path.removeprefix(mount), is_versioned=True)
        case {"data": {"path": str(mount)}}:
            return _Place(mount, path.removeprefix(mount), is_versioned=False)
    return _Place("", path, is_versioned=False)


def _unleased(
    reference: SecretReference, key: str | None, values: Mapping[str, object]
) -> SecretVersion:
    found = value_among(reference, values, key)
    match values:
        # A static role: Vault changes the password by itself, and says when it will again.
        case {"last_vault_rotation": str(rotated), "ttl": int(seconds)} if seconds > 0:
            ends = datetime.now(UTC) + timedelta(seconds=seconds)
            return SecretVersion(found, version=rotated, created=_moment(rotated), expires=ends)
    return SecretVersion(found)


def _versioned(
    api: VaultAPI, reference: SecretReference, location: Location, place: _Place
) -> SecretVersion:
    answer = api.read_version(place.mount.rstrip("/"), place.path, location.options.get("version"))
    match answer:
        case {"data": {"data": dict(values), "metadata": dict(metadata)}}:
            return SecretVersion(
                value_among(reference, values, location.key),
                version=str(metadata.get("version")),
                created=_moment(metadata.get("created_time")),
                # Of a version that is to be deleted later (delete_version_after).
                expires=_moment(metadata.get("deletion_time")),
            )
    raise SecretMalformed("Vault's answer holds no values", reference=str(reference))


def _moment(text: object) -> datetime | None:
    """Read a time by RFC 3339; None where there is none."""
    moment = None
    with suppress(ValueError):
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    return moment if moment is None or moment.tzinfo else None
