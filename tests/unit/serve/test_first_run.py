"""The first run: makes everything once, and wherever it is cut off, the next run completes it."""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from cryptography import x509

from postseal.secrets import Secret
from postseal.serve import credentials
from postseal.serve.credentials import verify_generated_secret, verify_password
from postseal.serve.data_directory import (
    DataDirectory,
    DataDirectoryError,
    DataDirectoryLock,
    UnsafePermissions,
)
from postseal.serve.first_run import (
    ADMIN_NAME,
    CREDENTIAL_USERNAME,
    Announcement,
    ServerIdentity,
    ensure_identity,
    prepare,
    server_names,
)
from postseal.serve.settings import Settings
from postseal.serve.storage import Store
from postseal.smtp.sasl import ScramRecord
from postseal.tls.authority import LocalAuthority

DAY = 86400


def fits(record: ScramRecord, secret: Secret) -> bool:
    return record == ScramRecord.derive(secret.reveal(), salt=record.salt)


class Killed(BaseException):
    """Stands for SIGKILL: the code under test has no clean-up that could run on it."""


@dataclass
class Memory:
    """The identities of a database that commits at once."""

    accounts: dict[str, str] = field(default_factory=dict)
    credentials: dict[str, bytes] = field(default_factory=dict)
    records: dict[str, ScramRecord] = field(default_factory=dict)

    async def has_accounts(self) -> bool:
        return bool(self.accounts)

    async def has_credentials(self) -> bool:
        return bool(self.credentials)

    async def create_account(self, name: str, password_hash: str) -> None:
        assert name not in self.accounts
        self.accounts[name] = password_hash

    async def create_credential(
        self, username: str, secret_hash: bytes, scram_record: ScramRecord
    ) -> None:
        assert username not in self.credentials
        self.credentials[username] = secret_hash
        self.records[username] = scram_record


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(hostname="mail.example.com", data_directory=tmp_path / "data")


@pytest.fixture
def directory(settings: Settings) -> DataDirectory:
    with DataDirectoryLock.acquire(settings.data_directory) as lock:
        return lock.directory


def ignore(announcement: Announcement) -> None:
    assert "***" in repr(announcement)


