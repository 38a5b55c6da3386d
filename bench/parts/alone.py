"""No server: both sides of a case work alone, on octets in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import process_time

from bench.case import Server

__all__ = ["no_server", "nothing_met", "rate"]


@contextmanager
def no_server() -> Iterator[Server]:
    """Stand in for a server where none is met."""
    yield Server(port=0, pid=os.getpid())


def nothing_met() -> str:
    """Say that nothing is met."""
    return "in memory"


def rate(work: Callable[[], None], times: int) -> float:
    """Do the work so many times, after once to warm up; return how often a second of CPU does it.

    CPU time, since nothing is waited for, and others may use the machine.
    """
    work()
    start = process_time()
    for _ in range(times):
        work()
    return times / (process_time() - start)
