"""Saying what was measured, where and on what: a table for people, lines of JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.case import Case, Row

__all__ = ["describe_case", "describe_machine", "format_json", "print_table"]

_HEADINGS = ("bench", "case", "ours", "peer", "peer name", "unit", "ratio")


def describe_machine(*, runs: int) -> list[str]:
    """Say what all numbers depend on: the machine and its load, Python, the runs."""
    load = ", ".join(f"{average:.2f}" for average in os.getloadavg())
    return [
        f"machine: {_processor()}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}",
        f"load before: {load}",
        f"Python: {platform.python_implementation()} {platform.python_version()}",
        f"runs: {runs} of each side, in turn; medians",
    ]


def describe_case(case: Case, *, size: int | None) -> str:
    """Say which versions meet, and the work done. Raises `MissingPart`."""
    sides = ", ".join(f"{side.name} {side.version()}" for side in (case.ours, case.peer))
    return f"{case.name}: {sides}; {case.met()}; size {size or case.size}"


def format_json(row: Row) -> str:
    """Write a row as one line of JSON."""
    return json.dumps(asdict(row))


def print_table(rows: Sequence[Row]) -> None:
    """Print the rows: by rich where it is installed, in plain columns otherwise."""
    cells = [
        (
            *(row.bench, row.case, _figure(row.ours), _figure(row.peer)),
            *(row.peer_name, row.unit, f"{row.ratio:.3f} x"),
        )
        for row in rows
    ]
    try:
        from rich.console import Console
        from rich.table import Table
    except ModuleNotFoundError:
        _print_columns([_HEADINGS, *cells])
        return
    table = Table(*_HEADINGS)
    for line in cells:
        table.add_row(*line)
    Console(file=sys.stdout).print(table)


def _figure(quantity: float) -> str:
    return f"{quantity:,.0f}" if quantity >= 100 else f"{quantity:.1f}"


def _print_columns(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )


def _processor() -> str:
    # platform.processor() is empty on most Linux systems.
    about = Path("/proc/cpuinfo")
    if about.exists():
        for line in about.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