def check_identity(identity: ServerIdentity) -> x509.Certificate:
    """Load the pair as a listener does, and check that the authority issued it."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(identity.certificate, identity.key)
    assert identity.authority is not None
    authority = LocalAuthority.from_pem(
        certificate_pem=identity.authority.read_bytes(),
        key_pem=identity.authority.with_name("ca.key").read_bytes(),
    )
    certificate = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    assert authority.has_issued(certificate)
    return certificate


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_the_first_run_announces_logins_that_work_in_the_real_database(
    settings: Settings, directory: DataDirectory
) -> None:
    shown: list[Announcement] = []
    store = await Store.open(directory.database)
    try:
        prepared = await prepare(settings, store, announce=shown.append)
        assert [prepared.announcement] == shown
        (announcement,) = shown
        account = await store.find_account(announcement.admin.name)
        assert account is not None
        assert verify_password(account.password_hash, announcement.admin.password)
        assert announcement.credential is not None
        credential = await store.find_credential(announcement.credential.name)
        assert credential is not None
        assert verify_generated_secret(credential.secret_hash, announcement.credential.password)
    finally:
        await store.close()
    check_identity(prepared.identity)
    # No password is on the disk in clear.
    for content in contents(directory.path).values():
        assert announcement.admin.password.reveal().encode() not in content
        assert announcement.credential.password.reveal().encode() not in content


async def test_the_second_run_reuses_everything(
    settings: Settings, directory: DataDirectory
) -> None:
    store = Memory()
    first = await prepare(settings, store, announce=ignore)
    before = contents(directory.path)
    second = await prepare(settings, store, announce=lambda _: pytest.fail("announced again"))
    assert second.identity == first.identity
    assert second.announcement is None
    assert contents(directory.path) == before
    assert (list(store.accounts), list(store.credentials)) == ([ADMIN_NAME], [CREDENTIAL_USERNAME])


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_keys_are_private_whatever_the_umask(
    settings: Settings, directory: DataDirectory, umask: int
) -> None:
    before = os.umask(umask)
    try:
        await prepare(settings, Memory(), announce=ignore)
    finally:
        os.umask(before)
    modes = {
        str(path.relative_to(directory.path)): stat.S_IMODE(path.stat().st_mode)
        for path in directory.path.rglob("*")
    }
    assert modes == {
        "authority": 0o700,
        "authority/ca.key": 0o600,
        "authority/ca.pem": 0o644,
        "lock": 0o600,
        "tls": 0o700,
        "tls/server.key": 0o600,
        "tls/server.pem": 0o644,
    }


class Guillotine:
    """Counts every step that leaves a trace, and ends the run before the step of a number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.remaining = 0
        for owner, name in (
            (Path, "mkdir"),
            (Path, "chmod"),
            (Path, "unlink"),
            (Path, "replace"),
            (os, "open"),
            (os, "fchmod"),
            (os, "fsync"),
            (Memory, "create_account"),
            (Memory, "create_credential"),
        ):
            monkeypatch.setattr(owner, name, self.guard(getattr(owner, name)))

    def guard(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if self.remaining == 0:
                raise Killed
            self.remaining -= 1
            return function(*args, **kwargs)

        return guarded


async def test_a_first_run_cut_off_before_any_step_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The strength of the hash is not the subject, and there are many of them.
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(credentials, "_hasher", cheap)
    guillotine = Guillotine(monkeypatch)
    steps = 0
    finished = False
    while not finished:
        settings = Settings(data_directory=tmp_path / str(steps))
        store = Memory()
        valid: dict[str, Secret] = {}

        def show(announcement: Announcement, valid: dict[str, Secret] = valid) -> None:
            valid[announcement.admin.name] = announcement.admin.password
            if announcement.credential:
                valid[announcement.credential.name] = announcement.credential.password

        async def start(
            settings: Settings = settings,
            store: Memory = store,
            show: Callable[[Announcement], None] = show,
        ) -> ServerIdentity:
            with DataDirectoryLock.acquire(settings.data_directory):
                return (await prepare(settings, store, announce=guillotine.guard(show))).identity

        guillotine.remaining = steps
        try:
            await start()
            finished = True
        except Killed:
            steps += 1
        key = DataDirectory(settings.data_directory).authority_key
        kept = key.read_bytes() if key.exists() else None
        guillotine.remaining = 1000
        check_identity(await start())
        # What was made for good is not made anew, and whoever was shown a password last, gets in.
        assert kept is None or key.read_bytes() == kept
        assert set(valid) == {ADMIN_NAME, CREDENTIAL_USERNAME}
        assert verify_password(store.accounts[ADMIN_NAME], valid[ADMIN_NAME])
        assert verify_generated_secret(
            store.credentials[CREDENTIAL_USERNAME], valid[CREDENTIAL_USERNAME]
        )
        assert fits(store.records[CREDENTIAL_USERNAME], valid[CREDENTIAL_USERNAME])
    # Four files of several steps each, three directories and the database.
    assert steps > 30


async def test_what_could_not_be_shown_is_not_stored(
    settings: Settings, directory: DataDirectory
) -> None:
    def broken(announcement: Announcement) -> None:
        raise BrokenPipeError

    store = Memory()
    with pytest.raises(BrokenPipeError):
        await prepare(settings, store, announce=broken)
    assert not store.accounts
    assert not store.credentials


REMOVALS = (
    ("tls/server.pem",),
    ("tls/server.key",),
    ("tls/server.pem", "tls/server.key"),
    ("authority/ca.pem",),
    ("authority/ca.pem", "authority/ca.key"),
    ("authority/ca.pem", "authority/ca.key", "tls/server.pem", "tls/server.key"),
)


@pytest.mark.parametrize("names", REMOVALS, ids=" ".join)
def test_what_was_removed_is_made_again(
    settings: Settings, directory: DataDirectory, names: tuple[str, ...]
) -> None:
    ensure_identity(settings)
    before = contents(directory.path)
    for name in names:
        (directory.path / name).unlink()
    check_identity(ensure_identity(settings))
    after = contents(directory.path)
    assert after.keys() == before.keys()
    # An authority that is there is the one that clients trust.
    if "authority/ca.key" not in names:
        assert after[directory.authority_key] == before[directory.authority_key]


def test_an_authority_without_its_key_is_not_replaced_unasked(
    settings: Settings, directory: DataDirectory
) -> None:
    ensure_identity(settings)
    directory.authority_key.unlink()
    with pytest.raises(DataDirectoryError, match=r"ca\.key is missing\. Restore it from a backup"):
        ensure_identity(settings)


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
def test_a_damaged_authority_is_not_replaced_unasked(
    settings: Settings, directory: DataDirectory, name: str
) -> None:
    ensure_identity(settings)
    damaged = directory.authority_key.with_name(name)
    damaged.write_bytes(damaged.read_bytes()[:50])
    with pytest.raises(DataDirectoryError, match="cannot be read"):
        ensure_identity(settings)
    assert len(damaged.read_bytes()) == 50


@pytest.mark.parametrize("name", ["server.pem", "server.key"])
def test_a_damaged_certificate_is_issued_anew(
    settings: Settings, directory: DataDirectory, name: str
) -> None:
    ensure_identity(settings)
    damaged = directory.server_key.with_name(name)
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:50])
    before = contents(directory.path)
    check_identity(ensure_identity(settings))
    after = contents(directory.path)
    assert after.keys() == before.keys()
    assert after[damaged] not in (whole, whole[:50])
    assert after[directory.authority_key] == before[directory.authority_key]


