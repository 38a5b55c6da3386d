"""A mailbox by IMAP (RFC 3501, RFC 9051): sealed first, and each answer checked for what was asked.

The capabilities of the greeting are forgotten when TLS begins, and asked for again then and behind
the login. A session that a server calls authenticated before there is TLS (PREAUTH) cannot be
sealed any more, which is what an attacker wants; it is ended.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from postseal.errors import AuthError, MailError, Phase, StartTLSStripped
from postseal.mail.reading.dates import read_date
from postseal.mail.reading.parser import parse
from postseal.retrieve.arguments import decode_folder, encode_folder, quote
from postseal.retrieve.criteria import Criteria, SearchKeys
from postseal.retrieve.errors import MessageTooLarge, RetrievalRefused
from postseal.retrieve.imap_protocol import IMAPProtocol, spoken
from postseal.retrieve.kept import Flag, KeptMessage
from postseal.retrieve.login import Responder, mechanism_names
from postseal.retrieve.session import Afterwards, Session
from postseal.retrieve.wire import Wire, shown
from postseal.smtp.sasl.credentials import Password
from postseal.smtp.sasl.errors import CredentialsUnusable

__all__ = ["IMAPSession"]

# What an answer may have besides a message.
_ROOM: Final = 16 * 1024 * 1024
# RFC 3501 2.3.1.1: a UID has 32 bits.
_MAX_DIGITS: Final = 10
# LOGOUT is answered by BYE first.
_DONE: Final = ("OK", "BYE")
_SIZE: Final = re.compile(rb"RFC822\.SIZE (\d{1,20})")
_FLAGS: Final = re.compile(rb"FLAGS \(([^()]*)\)")
_RECEIVED: Final = re.compile(rb'INTERNALDATE "([^"]{1,40})"')
_LITERAL_BODY: Final = re.compile(rb"BODY\[\] \{\d+\}\Z")
_EMPTY_BODY: Final = re.compile(rb'BODY\[\] ""')
_LISTED: Final = re.compile(rb'\((?P<flags>[^()]*)\) (?:"\\?."|NIL) (?P<name>.+)\Z')
_FLAG_NAMES: Final = {f"\\{flag.value}": flag for flag in Flag}

Answer: TypeAlias = Sequence[bytes | tuple[bytes, bytes] | None]
"""What imaplib makes of an answer: lines, and pairs of a line and the literal that ended it."""


class IMAPSession(Session):
    """One session; made from the greeting, to be sealed and logged in before anything else."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        with (
            wire.operation(max_octets=_ROOM, phase=Phase.GREETING),
            spoken(None, wire, "greeting"),
        ):
            self._protocol = IMAPProtocol(wire)
        self._capabilities = frozenset(map(str.upper, self._protocol.capabilities))

    # -- opening ------------------------------------------------------------------------------

    @property
    def is_preauthenticated(self) -> bool:
        """Whether the server takes the session for authenticated, without a login."""
        return self._protocol.state == "AUTH"

    def starttls(self, seal: Callable[[], None]) -> None:
        """Ask for TLS and have it made by `seal` (RFC 3501 6.2.1).

        Raises `StartTLSStripped` where the server does not offer it, or refuses.
        """
        if self.is_preauthenticated:
            raise self._stripped("the server says PREAUTH, behind which there is no STARTTLS")
        if "STARTTLS" not in self._capabilities:
            raise self._stripped("the server does not offer STARTTLS")
        try:
            self._ask("STARTTLS", lambda: self._protocol.xatom("STARTTLS"), phase=Phase.STARTTLS)
        except RetrievalRefused as error:
            raise self._stripped(f"the server refuses STARTTLS: {error.text}") from None
        seal()
        self._learn_capabilities()

    @property
    def mechanisms(self) -> frozenset[str]:
        """See `LoginProtocol`."""
        prefix = "AUTH="
        return mechanism_names(
            one.removeprefix(prefix) for one in self._capabilities if one.startswith(prefix)
        )

    @property
    def takes_passwords(self) -> bool:
        """See `LoginProtocol`; RFC 3501 6.2.3 for LOGINDISABLED."""
        return "LOGINDISABLED" not in self._capabilities

    def authenticate(self, mechanism: str, respond: Responder) -> None:
        """See `LoginProtocol` (RFC 3501 6.2.2)."""
        self._log_in(
            f"AUTHENTICATE {mechanism}", lambda: self._protocol.authenticate(mechanism, respond)
        )

    def login(self, password: Password) -> None:
        """See `LoginProtocol` (RFC 3501 6.2.3)."""
        if not password.password.isascii():
            raise CredentialsUnusable("LOGIN cannot carry a password beyond ASCII")
        user = quote(password.username, "the user")
        self._log_in("LOGIN", lambda: self._protocol.login(user, password.password))

    def _log_in(self, what: str, call: Callable[[], tuple[str, object]]) -> None:
        try:
            self._ask(what, lambda: (call()[0], []), phase=Phase.AUTH)
        except RetrievalRefused as error:
            raise AuthError(
                f"the server did not take the credentials: {error.text}", phase=Phase.AUTH
            ) from None
        self._learn_capabilities()

    # -- the mailbox --------------------------------------------------------------------------

    def select(self, folder: str, *, read_only: bool) -> int:
        name = encode_folder(folder)
        (count,) = self._ask(
            f"opening {folder!a}", lambda: self._protocol.select(name, readonly=read_only)
        )
        return int(count) if isinstance(count, bytes) and count.isdigit() else 0

    def folders(self) -> tuple[str, ...]:
        answer = self._ask("listing the folders", lambda: self._protocol.list('""', "*"))
        return tuple(name for line in answer if (name := _listed(line)))

    def search(self, criteria: Criteria) -> Sequence[str]:
        found = set.intersection(*map(self._found, criteria.searches()))
        return [str(number) for number in sorted(found)]

    def fetch(self, key: str, *, max_octets: int) -> KeptMessage | None:
        size = _SIZE.search(_plain(self._fetch(key, "(RFC822.SIZE)")))
        if size is None:
            return None
        if int(size[1]) > max_octets:
            raise MessageTooLarge(
                f"message {key} has {int(size[1])} octets, and {max_octets} are taken",
                hint="Take more with max_message_octets=, or leave it out with smaller=.",
            )
        answer = self._fetch(
            key, "(FLAGS INTERNALDATE BODY.PEEK[])", room=max_octets + max_octets // 8
        )
        octets = _body(answer)
        if octets is None:
            return None
        facts = _plain(answer)
        received = _RECEIVED.search(facts)
        return KeptMessage(
            key=key,
            message=parse(octets),
            flags=_flags(facts),
            received=read_date(received[1].decode("latin-1"))[0] if received else None,
        )

    def mark_seen(self, key: str) -> None:
        self._store(key, "(\\Seen)")

    def check(self, afterwards: Afterwards) -> None:
        # RFC 4315 2.1. EXPUNGE alone removes what others have marked, too.
        can_delete = {"UIDPLUS", "IMAP4REV2"} & self._capabilities
        if afterwards is Afterwards.DELETE and not can_delete:
            raise RetrievalRefused(
                "the server cannot remove one message alone (it has no UIDPLUS)",
                hint="Use Afterwards.MARK_SEEN and clear the folder by hand.",
            )

    def delete(self, key: str) -> None:
        self._store(key, "(\\Deleted)")
        self._ask(f"removing message {key}", lambda: self._protocol.uid("EXPUNGE", key))

    def quit(self) -> None:
        # Whatever was removed is removed; a farewell that fails takes nothing back.
        with suppress(MailError):
            self._ask("LOGOUT", self._protocol.logout, phase=Phase.QUIT)

    # -- asking -------------------------------------------------------------------------------

    def _found(self, keys: SearchKeys) -> set[int]:
        protocol = self._protocol

        def call() -> tuple[str, Answer]:
            # imaplib sends it behind the arguments.
            protocol.literal = keys.literal  # type: ignore[assignment]
            return protocol.uid("SEARCH", *keys.arguments)

        lines = (line for line in self._ask("searching", call) if isinstance(line, bytes))
        words = b" ".join(lines).split()
        return {int(word) for word in words if word.isdigit() and len(word) <= _MAX_DIGITS}

    def _fetch(self, key: str, items: str, *, room: int = 0) -> Answer:
        answer = self._ask(
            f"fetching message {key}", lambda: self._protocol.uid("FETCH", key, items), room=room
        )
        return _response_of(key, answer)

    def _store(self, key: str, flags: str) -> None:
        self._ask(
            f"marking message {key}",
            lambda: self._protocol.uid("STORE", key, "+FLAGS.SILENT", flags),
        )

    def _learn_capabilities(self) -> None:
        answer = self._ask("CAPABILITY", self._protocol.capability)
        self._capabilities = frozenset(_plain(answer).decode("latin-1").upper().split())

    def _ask(
        self,
        what: str,
        call: Callable[[], tuple[str, Answer]],
        *,
        phase: Phase | None = None,
        room: int = 0,
    ) -> Answer:
        protocol = self._protocol
        # Each answer is read for its own question; what came before belongs to none.
        protocol.untagged_responses.clear()
        with (
            self._wire.operation(max_octets=_ROOM + room, phase=phase),
            spoken(protocol, self._wire, what),
        ):
            kind, answer = call()
            if kind not in _DONE:
                raise RetrievalRefused(f"{what}: {shown(_plain(answer))}")
            return answer

    def _stripped(self, text: str) -> MailError:
        return self._wire.fail(
            StartTLSStripped(
                f"{text}, and TLS is required",
                phase=Phase.STARTTLS,
                hint="Either it has no TLS on this port, or somebody on the path removed the "
                "offer. Nothing was sent.",
            )
        )


