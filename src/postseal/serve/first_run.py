"""What a start finds or makes: a certificate for the listeners, and somebody who may log in.

Every step is safe to be cut off and made again, in this order:

1. The authority's key, then its certificate. A key without a certificate was never used; the
   next start completes it with the same key.
2. The server's key, then its certificate. Two that do not belong together are replaced.
3. The passwords are **shown, and only then stored**: `announce` returns before their hashes are
   written, the credential's first and the admin account's last. Cut off before the account is
   there, the next start shows new passwords, and those are valid; a password that was stored and
   never shown cannot come about, and nothing on the disk holds one in clear. What a cut off start
   had shown may not work, which the one shown after it makes plain.

Once there is an account, the first run is over and nothing is announced any more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from postseal.defaults import RandomSource, random_octets
from postseal.errors import InvalidInput
from postseal.secrets import Secret
from postseal.serve.credentials import (
    derive_scram_record,
    generate_secret,
    hash_generated_secret,
    hash_password,
)
from postseal.serve.data_directory import (
    DataDirectory,
    DataDirectoryError,
    make_private_directory,
    read_private,
    write_atomically,
)
from postseal.serve.settings import Settings
from postseal.smtp.sasl import ScramRecord
from postseal.tls.authority import Clock, LocalAuthority, names_of, needs_renewal

__all__ = [
    "ADMIN_NAME",
    "CREDENTIAL_USERNAME",
    "Announcement",
    "IdentityStore",
    "Login",
    "Prepared",
    "ServerIdentity",
    "ensure_identity",
    "prepare",
    "server_names",
]

ADMIN_NAME = "admin"
CREDENTIAL_USERNAME = "postseal"

_SECRET = 0o600
_PUBLIC = 0o644


class IdentityStore(Protocol):
    """What a first run needs of the database; each call returns after its commit."""

    async def has_accounts(self) -> bool:
        """Tell whether anybody can log in to the pages."""
        ...

    async def has_credentials(self) -> bool:
        """Tell whether anybody can submit mail."""
        ...

    async def create_account(self, name: str, password_hash: str, /) -> object:
        """Add an account for the pages."""
        ...

    async def create_credential(
        self, username: str, secret_hash: bytes, scram_record: ScramRecord, /
    ) -> object:
        """Add a credential for SMTP AUTH."""
        ...


@dataclass(frozen=True, slots=True)
class Login:
    """A name and the password made for it."""

    name: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a first run made and shows once; `credential` is None where one existed already."""

    admin: Login
    credential: Login | None


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """The PEM files that the listeners prove their name with.

    `authority` is the certificate that clients have to trust for it; None where the operator
    brought the certificate.
    """

    certificate: Path
    key: Path
    authority: Path | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a start can build on; `announcement` is None on every run but the first."""

    identity: ServerIdentity
    announcement: Announcement | None


async def prepare(
    settings: Settings,
    store: IdentityStore,
    *,
    announce: Callable[[Announcement], None],
    clock: Clock = time.time,
    random: RandomSource = random_octets,
) -> Prepared:
    """Make what is missing, keep what is there; hold the `DataDirectoryLock` meanwhile.

    `announce` must have shown the passwords when it returns; when it raises, they are not stored
    and the error goes to the caller. Raises `DataDirectoryError` and what the store raises.
    """
    identity = await asyncio.to_thread(ensure_identity, settings, clock=clock)
    if await store.has_accounts():
        return Prepared(identity, None)
    admin = Login(ADMIN_NAME, generate_secret(random))
    credential = None
    if not await store.has_credentials():
        credential = Login(CREDENTIAL_USERNAME, generate_secret(random))
    announcement = Announcement(admin, credential)
    password_hash = await asyncio.to_thread(hash_password, admin.password)
    announce(announcement)
    if credential:
        secret = credential.password
        record = await asyncio.to_thread(derive_scram_record, secret)
        await store.create_credential(credential.name, hash_generated_secret(secret), record)
    await store.create_account(admin.name, password_hash)
    return Prepared(identity, announcement)


def ensure_identity(settings: Settings, *, clock: Clock = time.time) -> ServerIdentity:
    """Give the listeners' certificate, from the settings or else from the local authority.

    Makes the authority when there is none, and issues a certificate when there is none, when a
    third of its life or less is left, and when it lacks a name or does not fit its key or the
    authority. Call it again from time to time in a process that lives for months. Blocks on the
    disk. Raises `DataDirectoryError`.
    """
    if settings.tls.certificate and settings.tls.key:
        return ServerIdentity(settings.tls.certificate, settings.tls.key, None)
    directory = DataDirectory(settings.data_directory)
    try:
        authority = _ensure_authority(directory, clock)
        names = server_names(settings.hostname)
        if not _is_current(directory, authority, names, clock()):
            issued = authority.issue_server(names, clock=clock)
            make_private_directory(directory.server_key.parent)
            write_atomically(directory.server_key, issued.key_pem, mode=_SECRET)
            write_atomically(directory.server_certificate, issued.chain_pem, mode=_PUBLIC)
    except InvalidInput as error:
        folder = directory.authority_key.parent
        raise DataDirectoryError(
            f"the local authority in {folder} cannot be used: {error}",
            hint=f"Restore it from a backup, or remove {folder} to have a new one made, which "
            "every client then has to be told to trust.",
        ) from error
    return ServerIdentity(
        directory.server_certificate, directory.server_key, directory.authority_certificate
    )


def server_names(hostname: str) -> tuple[str, ...]:
    """Give the names that the local authority certifies: the host's, and those of loopback."""
    return tuple(dict.fromkeys([hostname, "localhost", "127.0.0.1", "::1"]))


def _ensure_authority(directory: DataDirectory, clock: Clock) -> LocalAuthority:
    make_private_directory(directory.authority_key.parent)
    key_pem = read_private(directory.authority_key) if directory.authority_key.exists() else None
    if directory.authority_certificate.exists():
        if key_pem is None:
            raise InvalidInput(f"{directory.authority_key} is missing")
        return LocalAuthority.from_pem(
            certificate_pem=_read(directory.authority_certificate), key_pem=key_pem
        )
    authority = LocalAuthority.create(clock=clock, key_pem=key_pem)
    if key_pem is None:
        write_atomically(directory.authority_key, authority.key_pem, mode=_SECRET)
    write_atomically(directory.authority_certificate, authority.certificate_pem, mode=_PUBLIC)
    return authority


def _is_current(
    directory: DataDirectory, authority: LocalAuthority, names: tuple[str, ...], now: float
) -> bool:
    if not (directory.server_key.exists() and directory.server_certificate.exists()):
        return False
    key_pem = read_private(directory.server_key)
    try:
        certificate = x509.load_pem_x509_certificate(_read(directory.server_certificate))
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError):
        return False
    return (
        certificate.public_key() == key.public_key()
        and authority.has_issued(certificate)
        and set(names_of(certificate)).issuperset(names)
        and not needs_renewal(certificate, now)
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataDirectoryError(f"{path} cannot be used: {error.strerror or error}") from error
