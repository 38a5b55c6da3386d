"""The outbox: messages that stay in memory, to be looked at by tests and by developers."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from postseal.address import Address
from postseal.errors import InvalidSetting, InvalidURL
from postseal.send.outgoing import Outgoing
from postseal.send.results import Delivery
from postseal.send.transport import Transport, Verification
from postseal.send.transports.stored import MAX_OCTETS, StoredMessage, taken_here
from postseal.send.transports.urls import LocalURL
from postseal.tls.levels import TLSOutcome

if TYPE_CHECKING:
    from postseal.send.networks.network import Network

__all__ = ["Outbox", "outbox"]

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{0,64}\Z")
_MAX_OUTBOXES: Final = 1000


class Outbox(Transport):
    """Takes every message and keeps the newest `max_messages` of them.

    Threads and tasks may share it. A message above `max_octets` is refused as a server would.
    `dropped` says how many older ones had to make room: a test that counts should find 0 there.
    """

    def __init__(
        self, name: str = "", *, max_messages: int = 1000, max_octets: int = MAX_OCTETS
    ) -> None:
        if max_messages < 1 or max_octets < 1:
            raise InvalidSetting("an outbox has room for at least one message of one octet")
        self.dropped = 0
        self._host = f"memory:{name}"
        self._max_octets = max_octets
        self._kept: deque[StoredMessage] = deque(maxlen=max_messages)
        self._lock = threading.Lock()

    @property
    def messages(self) -> tuple[StoredMessage, ...]:
        """What was sent, the oldest first."""
        with self._lock:
            return tuple(self._kept)

    @property
    def last(self) -> StoredMessage | None:
        """The newest message, None where there is none."""
        with self._lock:
            return self._kept[-1] if self._kept else None

    def find(
        self,
        *,
        to: str | Address | None = None,
        from_: str | Address | None = None,
        subject: str | None = None,
        text: str | None = None,
    ) -> tuple[StoredMessage, ...]:
        """Give the messages that fit all that is asked for, the oldest first.

        `to` is a recipient of the envelope, Bcc among them; `from_` an author in the header.
        `subject` and `text` are found within what a reader sees, the text or the HTML.
        """
        recipient, author = _address(to), _address(from_)
        return tuple(
            one
            for one in self.messages
            if (recipient is None or recipient in one.envelope.recipients)
            and (author is None or author in (mailbox.address for mailbox in one.message.from_))
            and (subject is None or subject in (one.message.subject or ""))
            and (text is None or _says(one, text))
        )

    def clear(self) -> None:
        """Forget all messages, and how many were dropped."""
        with self._lock:
            self._kept.clear()
            self.dropped = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[StoredMessage]:
        return iter(self.messages)

    def __getitem__(self, index: int) -> StoredMessage:
        return self.messages[index]

    def __bool__(self) -> bool:
        # An empty outbox is one all the same.
        return True

    async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
        kept = await StoredMessage.keep(outgoing, max_octets=self._max_octets, host=self._host)
        with self._lock:
            self.dropped += len(self._kept) == self._kept.maxlen
            self._kept.append(kept)
        return taken_here(outgoing, host=self._host, word="kept in memory")

    async def verify(self, *, deadline: float) -> Verification:
        return Verification(self._host, "", TLSOutcome.in_clear())

    async def close(self) -> None:
        """Nothing ends: what was kept can still be looked at."""


_outboxes: dict[str, Outbox] = {}
_outboxes_lock = threading.Lock()


def outbox(name: str = "") -> Outbox:
    """Give the process's outbox of that name, the one that `memory:name` leads to.

    Raises `InvalidURL` for a name that is no word.
    """
    if not _NAME.match(name):
        raise InvalidURL(
            f"{name[:80]!a} is no name of an outbox", hint="Write it as memory: or memory:name."
        )
    with _outboxes_lock:
        if name not in _outboxes and len(_outboxes) >= _MAX_OUTBOXES:
            raise InvalidSetting(
                f"there are {_MAX_OUTBOXES} outboxes already",
                hint="Use a few names, or make an Outbox() of your own.",
            )
        return _outboxes.setdefault(name, Outbox(name))


def transport_of(url: str, network: Network) -> Outbox:
    """Give the outbox that a `memory:` URL names."""
    return outbox(LocalURL.parse(url, example="memory: or memory:name").path)


def _address(given: str | Address | None) -> Address | None:
    return Address.parse(given) if isinstance(given, str) else given


def _says(stored: StoredMessage, text: str) -> bool:
    message = stored.message
    return text in (message.text or "") or text in (message.html or "")
