"""Who may log in to the pages and who may submit mail: statements, seldom run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, exists, insert, select, update

from postseal.errors import InvalidInput
from postseal.serve.storage.errors import StorageError
from postseal.serve.storage.schema import accounts, credentials, platform_keys, web_sessions
from postseal.serve.storage.values import Account, Credential, WebSession
from postseal.smtp.sasl import ScramRecord

__all__ = [
    "NewAccount",
    "NewCredential",
    "NewKey",
    "NewPasswordHash",
    "NewScramRecord",
    "NewSession",
    "add_scram_records",
    "delete_sessions",
    "ensure_keys",
    "find_account",
    "find_credential",
    "find_session",
    "has_accounts",
    "has_credentials",
    "insert_accounts",
    "insert_credentials",
    "insert_sessions",
    "lacks_scram_records",
    "replace_password_hashes",
]


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that has no number yet."""

    name: str
    password_hash: str
    created_at: float


@dataclass(frozen=True, slots=True)
class NewPasswordHash:
    """What an account is to have in place of `replaced`, for the same password."""

    account_id: int
    replaced: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential that has no number yet."""

    username: str
    secret_hash: bytes
    created_at: float
    scram_record: ScramRecord | None


@dataclass(frozen=True, slots=True)
class NewScramRecord:
    """What a credential from before SCRAM lacked."""

    credential_id: int
    record: ScramRecord


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key of the platform that is to be there; `value` is what it is if it is not."""

    name: str
    value: bytes
    created_at: float


@dataclass(frozen=True, slots=True)
class NewSession:
    """A login that begins."""

    token_hash: bytes
    account_id: int
    created_at: float
    expires_at: float


def insert_accounts(connection: Connection, new: Sequence[NewAccount]) -> list[Account]:
    """Add accounts, each with the next number."""
    return [
        Account(
            connection.scalars(
                insert(accounts)
                .values(
                    name=each.name,
                    password_hash=each.password_hash,
                    created_at=each.created_at,
                )
                .returning(accounts.c.id)
            ).one(),
            each.name,
            each.password_hash,
            each.created_at,
        )
        for each in new
    ]


def find_account(connection: Connection, name: str) -> Account | None:
    """The account with this name."""
    row = connection.execute(select(accounts).where(accounts.c.name == name)).one_or_none()
    return None if row is None else Account(row.id, row.name, row.password_hash, row.created_at)


def has_accounts(connection: Connection) -> bool:
    """Whether there is any account."""
    return connection.scalars(select(exists().select_from(accounts))).one()


def replace_password_hashes(connection: Connection, new: Sequence[NewPasswordHash]) -> list[None]:
    """Hash passwords anew; one that was changed meanwhile stays as it is."""
    for each in new:
        connection.execute(
            update(accounts)
            .where(accounts.c.id == each.account_id, accounts.c.password_hash == each.replaced)
            .values(password_hash=each.password_hash)
        )
    return [None] * len(new)


def insert_credentials(connection: Connection, new: Sequence[NewCredential]) -> list[Credential]:
    """Add credentials, each with the next number."""
    return [
        Credential(
            connection.scalars(
                insert(credentials)
                .values(
                    username=each.username,
                    secret_hash=each.secret_hash,
                    created_at=each.created_at,
                    scram_record=each.scram_record.to_text() if each.scram_record else None,
                )
                .returning(credentials.c.id)
            ).one(),
            each.username,
            each.secret_hash,
            each.created_at,
            each.scram_record,
        )
        for each in new
    ]


def find_credential(connection: Connection, username: str) -> Credential | None:
    """The credential with this username."""
    row = connection.execute(
        select(credentials).where(credentials.c.username == username)
    ).one_or_none()
    if row is None:
        return None
    return Credential(
        row.id, row.username, row.secret_hash, row.created_at, _scram_record(row.scram_record)
    )


def _scram_record(text: str | None) -> ScramRecord | None:
    if text is None:
        return None
    try:
        return ScramRecord.from_text(text)
    except InvalidInput:
        raise StorageError(
            "a SCRAM record cannot be read",
            hint="The database is damaged; restore it from a backup.",
        ) from None


def has_credentials(connection: Connection) -> bool:
    """Whether there is any credential."""
    return connection.scalars(select(exists().select_from(credentials))).one()


def lacks_scram_records(connection: Connection) -> bool:
    """Whether there is any credential without a SCRAM record."""
    found = exists().where(credentials.c.scram_record.is_(None))
    return connection.scalars(select(found)).one()


def add_scram_records(connection: Connection, new: Sequence[NewScramRecord]) -> list[None]:
    """Complete credentials; a record that is there stays."""
    for each in new:
        connection.execute(
            update(credentials)
            .where(credentials.c.id == each.credential_id, credentials.c.scram_record.is_(None))
            .values(scram_record=each.record.to_text())
        )
    return [None] * len(new)


def ensure_keys(connection: Connection, new: Sequence[NewKey]) -> list[bytes]:
    """Give the platform's keys, each made unless it exists."""
    return [_ensure_key(connection, each) for each in new]


def _ensure_key(connection: Connection, new: NewKey) -> bytes:
    is_it = platform_keys.c.name == new.name
    found = connection.scalar(select(platform_keys.c.value).where(is_it))
    if found is None:
        connection.execute(
            insert(platform_keys).values(name=new.name, value=new.value, created_at=new.created_at)
        )
    return new.value if found is None else found


def insert_sessions(connection: Connection, new: Sequence[NewSession]) -> list[None]:
    """Add logins, and drop those that expired before the newest began."""
    connection.execute(
        delete(web_sessions).where(
            web_sessions.c.expires_at <= max(each.created_at for each in new)
        )
    )
    connection.execute(
        insert(web_sessions),
        [
            {
                "token_hash": each.token_hash,
                "account_id": each.account_id,
                "created_at": each.created_at,
                "expires_at": each.expires_at,
            }
            for each in new
        ],
    )
    return [None] * len(new)


def find_session(connection: Connection, token_hash: bytes, now: float) -> WebSession | None:
    """The login with this token, if it lasts beyond `now`."""
    row = connection.execute(
        select(web_sessions, accounts.c.name)
        .join(accounts, accounts.c.id == web_sessions.c.account_id)
        .where(web_sessions.c.token_hash == token_hash, web_sessions.c.expires_at > now)
    ).one_or_none()
    if row is None:
        return None
    return WebSession(row.token_hash, row.account_id, row.name, row.created_at, row.expires_at)


def delete_sessions(connection: Connection, token_hashes: Sequence[bytes]) -> list[bool]:
    """Drop logins; say for each whether it was there."""
    return [
        connection.execute(
            delete(web_sessions).where(web_sessions.c.token_hash == token_hash)
        ).rowcount
        > 0
        for token_hash in token_hashes
    ]