def _plain(answer: Answer) -> bytes:
    """Give what an answer says outside of literals."""
    return b" ".join(
        part[0] if isinstance(part, tuple) else part for part in answer if part is not None
    )


def _response_of(key: str, answer: Answer) -> Answer:
    """Pick the response of one message: others may have changed, and the server says so."""
    is_its = re.compile(rb"\bUID " + key.encode() + rb"\b")
    response: list[bytes | tuple[bytes, bytes] | None] = []
    for part in answer:
        response.append(part)
        # The last line of a response ends with no literal.
        if isinstance(part, bytes):
            if is_its.search(_plain(response)):
                return response
            response = []
    return ()


def _body(answer: Answer) -> bytes | None:
    for part in answer:
        if isinstance(part, tuple) and _LITERAL_BODY.search(part[0]):
            return part[1]
        if isinstance(part, bytes) and _EMPTY_BODY.search(part):
            return b""
    return None


def _flags(facts: bytes) -> frozenset[Flag]:
    found = _FLAGS.search(facts)
    names = found[1].decode("latin-1").lower().split() if found else []
    return frozenset(_FLAG_NAMES[name] for name in names if name in _FLAG_NAMES)


def _listed(line: bytes | tuple[bytes, bytes] | None) -> str:
    """Read one name from a LIST response; empty for a place that holds no messages."""
    facts, literal = line if isinstance(line, tuple) else (line or b"", None)
    found = _LISTED.match(facts)
    if found is None or b"\\noselect" in found["flags"].lower():
        return ""
    name = found["name"] if literal is None else literal
    if literal is None and name.startswith(b'"'):
        name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
    return decode_folder(name.decode("utf-8", "replace"))
