"""A mailbox by POP3 (RFC 1939, RFC 2595): sealed first, deleted from at the very end.

It has one folder, no search and no flags. What is deleted goes when the session ends with QUIT: a
connection that breaks before deletes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from postseal.errors import AuthError, InvalidSetting, Phase, StartTLSStripped
from postseal.mail.reading.parser import parse
from postseal.retrieve.criteria import Criteria
from postseal.retrieve.errors import MessageTooLarge, RetrievalRefused
from postseal.retrieve.kept import KeptMessage
from postseal.retrieve.login import Responder, mechanism_names
from postseal.retrieve.pop3_protocol import POP3Protocol, spoken
from postseal.retrieve.session import Afterwards, Session
from postseal.retrieve.wire import Wire
from postseal.smtp.sasl.credentials import Password

__all__ = ["POP3Session"]

T = TypeVar("T")

# What an answer may have besides a message: half a million lines of a listing.
_ROOM: Final = 16 * 1024 * 1024
_INBOX: Final = "INBOX"
_SIZE: Final = re.compile(rb"(\d{1,10}) (\d{1,15})(?: |\Z)")
_UNIQUE_ID: Final = re.compile(rb"(\d{1,10}) ([!-~]{1,70})\Z")


class POP3Session(Session):
    """One session; made from the greeting, to be sealed and logged in before anything else."""

    is_preauthenticated = False

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._numbers: Mapping[str, int] = {}
        self._sizes: Mapping[int, int] = {}
        with wire.operation(max_octets=_ROOM, phase=Phase.GREETING), spoken(wire, "greeting"):
            self._protocol = POP3Protocol(wire)
        self._capabilities = self._ask_capabilities()

    # -- opening ------------------------------------------------------------------------------

    def starttls(self, seal: Callable[[], None]) -> None:
        """Ask for TLS and have it made by `seal` (RFC 2595 4).

        Raises `StartTLSStripped` where the server refuses. It is asked whatever it offers: a
        server without CAPA may know STLS.
        """
        try:
            self._ask("STLS", lambda: self._protocol.ask("STLS"), phase=Phase.STARTTLS)
        except RetrievalRefused as error:
            raise self._wire.fail(
                StartTLSStripped(
                    f"the server refuses STLS, and TLS is required: {error.text}",
                    phase=Phase.STARTTLS,
                    hint="Either it has no TLS on this port, or somebody on the path answers for "
                    "it. Nothing was sent.",
                )
            ) from None
        seal()
        self._capabilities = self._ask_capabilities()

    @property
    def mechanisms(self) -> frozenset[str]:
        """See `LoginProtocol` (RFC 5034 3)."""
        return mechanism_names(self._capabilities.get("SASL", ()))

    @property
    def takes_passwords(self) -> bool:
        """See `LoginProtocol` (RFC 2449 6.3). A server without CAPA knows nothing else."""
        return not self._capabilities or "USER" in self._capabilities

    def authenticate(self, mechanism: str, respond: Responder) -> None:
        """See `LoginProtocol` (RFC 5034 4)."""
        self._log_in(f"AUTH {mechanism}", lambda: self._protocol.authenticate(mechanism, respond))

    def login(self, password: Password) -> None:
        """See `LoginProtocol` (RFC 1939 7)."""
        self._log_in("USER", lambda: self._protocol.user(password.username))
        self._log_in("PASS", lambda: self._protocol.pass_(password.password))

    def _log_in(self, what: str, call: Callable[[], object]) -> None:
        try:
            self._ask(what, call, phase=Phase.AUTH)
        except RetrievalRefused as error:
            raise AuthError(
                f"the server did not take the credentials: {error.text}", phase=Phase.AUTH
            ) from None

    # -- the mailbox --------------------------------------------------------------------------

    def select(self, folder: str, *, read_only: bool) -> int:
        if folder.upper() != _INBOX:
            raise InvalidSetting("POP3 has one folder, INBOX", hint="Use imaps:// for others.")
        _, lines, _ = self._ask("LIST", self._protocol.list)
        self._sizes = _numbered(lines)
        self._numbers = {str(number): number for number in self._sizes}
        # RFC 1939 7: UIDL is optional.
        with suppress(RetrievalRefused):
            _, lines, _ = self._ask("UIDL", self._protocol.uidl)
            names = {name: number for number, name in map(_unique_id, lines)}
            # Names that do not tell the messages apart are none.
            if sorted(names.values()) == sorted(self._sizes):
                self._numbers = names
        return len(self._sizes)

    def folders(self) -> tuple[str, ...]:
        return (_INBOX,)

    def search(self, criteria: Criteria) -> Sequence[str]:
        if not criteria.is_everything:
            raise InvalidSetting(
                "POP3 cannot search",
                hint="Take all() and look at each message, or use imaps://.",
            )
        return tuple(self._numbers)

    def fetch(self, key: str, *, max_octets: int) -> KeptMessage | None:
        number = self._numbers.get(key)
        if number is None:
            return None
        if self._sizes[number] > max_octets:
            raise MessageTooLarge(
                f"message {key} has {self._sizes[number]} octets, and {max_octets} are taken",
                hint="Take more with max_message_octets=.",
            )
        # Dots that are doubled on the way come on top.
        _, lines, _ = self._ask(
            f"fetching message {key}", lambda: self._protocol.retr(number), room=2 * max_octets
        )
        return KeptMessage(key=key, message=parse(b"".join(line + b"\r\n" for line in lines)))

    def mark_seen(self, key: str) -> None:
        self.check(Afterwards.MARK_SEEN)

    def check(self, afterwards: Afterwards) -> None:
        if afterwards is Afterwards.MARK_SEEN:
            raise InvalidSetting(
                "POP3 has no marks", hint="Use Afterwards.LEAVE or Afterwards.DELETE, or imaps://."
            )

    def delete(self, key: str) -> None:
        number = self._numbers[key]
        self._ask(f"deleting message {key}", lambda: self._protocol.dele(number))

    def quit(self) -> None:
        self._ask("QUIT", self._protocol.quit, phase=Phase.QUIT)

    # -- asking -------------------------------------------------------------------------------

    def _ask_capabilities(self) -> Mapping[str, Sequence[str]]:
        try:
            found = self._ask("CAPA", self._protocol.capa, phase=Phase.GREETING)
        except RetrievalRefused:
            # RFC 2449 is an extension.
            return {}
        return {name.upper(): values for name, values in found.items()}

    def _ask(
        self, what: str, call: Callable[[], T], *, phase: Phase | None = None, room: int = 0
    ) -> T:
        with (
            self._wire.operation(max_octets=_ROOM + room, phase=phase),
            spoken(self._wire, what),
        ):
            return call()


def _numbered(lines: Sequence[bytes]) -> dict[int, int]:
    """Read a listing of numbers and sizes (RFC 1939 5, scan listing)."""
    found = (_SIZE.match(line) for line in lines)
    return {int(one[1]): int(one[2]) for one in found if one}


def _unique_id(line: bytes) -> tuple[int, str]:
    """Read a number and its unique-id (RFC 1939 7); 0 and nothing for what is none."""
    found = _UNIQUE_ID.match(line)
    return (int(found[1]), found[2].decode()) if found else (0, "")