@pytest.mark.parametrize("name", ["authority/ca.key", "tls/server.key"])
def test_a_key_that_others_may_read_stops_the_start(
    settings: Settings, directory: DataDirectory, name: str
) -> None:
    ensure_identity(settings)
    (directory.path / name).chmod(0o640)
    with pytest.raises(UnsafePermissions, match="chmod 600"):
        ensure_identity(settings)


def test_the_certificate_is_renewed_in_time_by_the_same_authority(
    settings: Settings, directory: DataDirectory
) -> None:
    now = 1_780_000_000.0
    identity = ensure_identity(settings, clock=lambda: now)
    first = check_identity(identity)
    ensure_identity(settings, clock=lambda: now + 59 * DAY)
    assert check_identity(identity) == first
    ensure_identity(settings, clock=lambda: now + 61 * DAY)
    second = check_identity(identity)
    assert second.not_valid_after_utc > first.not_valid_after_utc
    assert second.issuer == first.issuer


def test_an_expired_authority_says_what_to_do(settings: Settings, directory: DataDirectory) -> None:
    now = 1_780_000_000.0
    ensure_identity(settings, clock=lambda: now)
    with pytest.raises(DataDirectoryError, match=r"the authority expired .* remove"):
        ensure_identity(settings, clock=lambda: now + 3700 * DAY)


def test_another_host_name_gets_another_certificate(
    settings: Settings, directory: DataDirectory
) -> None:
    ensure_identity(settings)
    renamed = Settings(hostname="mx.example.org", data_directory=settings.data_directory)
    certificate = check_identity(ensure_identity(renamed))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mx.example.org", "localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_the_names_have_no_duplicates() -> None:
    assert server_names("localhost") == ("localhost", "127.0.0.1", "::1")


def test_a_certificate_of_the_operator_needs_no_authority(
    settings: Settings, directory: DataDirectory, tmp_path: Path
) -> None:
    issued = LocalAuthority.create().issue_server(["mail.example.com"])
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    certificate.write_bytes(issued.chain_pem)
    key.write_bytes(issued.key_pem)
    key.chmod(0o600)
    own = Settings.load(
        overrides={
            "data_directory": settings.data_directory,
            "tls": {"certificate": certificate, "key": key},
        }
    )
    assert ensure_identity(own) == ServerIdentity(certificate, key, None)
    assert not directory.authority_key.parent.exists()
