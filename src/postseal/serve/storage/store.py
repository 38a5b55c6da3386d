"""The store: one object between the platform and its database.

Writes go through the one `Writer`, which commits many of them at once; reads use connections of
their own and never wait for a write.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from postseal.serve.storage import identities, listing, statements
from postseal.serve.storage.database import Database, Purpose, storage_error, sync_directory
from postseal.serve.storage.errors import MessageNotFound, StorageError
from postseal.serve.storage.migrate import upgrade_to_head
from postseal.serve.storage.seal_memory import StoredLevels, StoredPolicies, StoredResults
from postseal.serve.storage.values import (
    Account,
    Credential,
    Cursor,
    DeliveryState,
    Lease,
    MessageDetail,
    MessageRow,
    NewMessage,
    Outcome,
    WebSession,
)
from postseal.serve.storage.writer import Writer
from postseal.smtp.sasl import ScramRecord

__all__ = ["Store"]

_R = TypeVar("_R")


class Store:
    """Messages, their deliveries, and who may log in; made by `Store.open`.

    `policies`, `levels` and `tls_results` are what the TLS engine remembers of destinations.
    Every method may raise `StorageError`; a write that raised it left nothing behind. A write
    whose caller is cancelled may still be carried out.
    """

    def __init__(self, *, writer: Writer, readers: Database, clock: Callable[[], float]) -> None:
        self._writer = writer
        self._readers = readers
        self._clock = clock
        self._mail_is_due = asyncio.Event()
        self.policies = StoredPolicies(writer, self._read)
        self.levels = StoredLevels(writer, self._read)
        self.tls_results = StoredResults(writer, self._read)

    @classmethod
    async def open(cls, path: Path, *, clock: Callable[[], float] = time.time) -> Self:
        """Open the database file, creating it or bringing its tables up to date.

        Several processes may open the same file. Raises `SchemaTooNew` for a file that a later
        version wrote, and `StorageError` for one that is no database or cannot be written.
        """
        database = Database(path, Purpose.WRITE)
        try:
            await database.transact(upgrade_to_head)
            sync_directory(path.parent)
        except BaseException as error:
            await database.close()
            if isinstance(error, SQLAlchemyError | OSError):
                raise storage_error(error, doing=f"opening {path}") from error
            raise
        readers = Database(path, Purpose.READ)
        return cls(writer=Writer(database), readers=readers, clock=clock)

    async def close(self) -> None:
        """Finish the writes already taken, refuse new ones with `StoreClosed`, and let go."""
        await self._writer.close()
        await self._readers.close()

    # -- Messages and their deliveries --

    async def accept(self, message: NewMessage) -> None:
        """Store a message with its deliveries; return after the commit has reached the disk.

        The content is read meanwhile, on a thread of the database. Raises `AlreadyExists` when
        the id is taken and `InvalidInput` when the content is not as long as its `size` says;
        messages accepted at the same time are not concerned.
        """
        await self._writer.write(
            statements.insert_messages,
            message,
            octets=message.size,
            on_commit=self._mail_is_due.set if message.state.is_pending else None,
        )

    async def lease(self, *, owner: str, until: float, limit: int) -> list[Lease]:
        """Take up to `limit` due deliveries that nobody holds, the longest due first.

        They are the owner's alone until the time `until`; afterwards anybody may take them.
        """
        request = statements.LeaseRequest(owner=owner, now=self._clock(), until=until, limit=limit)
        return await self._writer.write(statements.lease, request)

    async def renew(self, *, owner: str, delivery_ids: Iterable[int], until: float) -> set[int]:
        """Hold leases for longer; return those of them that are still the owner's.

        A lease that ran out is still the owner's as long as nobody else has taken it.
        """
        request = statements.Renewal(owner=owner, delivery_ids=tuple(delivery_ids), until=until)
        return await self._writer.write(statements.renew, request)

    async def release(self, *, owner: str) -> int:
        """Give back all that this owner holds, for a clean stop; return how many they were."""
        return await self._writer.write(statements.release, owner, on_commit=self._mail_is_due.set)

    async def release_all(self) -> int:
        """Give back what anybody holds: for a start when no other worker can be alive."""
        return await self._writer.write(statements.release, None, on_commit=self._mail_is_due.set)

    async def settle(self, outcomes: Sequence[Outcome], *, owner: str) -> set[int]:
        """Record attempts and their results, and end the leases.

        Returns the ids whose lease somebody else has taken, or that are settled already: for
        these nothing is recorded, since another attempt decides.
        """
        settlement = statements.Settlement(owner=owner, now=self._clock(), outcomes=tuple(outcomes))
        is_deferral = any(outcome.state.is_pending for outcome in outcomes)
        return await self._writer.write(
            statements.settle, settlement, on_commit=self._mail_is_due.set if is_deferral else None
        )

    async def next_due(self) -> float | None:
        """When `lease` will next find something: None for an empty queue, maybe in the past."""
        return await self._read(lambda connection: statements.next_due(connection, self._clock()))

    async def wait_for_mail(self, *, timeout: float) -> bool:
        """Sleep until a commit of this process makes deliveries due, or `timeout` seconds.

        Returns whether it was mail. A deferral wakes as well: it may be due before all others.
        A commit since the last call counts: nothing is missed between `lease` and this.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._mail_is_due.wait()
        except TimeoutError:
            return False
        self._mail_is_due.clear()
        return True

    async def content(self, message_id: str) -> AsyncIterator[bytes]:
        """Give the message as it was stored, piece by piece, each up to 256 KiB.

        No transaction stays open between pieces. Raises `MessageNotFound`, and `StorageError`
        when pieces are missing.
        """
        position = sequence = 0
        size = None
        while position != size:
            found = await self._read(
                partial(statements.chunk, message_id=message_id, sequence=sequence)
            )
            if found is None:
                raise MessageNotFound(f"there is no message {message_id!r}")
            size, data = found
            if data is not None:
                yield data
                position += len(data)
                sequence += 1
            elif size:
                raise StorageError(
                    f"message {message_id} ends after {position} of its {size} octets",
                    hint="The database is damaged; restore it from a backup.",
                )

    # -- For people --

    async def list_messages(
        self,
        *,
        before: Cursor | None = None,
        limit: int = 50,
        state: DeliveryState | None = None,
        search: str | None = None,
    ) -> list[MessageRow]:
        """List messages, newest first, beginning behind the cursor `before`.

        `search` is text that the subject or an address contains; ASCII letters match in either
        case. `state` is compared with the worst state among a message's deliveries.
        """
        return await self._read(
            lambda connection: listing.list_messages(
                connection, before=before, limit=limit, state=state, search=search
            )
        )

    async def get_message(self, message_id: str) -> MessageDetail | None:
        """Everything about a message but its content, as of one moment."""
        return await self._read(lambda connection: listing.get_message(connection, message_id))

    async def count_by_state(self) -> Mapping[DeliveryState, int]:
        """How many messages are in each state; every state is a key."""
        return await self._read(listing.count_by_state)

    # -- Who may log in, and who may submit --

    async def create_account(self, name: str, password_hash: str) -> Account:
        """Add somebody who may log in. Raises `AlreadyExists` when the name is taken."""
        return await self._writer.write(
            identities.insert_accounts, identities.NewAccount(name, password_hash, self._clock())
        )

    async def find_account(self, name: str) -> Account | None:
        """The account with exactly this name."""
        return await self._read(lambda connection: identities.find_account(connection, name))

    async def replace_password_hash(self, account: Account, password_hash: str) -> None:
        """Keep another hash of the password of `account`, unless that was changed meanwhile."""
        await self._writer.write(
            identities.replace_password_hashes,
            identities.NewPasswordHash(account.id, account.password_hash, password_hash),
        )

    async def has_accounts(self) -> bool:
        """Whether anybody may log in yet."""
        return await self._read(identities.has_accounts)

    async def create_credential(
        self, username: str, secret_hash: bytes, scram_record: ScramRecord | None = None
    ) -> Credential:
        """Add an SMTP credential. Raises `AlreadyExists` when the username is taken."""
        return await self._writer.write(
            identities.insert_credentials,
            identities.NewCredential(username, secret_hash, self._clock(), scram_record),
        )

    async def add_scram_record(self, credential_id: int, record: ScramRecord) -> None:
        """Complete a credential that was made without one; one that has a record keeps it."""
        await self._writer.write(
            identities.add_scram_records, identities.NewScramRecord(credential_id, record)
        )

    async def lacks_scram_records(self) -> bool:
        """Whether any SMTP client could not authenticate by SCRAM."""
        return await self._read(identities.lacks_scram_records)

    async def ensure_key(self, name: str, value: bytes) -> bytes:
        """The platform's key with this name, which is `value` from now on if there was none."""
        return await self._writer.write(
            identities.ensure_keys, identities.NewKey(name, value, self._clock())
        )

    async def find_credential(self, username: str) -> Credential | None:
        """The credential with exactly this username."""
        return await self._read(lambda connection: identities.find_credential(connection, username))

    async def has_credentials(self) -> bool:
        """Whether any SMTP client may authenticate yet."""
        return await self._read(identities.has_credentials)

    async def create_session(
        self, token_hash: bytes, *, account_id: int, expires_at: float
    ) -> None:
        """Remember a login until it expires; forget those that have expired."""
        await self._writer.write(
            identities.insert_sessions,
            identities.NewSession(token_hash, account_id, self._clock(), expires_at),
        )

    async def find_session(self, token_hash: bytes) -> WebSession | None:
        """The login with this token, unless it has expired."""
        return await self._read(
            lambda connection: identities.find_session(connection, token_hash, self._clock())
        )

    async def delete_session(self, token_hash: bytes) -> bool:
        """Forget a login; return whether there was one."""
        return await self._writer.write(identities.delete_sessions, token_hash)

    async def _read(self, query: Callable[[Connection], _R]) -> _R:
        try:
            return await self._readers.transact(query)
        except SQLAlchemyError as error:
            raise storage_error(error, doing="reading") from error
