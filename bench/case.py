"""What a benchmark is: two contenders for one task, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Case", "Contender", "Row", "Server"]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: its loopback port, its process, and the file that vouches for it."""

    port: int
    pid: int
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    """One of the two sides, and the server that its measurement meets.

    `measure(server, size)` does the task with `size` operations and returns the quantity in the
    case's unit. It runs in a fresh process, so it is a function of a module. It raises if one
    operation went wrong: work not done is not fast. `server` is started anew for each measurement;
    where servers are compared, it is the contender itself.
    """

    name: str
    version: Callable[[], str]
    measure: Callable[[Server, int], float]
    server: Callable[[], AbstractContextManager[Server]]


@dataclass(frozen=True, slots=True)
class Case:
    """One task and its contenders.

    `name` is what the command line calls it. `met` says what both sides meet, with its version:
    the server where clients are compared, the source of load where servers are.
    """

    name: str
    bench: str
    title: str
    unit: str
    size: int
    ours: Contender
    peer: Contender
    met: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Row:
    """The outcome of one case: medians, and ours divided by the peer's."""

    bench: str
    case: str
    ours: float
    peer: float
    peer_name: str
    unit: str
    ratio: float
