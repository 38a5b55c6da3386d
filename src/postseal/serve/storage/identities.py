"""Who may log in to the pages and who may submit mail: statements, seldom run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, exists, insert, select

from postseal.serve.storage.schema import accounts, credentials, web_sessions
from postseal.serve.storage.values import Account, Credential, WebSession

__all__ = [
    "NewAccount",
    "NewCredential",
    "NewSession",
    "delete_sessions",
    "find_account",
    "find_credential",
    "find_session",
    "has_accounts",
    "has_credentials",
    "insert_accounts",
    "insert_credentials",
    "insert_sessions",
]


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that has no number yet."""

    name: str
    password_hash: str
    created_at: float


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential that has no number yet."""

    username: str
    secret_hash: bytes
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
                )
                .returning(credentials.c.id)
            ).one(),
            each.username,
            each.secret_hash,
            each.created_at,
        )
        for each in new
    ]


def find_credential(connection: Connection, username: str) -> Credential | None:
    """The credential with this username."""
    row = connection.execute(
        select(credentials).where(credentials.c.username == username)
    ).one_or_none()
    return (
        None if row is None else Credential(row.id, row.username, row.secret_hash, row.created_at)
    )


def has_credentials(connection: Connection) -> bool:
    """Whether there is any credential."""
    return connection.scalars(select(exists().select_from(credentials))).one()


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
