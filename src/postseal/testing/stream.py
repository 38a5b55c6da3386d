"""A connection in memory whose other end follows a script."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from postseal.errors import Disconnected, TimedOut
from postseal.send.networks.network import Stream
from postseal.testing.clock import ManualClock
from postseal.testing.script import Break, End, Hear, Say, Stall, Step, Wait, transcript

__all__ = ["ScriptedStream"]


class ScriptedStream(Stream):
    """Plays one script; never suspends, so it serves blocking and asyncio code alike.

    A client that leaves the script, by words or by their order, gets an `AssertionError` that
    says what was due. Waiting moves `clock` and takes no time. `written` is all that the client
    wrote, and `is_closed` tells whether it closed.
    """

    def __init__(
        self,
        script: str | Iterable[Step],
        *,
        clock: ManualClock,
        peer_address: str = "192.0.2.25",
        local_address: str = "192.0.2.1",
    ) -> None:
        self._steps: deque[Step] = deque()
        self._clock = clock
        self._peer_address = peer_address
        self._local_address = local_address
        self.written = b""
        self.is_closed = False
        self.extend(script)

    def extend(self, script: str | Iterable[Step]) -> None:
        """Add steps, such as what a server says only after a while."""
        self._steps.extend(transcript(script) if isinstance(script, str) else script)

    @property
    def peer_address(self) -> str:
        return self._peer_address

    @property
    def local_address(self) -> str:
        return self._local_address

    @property
    def is_played(self) -> bool:
        """True when no step is left that the client could have taken part in."""
        return not any(isinstance(step, Say | Hear) for step in self._steps)

    async def read(self, deadline: float) -> bytes:
        self._check_open()
        while True:
            self._check_time(deadline)
            match self._steps[0] if self._steps else None:
                case Say(data):
                    self._steps.popleft()
                    return data
                case Wait(seconds) if self._clock.now() + seconds < deadline:
                    self._clock.advance(seconds)
                    self._steps.popleft()
                case Wait() | Stall():
                    self._clock.advance_to(deadline)
                case End():
                    return b""
                case Break():
                    raise Disconnected("the connection broke: so the script says")
                case Hear(due):
                    raise AssertionError(f"the client reads, but should say {_shown(due)}")
                case None:
                    raise AssertionError("the client reads on, but the script is over")

    async def write(self, data: bytes, deadline: float) -> None:
        self._check_open()
        self._check_time(deadline)
        left = data
        while left:
            match self._steps[0] if self._steps else None:
                case Hear(None):
                    self._steps.popleft()
                    self.written += left
                    return
                case Hear(bytes() as due):
                    left = self._hear(due, left)
                case Wait(seconds) if seconds == math.inf:
                    self.written += left
                    return
                case Stall():
                    self._clock.advance_to(deadline)
                    self._check_time(deadline)
                case Say() | End() | Break() if self._is_leaving():
                    raise Disconnected("the connection broke: so the script says")
                case Say() | Wait():
                    raise AssertionError(f"the client says {_shown(left)} before it is its turn")
                case _:
                    raise AssertionError(f"the script is over, but the client says {_shown(left)}")

    def has_input(self) -> bool:
        if self.is_closed:
            return True
        return bool(self._steps) and isinstance(self._steps[0], Say | End | Break)

    def close(self) -> None:
        self.is_closed = True

    def _is_leaving(self) -> bool:
        """Tell whether the server only has to say something before it goes."""
        for step in self._steps:
            if not isinstance(step, Say):
                return isinstance(step, End | Break)
        return False

    def _hear(self, due: bytes, said: bytes) -> bytes:
        """Compare what is said with what is due; return what is said beyond that."""
        common = min(len(due), len(said))
        if due[:common] != said[:common]:
            raise AssertionError(f"the client should say {_shown(due)}, but says {_shown(said)}")
        self.written += said[:common]
        self._steps.popleft()
        if rest := due[common:]:
            self._steps.appendleft(Hear(rest))
        return said[common:]

    def _check_open(self) -> None:
        if self.is_closed:
            raise Disconnected("the connection broke: it is closed")

    def _check_time(self, deadline: float) -> None:
        if self._clock.now() >= deadline:
            raise TimedOut("the script gave nothing in time")


def _shown(octets: bytes | None) -> str:
    if octets is None:
        return "something"
    return ascii(octets.decode("latin-1")) if len(octets) <= 200 else f"{octets[:200]!r}..."
