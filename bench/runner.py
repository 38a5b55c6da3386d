"""Measuring one case: both sides in turn, each time in a fresh process, and the medians."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from statistics import median

from bench.case import Case, Contender, Row, Server

__all__ = ["run_case"]

Progress = Callable[[str], None]


def run_case(case: Case, *, runs: int, size: int | None = None, progress: Progress) -> Row:
    """Measure both sides `runs` times in turn and compare the medians.

    Each goes first in every other run, so that neither always meets the warmer machine. `size`
    replaces the case's own number of operations.
    """
    ours: list[float] = []
    peer: list[float] = []
    for run in range(runs):
        sides = [(case.ours, ours), (case.peer, peer)]
        for contender, results in sides if run % 2 == 0 else reversed(sides):
            with contender.server() as server:
                quantity = _measure(contender, server, size or case.size)
            results.append(quantity)
            progress(f"{case.name} {run + 1}/{runs} {contender.name}: {quantity:.1f} {case.unit}")
    return Row(
        bench=case.bench,
        case=case.title,
        ours=median(ours),
        peer=median(peer),
        peer_name=case.peer.name,
        unit=case.unit,
        ratio=median(ours) / median(peer),
    )


def _measure(contender: Contender, server: Server, size: int) -> float:
    # A fresh interpreter: no side inherits the other's imports, heap or open sockets.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as process:
        return process.submit(contender.measure, server, size).result()
