"""Whether a client of the listeners is who it says: the answers to a session that authenticates."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from postseal.errors import MailError
from postseal.secrets import Secret
from postseal.serve.credentials import derive_scram_record, verify_generated_secret
from postseal.serve.storage import Credential, StorageError, Store
from postseal.smtp import Reply, ServerSession
from postseal.smtp.events import (
    AuthenticationQuestion,
    AuthenticationReceived,
    IdentityProven,
    ScramRecordRequested,
)
from postseal.smtp.login_replies import REFUSED, reply_to_proven
from postseal.smtp.sasl import PlainCredentials

__all__ = ["Authenticator"]

_CANNOT_CHECK: Final = Reply(454, ("Temporary authentication failure",), "4.7.0")

_log = structlog.get_logger("postseal.serve.authenticator")


class Authenticator:
    """Judges by the credentials of the store, which are generated secrets."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def answer(self, session: ServerSession, question: AuthenticationQuestion) -> None:
        """Give the session the answer that it waits for."""
        try:
            match question:
                case AuthenticationReceived(credentials):
                    session.answer(await self._judge(credentials))
                case ScramRecordRequested(username):
                    found = await self._store.find_credential(username)
                    session.answer_record(found.scram_record if found else None)
                case IdentityProven(username, identity):
                    session.answer(reply_to_proven(username, identity))
                case _:
                    # Tokens and certificates are not offered: nobody here can tell whose they are.
                    session.answer(REFUSED)
        except StorageError as error:
            _log.error("credentials cannot be checked", error=str(error))
            session.answer(_CANNOT_CHECK)

    async def _judge(self, credentials: PlainCredentials) -> Reply:
        found = await self._store.find_credential(credentials.username)
        secret = Secret(credentials.password)
        if not verify_generated_secret(found.secret_hash if found else None, secret):
            return REFUSED
        if found and found.scram_record is None:
            await self._complete(found, secret)
        return reply_to_proven(credentials.username, credentials.authorization_identity)

    async def _complete(self, credential: Credential, secret: Secret) -> None:
        """Give a credential from before SCRAM its record, now that its secret is at hand."""
        try:
            record = await asyncio.to_thread(derive_scram_record, secret)
            await self._store.add_scram_record(credential.id, record)
        except MailError as error:
            # The login itself is as good as before.
            _log.warning("no SCRAM record was made", username=credential.username, error=str(error))
