"""Users whose passwords are at hand, as test servers have them: who of them a client is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from postseal.smtp.events import (
    AuthenticationQuestion,
    AuthenticationReceived,
    IdentityProven,
    ScramRecordRequested,
)
from postseal.smtp.login_replies import REFUSED, reply_to_proven
from postseal.smtp.reply import Reply
from postseal.smtp.sasl.plain import PlainCredentials
from postseal.smtp.sasl.scram_keys import ScramHash, ScramRecord
from postseal.smtp.server import ServerSession

__all__ = ["KnownUsers"]


@dataclass(frozen=True, slots=True)
class KnownUsers:
    """Answers what sessions ask while a client authenticates; `passwords` are by the users' names.

    Tokens and certificates are nobody's here.
    """

    passwords: Mapping[str, str] = field(repr=False)

    def answer(self, session: ServerSession, question: AuthenticationQuestion) -> None:
        """Give the session the answer that it waits for."""
        match question:
            case AuthenticationReceived(credentials):
                session.answer(self._judge(credentials))
            case ScramRecordRequested(username, hash_):
                session.answer_record(self._record(username, hash_))
            case IdentityProven(username, identity):
                session.answer(reply_to_proven(username, identity))
            case _:
                session.answer(REFUSED)

    def _judge(self, claim: PlainCredentials) -> Reply:
        if self.passwords.get(claim.username) != claim.password:
            return REFUSED
        return reply_to_proven(claim.username, claim.authorization_identity)

    def _record(self, username: str, hash_: ScramHash) -> ScramRecord | None:
        password = self.passwords.get(username)
        return None if password is None else ScramRecord.derive(password, hash_=hash_)
