"""The command: `python -m fuzz [TARGET...] [--seconds N] [--runs N] [--input FILE] [--list]`."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from fuzz.runner import Limits, Outcome, run_target
from fuzz.target import FOLDER, load_target, target_names

_NO_ATHERIS = (
    "fuzz: atheris is not installed. `make fuzz` installs it where it has a wheel: CPython 3.11 "
    "to 3.13 on Linux, x86-64. Elsewhere `make test` still runs the targets over their corpus."
)
_HEADINGS = ("target", "runs", "edges", "outcome")


def main() -> int:
    """Run the chosen targets; 1 where an invariant was broken, 3 where atheris is missing."""
    names = target_names()
    options = _parser(names).parse_args()
    if unknown := set(options.targets) - set(names):
        return _fail(f"fuzz: no such target: {', '.join(sorted(unknown))}; --list shows all", 2)
    chosen = options.targets or names
    if options.list:
        return _list(chosen)
    if options.input is not None:
        return _replay(options.targets, options.input)
    if importlib.util.find_spec("atheris") is None:
        return _fail(_NO_ATHERIS, 3)
    return _fuzz(chosen, Limits(options.seconds, options.runs))


def _parser(names: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fuzz",
        description="Run fuzz targets, each in its own process and for a bounded time.",
    )
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"which to run (all): {', '.join(names)}"
    )
    parser.add_argument(
        "--seconds", type=_positive, default=20, metavar="N", help="time for each target (20)"
    )
    parser.add_argument("--runs", type=_positive, metavar="N", help="inputs for each target, too")
    parser.add_argument(
        "--input", type=Path, metavar="FILE", help="run one target once over FILE, without atheris"
    )
    parser.add_argument("--list", action="store_true", help="show the targets and their invariants")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _list(names: Sequence[str]) -> int:
    for name in names:
        print(f"{name}: {load_target(name).invariant}")
    return 0


def _replay(names: Sequence[str], path: Path) -> int:
    if len(names) != 1:
        return _fail("fuzz: --input needs exactly one TARGET", 2)
    try:
        data = path.read_bytes()
    except OSError as error:
        return _fail(f"fuzz: {path} cannot be read: {error.strerror}", 2)
    load_target(names[0]).run(data)
    print(f"{names[0]}: the invariant holds for {path}")
    return 0


def _fuzz(names: Sequence[str], limits: Limits) -> int:
    outcomes = []
    for name in names:
        _note(f"==> {name}, {limits.seconds} s")
        outcome = run_target(name, limits)
        outcomes.append(outcome)
        if outcome.report:
            _note(outcome.report)
    _print_table([_HEADINGS, *map(_row, outcomes)])
    return 1 if any(outcome.report for outcome in outcomes) else 0


def _row(outcome: Outcome) -> tuple[str, ...]:
    if outcome.inputs:
        verdict = ", ".join(str(path.relative_to(FOLDER.parent)) for path in outcome.inputs)
    else:
        verdict = "broken: see above" if outcome.report else "holds"
    return (outcome.name, _number(outcome.runs), _number(outcome.covered), verdict)


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, runs, edges, verdict in rows:
        print(f"{name:<{widths[0]}}  {runs:>{widths[1]}}  {edges:>{widths[2]}}  {verdict}")


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _fail(text: str, code: int) -> int:
    _note(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
