"""The outbox of a test: what was sent, and assertions that show what was sent instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypedDict, Unpack

from postseal.address import Address
from postseal.send.transports import memory
from postseal.send.transports.stored import StoredMessage

__all__ = ["Asked", "Outbox"]

_SHOWN: Final = 20
_TEXT_SHOWN: Final = 200


class Asked(TypedDict, total=False):
    """What a message is asked for, all of it at once; see `postseal.send.Outbox.find`."""

    to: str | Address | None
    from_: str | Address | None
    subject: str | None
    text: str | None


class Outbox(memory.Outbox):
    """An outbox in memory whose messages can be asserted; see `postseal.send.Outbox`."""

    def assert_sent(self, *, times: int | None = None, **asked: Unpack[Asked]) -> StoredMessage:
        """Give the newest message that fits what is asked for.

        Raises `AssertionError` where none fits, or with `times` another number of them; it shows
        every message with what does not fit.
        """
        found = self.find(**asked)
        if found and times in (None, len(found)):
            return found[-1]
        number = "a message" if times is None else f"{times} messages, and there are {len(found)},"
        raise AssertionError(f"expected {number} {_in_words(asked)}\n{self._told(asked)}")

    def assert_nothing_sent(self, **asked: Unpack[Asked]) -> None:
        """Raise `AssertionError`, which shows the messages, where one fits."""
        if self.find(**asked):
            raise AssertionError(f"expected no message {_in_words(asked)}\n{self._told(asked)}")

    def _told(self, asked: Asked) -> str:
        messages = self.messages
        if not messages:
            return "nothing was sent"
        fitting = {
            name: {id(stored) for stored in self.find(**one)} for name, one in _one_by_one(asked)
        }
        lines = [f"sent were {len(messages) + self.dropped}:"]
        shown = messages[-_SHOWN:]
        for number, stored in enumerate(shown, len(messages) + self.dropped - len(shown) + 1):
            misses = [name for name, fits in fitting.items() if id(stored) not in fits]
            lines.append(f"  {number}. {'does not fit' if misses else 'fits'}")
            lines += [
                f"     {'!' if name in misses else ' '} {name}: {_shown(stored, name)}"
                for name in ("to", "from_", "subject", *(("text",) if "text" in asked else ()))
            ]
        return "\n".join(lines)


def _one_by_one(asked: Asked) -> Iterable[tuple[str, Asked]]:
    if (to := asked.get("to")) is not None:
        yield "to", {"to": to}
    if (from_ := asked.get("from_")) is not None:
        yield "from_", {"from_": from_}
    if (subject := asked.get("subject")) is not None:
        yield "subject", {"subject": subject}
    if (text := asked.get("text")) is not None:
        yield "text", {"text": text}


def _in_words(asked: Asked) -> str:
    wanted = [
        f"{name}={str(value)!r}" for _, one in _one_by_one(asked) for name, value in one.items()
    ]
    return f"with {', '.join(wanted)}" if wanted else "at all"


def _shown(stored: StoredMessage, name: str) -> str:
    message = stored.message
    match name:
        case "to":
            return ", ".join(map(str, stored.envelope.recipients))
        case "from_":
            return ", ".join(str(mailbox.address) for mailbox in message.from_)
        case "subject":
            return repr(message.subject)
        case _:
            text = message.text or message.html or ""
            return repr(text[:_TEXT_SHOWN]) + (" ..." if len(text) > _TEXT_SHOWN else "")
