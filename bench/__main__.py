"""The command: `python -m bench [CASE...] [--runs N] [--size N] [--json]`."""

from __future__ import annotations

import argparse
import sys

from bench.cases import CASES
from bench.parts.programs import MissingPart
from bench.report import describe_case, describe_machine, format_json, print_table
from bench.runner import run_case


def main() -> int:
    """Run the chosen cases and print their rows; 3 where one lacks a part."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure Postseal and its peers in turn and print both and their ratio.",
    )
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", help=f"which to run (all): {', '.join(names)}"
    )
    parser.add_argument("--runs", type=_positive, default=5, help="measurements of each side (5)")
    parser.add_argument(
        "--size", type=_positive, help="operations in one measurement (each case's own)"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON for each row")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(names):
        parser.error(f"unknown case: {', '.join(sorted(unknown))}; there are {', '.join(names)}")

    chosen = [case for case in CASES if not options.cases or case.name in options.cases]
    for line in describe_machine(runs=options.runs):
        _note(line)
    rows = []
    for case in chosen:
        try:
            _note(describe_case(case, size=options.size))
            row = run_case(case, runs=options.runs, size=options.size, progress=_note)
        except MissingPart as missing:
            _note(f"{case.name}: left out: {missing}")
            continue
        if options.json:
            print(format_json(row), flush=True)
        rows.append(row)
    if not options.json:
        print_table(rows)
    return 0 if len(rows) == len(chosen) else 3


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
