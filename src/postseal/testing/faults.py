"""What a test server does wrong on purpose: at which step of a session, and how often."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum, unique
from typing import Final, Self

from postseal.address import Address
from postseal.errors import InvalidSetting, Phase, RemoteProtocolError
from postseal.smtp.reply import Reply, ReplyParser

__all__ = ["Fault", "FaultKind", "Faults"]

_UNSPOKEN: Final = (Phase.CONNECT, Phase.HANDSHAKE)


@unique
class FaultKind(Enum):
    """How a server misbehaves."""

    ANSWER = "answers otherwise"
    DROP = "closes the connection"
    STALL = "says nothing any more"
    DELAY = "answers late"
    INJECT = "says more than it was asked"
    STRIP = "hides STARTTLS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to misbehave; made by the class methods.

    `phase` is the command that it answers to; `GREETING` is the beginning of a session, `HANDSHAKE`
    that of TLS, and `BODY` the end of a message. With `times`, it is over after so many.
    """

    phase: Phase
    kind: FaultKind
    reply: Reply | None = None
    raw: bytes = b""
    seconds: float = 0.0
    recipient: Address | None = None
    times: int | None = None

    def __post_init__(self) -> None:
        if self.times is not None and self.times < 1:
            raise InvalidSetting("a fault happens at least once: times must be 1 or more")
        says = self.kind in (FaultKind.ANSWER, FaultKind.INJECT)
        if self.phase is Phase.RESOLVE or (says and self.phase in _UNSPOKEN):
            raise InvalidSetting(
                f"at the phase {self.phase} a server says nothing of SMTP",
                hint="GREETING is the first thing that it says.",
            )
        if self.seconds < 0:
            raise InvalidSetting("a fault cannot be over before it begins: seconds is negative")

    @classmethod
    def answer(cls, phase: Phase, reply: str, *, times: int | None = None) -> Self:
        """Answer with `reply`, such as ``"451 4.3.0 try again later"``, and do nothing else."""
        return cls(phase=phase, kind=FaultKind.ANSWER, reply=_reply(reply), times=times)

    @classmethod
    def refuse(
        cls,
        recipient: str | Address,
        reply: str = "550 5.1.1 no such user",
        *,
        times: int | None = None,
    ) -> Self:
        """Refuse one recipient; a reply of 4yz refuses it for now."""
        return cls(
            phase=Phase.RCPT,
            kind=FaultKind.ANSWER,
            reply=_reply(reply),
            recipient=Address.parse(recipient) if isinstance(recipient, str) else recipient,
            times=times,
        )

    @classmethod
    def drop(cls, phase: Phase, *, times: int | None = None) -> Self:
        """Close the connection instead of answering; at `BODY`, the message is thrown away."""
        return cls(phase=phase, kind=FaultKind.DROP, times=times)

    @classmethod
    def stall(cls, phase: Phase, *, times: int | None = None) -> Self:
        """Keep the connection open and say nothing any more."""
        return cls(phase=phase, kind=FaultKind.STALL, times=times)

    @classmethod
    def delay(cls, phase: Phase, seconds: float, *, times: int | None = None) -> Self:
        """Answer so many seconds late."""
        return cls(phase=phase, kind=FaultKind.DELAY, seconds=seconds, times=times)

    @classmethod
    def inject(cls, phase: Phase, raw: bytes, *, times: int | None = None) -> Self:
        """Say `raw` behind the answer, in the same segment: at `STARTTLS`, in clear."""
        return cls(phase=phase, kind=FaultKind.INJECT, raw=raw, times=times)

    @classmethod
    def strip_starttls(cls, *, times: int | None = None) -> Self:
        """Offer no STARTTLS, and all else in clear, as somebody on the path would."""
        return cls(phase=Phase.CONNECT, kind=FaultKind.STRIP, times=times)


@dataclass(slots=True)
class Faults:
    """The faults of a server that are still to happen; threads may share it."""

    _left: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, faults: Iterable[Fault]) -> None:
        """Let these happen, behind those that are there already."""
        with self._lock:
            self._left += faults

    def clear(self) -> None:
        """Let none happen any more."""
        with self._lock:
            self._left.clear()

    def take(self, phase: Phase, recipient: Address | None = None) -> Fault | None:
        """Give the first fault that is due now, and count it."""
        with self._lock:
            for place, fault in enumerate(self._left):
                if fault.phase is not phase or fault.recipient not in (None, recipient):
                    continue
                if fault.times == 1:
                    del self._left[place]
                elif fault.times is not None:
                    self._left[place] = replace(fault, times=fault.times - 1)
                return fault
        return None


def _reply(line: str) -> Reply:
    parser = ReplyParser()
    parser.feed(f"{line}\r\n".encode())
    try:
        reply = parser.next_reply()
    except RemoteProtocolError:
        reply = None
    if reply is None:
        raise InvalidSetting(f"{line!a} is no reply", hint='Write it as "451 4.3.0 try later".')
    return reply
