"""Scripts: what a server says and hears in one connection, step by step.

Steps are values; `transcript` reads them from a text such as RFC 5321 appendix D prints::

    S: 220 mail.example.com ESMTP
    C: EHLO client.example.com
    S: 250-mail.example.com
    S: 250 PIPELINING
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeAlias

__all__ = ["Break", "End", "Hear", "Say", "Stall", "Step", "Wait", "transcript"]


@dataclass(frozen=True, slots=True)
class Say:
    """The server sends octets; the client gets those of one `Say` by one read."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Hear:
    """The client must write exactly these octets, in however many writes.

    None stands for whatever it writes in one go.
    """

    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The server says nothing for so many seconds, by default for ever.

    A client that reads meanwhile sees the clock move, to its own deadline at most. While the
    server waits for ever, what is written is taken.
    """

    seconds: float = math.inf


@dataclass(frozen=True, slots=True)
class Stall:
    """The server neither says nor takes anything any more: reads and writes wait for ever."""


@dataclass(frozen=True, slots=True)
class End:
    """The server closes the connection in good order."""


@dataclass(frozen=True, slots=True)
class Break:
    """The connection breaks, as by a reset."""


Step: TypeAlias = Say | Hear | Wait | Stall | End | Break

_EVENTS: Final[dict[str, Callable[[], Step]]] = {
    "S: <silence>": Wait,
    "S: <stall>": Stall,
    "S: <end>": End,
    "S: <reset>": Break,
    "C: <anything>": Hear,
}
_WAIT: Final = re.compile(r"S: <wait (\d+(?:\.\d+)?)>")


def transcript(text: str) -> tuple[Step, ...]:
    """Read a script from lines that begin with `S: ` (server) or `C: ` (client).

    CRLF is put behind each line; an empty line is written as `S:` or `C:`, and blank lines count
    for nothing. Lines of the same side in a row travel together. The server's `<silence>`,
    `<stall>`, `<end>`, `<reset>` and `<wait SECONDS>` are the steps `Wait`, `Stall`, `End`,
    `Break` and `Wait` for a time; the client's `<anything>` is a `Hear` of any octets. Raises
    `ValueError` for other lines.
    """
    steps: list[Step] = []
    stripped = (line.strip() for line in text.splitlines())
    for side, lines in groupby((line for line in stripped if line), key=_side):
        octets = b""
        for line in lines:
            if (event := _event(line)) is None:
                octets += line[3:].encode() + b"\r\n"
                continue
            steps += [*_spoken(side, octets), event]
            octets = b""
        steps += _spoken(side, octets)
    return tuple(steps)


def _side(line: str) -> str:
    if line[:2] not in ("S:", "C:") or line[2:3] not in ("", " "):
        raise ValueError(f"{line!a} begins neither with 'S: ' nor with 'C: '")
    return line[0]


def _event(line: str) -> Step | None:
    if waiting := _WAIT.fullmatch(line):
        return Wait(float(waiting[1]))
    make = _EVENTS.get(line)
    return make() if make else None


def _spoken(side: str, octets: bytes) -> list[Step]:
    if not octets:
        return []
    return [Say(octets)] if side == "S" else [Hear(octets)]
