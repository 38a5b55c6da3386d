"""`Retriever`: reading a mailbox on a server, by IMAP or POP3, message after message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from postseal.errors import (
    AuthError,
    Disconnected,
    InvalidSetting,
    LocalProtocolError,
    MailError,
    RemoteProtocolError,
    TimedOut,
)
from postseal.retrieve.criteria import Criteria
from postseal.retrieve.kept import MAX_MESSAGE_OCTETS, KeptMessage
from postseal.retrieve.login import Login, log_in
from postseal.retrieve.place import MailboxProtocol, MailboxURL
from postseal.retrieve.session import Afterwards
from postseal.retrieve.wire import Wire
from postseal.secrets.opaque import Secret
from postseal.send.networks.blocking import BlockingNetwork
from postseal.send.networks.network import Network
from postseal.send.timeouts import Timeouts
from postseal.smtp.sasl.credentials import Credentials
from postseal.smtp.sasl.errors import SASLError
from postseal.tls.channel import Opening
from postseal.tls.contexts import client_context
from postseal.tls.levels import TLSLevel, TLSOutcome
from postseal.tls.profiles import INTERMEDIATE, Profile
from postseal.tls.trust import Trust

if TYPE_CHECKING:
    from postseal.retrieve.imap import IMAPSession
    from postseal.retrieve.pop3 import POP3Session
    from postseal.secrets.source import SecretSource

__all__ = ["Retriever"]

_INBOX: Final = "INBOX"


@dataclass(frozen=True, slots=True)
class _Opened:
    """A session that is logged in, with its wire."""

    wire: Wire
    session: IMAPSession | POP3Session


class Retriever:
    """Reads the mailbox that a URL such as `imaps://ada@mail.example.com` names (see `MailboxURL`).

    Used with `with`: the connection is made on entering, sealed and verified as `trust` and
    `profile` say, and INBOX is opened. The `password`, or the `token` of OAuth 2.0, leaves only for
    a server that was verified, or over loopback. A `SecretSource` is asked again, once, when the
    server refuses what it gave. `mechanisms` narrows the ways to log in down to SASL mechanisms of
    these names. Each request has the deadlines of `timeouts`. It blocks, and serves one thread.

    Messages come one at a time: one is in memory. What shall become of it on the server
    (`afterwards`) is done when the caller asks for the next one, and not before: a message that
    was being handled when the loop was left, by an error or `break`, stays as it was.

    Raises `InvalidURL` and `InvalidSetting` when made; on the way `ConnectError`, `TimedOut`,
    `TLSError`s, `AuthError`, `RemoteProtocolError`, `RetrievalRefused` and `MessageTooLarge`.
    """

    def __init__(
        self,
        url: str,
        *,
        password: Secret | SecretSource | str | None = None,
        token: Callable[[], Secret | str] | None = None,
        mechanisms: Iterable[str] | None = None,
        trust: Trust | None = None,
        profile: Profile = INTERMEDIATE,
        timeouts: Timeouts | None = None,
        max_message_octets: int = MAX_MESSAGE_OCTETS,
        network: Network | None = None,
    ) -> None:
        self._url = MailboxURL.parse(url)
        self._login = Login(
            username=self._url.endpoint.username or "",
            password=Secret(password) if isinstance(password, str) else password,
            token=token,
            mechanisms=None if mechanisms is None else frozenset(map(str.upper, mechanisms)),
        )
        self._trust = trust or Trust.system()
        self._profile = profile
        self._timeouts = timeouts or Timeouts()
        self._max_message_octets = max_message_octets
        self._network = network or BlockingNetwork()
        self._opened: _Opened | None = None
        self._folders_opened = 0
        self._is_read_only = False
        if self._url.endpoint.level > TLSLevel.NONE:
            # A file that cannot be used is no matter of the network.
            client_context(self._trust, self._url.endpoint.level, profile)

    @property
    def tls(self) -> TLSOutcome:
        """How the connection is sealed."""
        return self._open.wire.tls

    def select(self, folder: str = _INBOX, *, read_only: bool = False) -> int:
        """Open another folder; give how many messages are in it.

        Raises `RetrievalRefused` where it is not there, and `InvalidInput` for what is no name.
        """
        self._folders_opened += 1
        self._is_read_only = read_only
        return self._open.session.select(folder, read_only=read_only)

    def folders(self) -> tuple[str, ...]:
        """List the folders that hold messages."""
        return self._open.session.folders()

    def first(
        self, count: int = 1, *, afterwards: Afterwards = Afterwards.LEAVE
    ) -> Iterator[KeptMessage]:
        """Give the oldest messages, the oldest first."""
        return self._each(self._keys(count)[:count], afterwards)

    def last(
        self, count: int = 1, *, afterwards: Afterwards = Afterwards.LEAVE
    ) -> Iterator[KeptMessage]:
        """Give the newest messages, the oldest of them first."""
        return self._each(self._keys(count)[-count:], afterwards)

    def all(self, *, afterwards: Afterwards = Afterwards.LEAVE) -> Iterator[KeptMessage]:
        """Give all messages, the oldest first."""
        return self.find(Criteria(), afterwards=afterwards)

    def find(
        self, criteria: Criteria, *, afterwards: Afterwards = Afterwards.LEAVE
    ) -> Iterator[KeptMessage]:
        """Give the messages that fit, the oldest first. With POP3 there is no search."""
        return self._each(self._open.session.search(criteria), afterwards)

    def __enter__(self) -> Self:
        if self._opened is not None:
            raise LocalProtocolError("the retriever is open already")
        credentials = self._login.credentials(self._url.endpoint)
        try:
            self._opened = self._connect(credentials)
        except AuthError as error:
            # A server that could not prove itself is shown no second password.
            if isinstance(error, SASLError) or not self._login.was_replaced(credentials):
                raise
            self._opened = self._connect(self._login.credentials(self._url.endpoint))
        self._is_read_only = False
        self._folders_opened += 1
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        opened, self._opened = self._open, None
        try:
            # What was handled is deleted, whatever became of the message behind it.
            if opened.wire.failure is None:
                opened.session.quit()
        except MailError:
            if error is None:
                raise
        finally:
            opened.wire.close()

    @property
    def _open(self) -> _Opened:
        if self._opened is None:
            raise LocalProtocolError(
                "the retriever is not open", hint="Use it within: with Retriever(...) as mailbox."
            )
        return self._opened

    def _connect(self, credentials: Credentials) -> _Opened:
        wire = Wire.connect(self._network, self._url.endpoint, self._timeouts)
        try:
            session = self._session(wire)
            if not session.is_preauthenticated:
                log_in(
                    session,
                    credentials,
                    channel_binding=wire.channel_binding(),
                    only=self._login.mechanisms,
                )
            session.select(_INBOX, read_only=False)
        except MailError as error:
            wire.fail(error)
            raise
        except BaseException:
            wire.close()
            raise
        return _Opened(wire, session)

    def _session(self, wire: Wire) -> IMAPSession | POP3Session:
        endpoint = self._url.endpoint

        def seal() -> None:
            wire.seal(endpoint, self._trust, self._profile)

        if endpoint.opening is Opening.IMPLICIT:
            seal()
        try:
            session = _session_class(self._url.protocol)(wire)
        except (TimedOut, Disconnected, RemoteProtocolError) as error:
            if endpoint.opening is Opening.STARTTLS and error.hint is None:
                error.hint = (
                    "A port that gives no greeting may want TLS at once: use imaps:// or pop3s://."
                )
            raise
        if endpoint.opening is Opening.STARTTLS and endpoint.level > TLSLevel.NONE:
            session.starttls(seal)
        return session

    def _keys(self, count: int) -> Sequence[str]:
        if count < 1:
            raise InvalidSetting(f"{count} messages cannot be asked for")
        return self._open.session.search(Criteria())

    def _each(self, keys: Sequence[str], afterwards: Afterwards) -> Iterator[KeptMessage]:
        session = self._open.session
        if afterwards is not Afterwards.LEAVE:
            if self._is_read_only:
                raise InvalidSetting("the folder was opened with read_only=True")
            session.check(afterwards)
        return self._messages(keys, afterwards)

    def _messages(self, keys: Sequence[str], afterwards: Afterwards) -> Iterator[KeptMessage]:
        folder = self._folders_opened
        for key in keys:
            kept = self._session_of(folder).fetch(key, max_octets=self._max_message_octets)
            if kept is None:
                # Somebody else has removed it since.
                continue
            yield kept
            del kept
            if afterwards is Afterwards.MARK_SEEN:
                self._session_of(folder).mark_seen(key)
            elif afterwards is Afterwards.DELETE:
                self._session_of(folder).delete(key)

    def _session_of(self, folder: int) -> IMAPSession | POP3Session:
        # The same key is another message in another folder.
        if folder != self._folders_opened:
            raise LocalProtocolError("another folder was opened while this one was being read")
        return self._open.session


def _session_class(protocol: MailboxProtocol) -> type[IMAPSession] | type[POP3Session]:
    # imaplib and poplib are not needed to read files.
    if protocol is MailboxProtocol.IMAP:
        from postseal.retrieve.imap import IMAPSession

        return IMAPSession
    from postseal.retrieve.pop3 import POP3Session

    return POP3Session
