"""What a benchmark is: two contenders for one task, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

__all__ = ["Case", "Contender", "Row"]


@dataclass(frozen=True, slots=True)
class Contender:
    """One of the two sides.

    `measure(port, size)` does the task with `size` operations against the loopback port and
    returns the quantity in the case's unit. It runs in a fresh process, so it is a function of a
    module. It raises if one operation went wrong: work not done is not fast.
    """

    name: str
    version: Callable[[], str]
    measure: Callable[[int, int], float]


@dataclass(frozen=True, slots=True)
class Case:
    """One task, its contenders, and the server that both meet.

    `name` is what the command line calls it; `server` starts the other side and gives its port.
    """

    name: str
    bench: str
    title: str
    unit: str
    size: int
    ours: Contender
    peer: Contender
    server: Callable[[], AbstractContextManager[int]]
    server_version: Callable[[], str]


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
