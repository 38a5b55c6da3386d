"""House rules that no linter knows: the size of a module, documented methods, honest lock files.

Run as ``python scripts/house.py`` it prints one line for each breach, ``path:line: what is wrong``,
and ends with 1 if there was one.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = ("src", "tests", "bench", "fuzz", "scripts")
MAX_LINES = 500

_PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==\S+")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")
_ADDRESS = re.compile(r"://|--(?:extra-)?index|--find-links|\b[\w-]+\.(?:com|dev|io|net|org)\b")
# Bases that promise nothing about a method.
_BARE = frozenset(
    {
        "ABC",
        "Enum",
        "Exception",
        "Generic",
        "IntEnum",
        "NamedTuple",
        "Protocol",
        "StrEnum",
        "object",
    }
)


def size_breaches(path: Path) -> Iterator[str]:
    """Yield what is wrong with the size of a module."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if lines > MAX_LINES:
        yield f"{path}:{MAX_LINES + 1}: {lines} lines, more than {MAX_LINES}: split the idea"


@dataclass(frozen=True, slots=True)
class _Class:
    path: Path
    bases: tuple[str, ...]
    methods: Mapping[str, ast.FunctionDef | ast.AsyncFunctionDef]


def docstring_breaches(paths: Iterable[Path]) -> Iterator[str]:
    """Yield the public methods that have a docstring neither of their own nor in a base.

    A method that keeps the contract of its base has nothing to add, and an echo is not wanted.
    A base from outside the project documents itself. Classes are found by their bare names.
    """
    classes = {name: found for path in paths for name, found in _classes(path)}
    for name, found in classes.items():
        if name.startswith("_"):
            continue
        for method_name, method in found.methods.items():
            public = not method_name.startswith("_")
            if public and not _documented(method_name, name, classes):
                yield f"{found.path}:{method.lineno}: {name}.{method_name} has no docstring"


def _classes(path: Path) -> Iterator[tuple[str, _Class]]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            bases = (base.value if isinstance(base, ast.Subscript) else base for base in node.bases)
            yield (
                node.name,
                _Class(
                    path=path,
                    bases=tuple(ast.unparse(base).rpartition(".")[2] for base in bases),
                    methods={
                        item.name: item
                        for item in node.body
                        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
                    },
                ),
            )


def _documented(method: str, class_name: str, classes: Mapping[str, _Class]) -> bool:
    if class_name not in classes:
        return class_name not in _BARE
    found = classes[class_name]
    if method in found.methods and ast.get_docstring(found.methods[method]):
        return True
    return any(_documented(method, base, classes) for base in found.bases)


def lock_breaches(path: Path) -> Iterator[str]:
    """Yield what is wrong with one lock file: no pin, a pin without a hash, an address.

    A lock file names packages and the hashes of their files, never where to get them: that is the
    business of the machine that installs them.
    """
    unhashed: tuple[int, str] | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if _ADDRESS.search(line):
            yield f"{path}:{number}: the address of a package index or host: {line.strip()}"
        text = line.partition("#")[0].strip()
        if not text:
            continue
        if _HASH.match(text):
            unhashed = None
            continue
        if unhashed:
            yield f"{path}:{unhashed[0]}: {unhashed[1]} has no hash"
        pin = _PIN.match(text)
        unhashed = (number, pin["name"]) if pin else None
        if not pin:
            yield f"{path}:{number}: not a pinned package: {text}"
    if unhashed:
        yield f"{path}:{unhashed[0]}: {unhashed[1]} has no hash"


def breaches(root: Path) -> Iterator[str]:
    """Yield every breach in the tree at `root`."""
    for folder in CODE:
        for path in sorted((root / folder).rglob("*.py")):
            yield from size_breaches(path)
    yield from docstring_breaches(sorted((root / "src").rglob("*.py")))
    for path in sorted((root / "requirements").glob("*.txt")):
        yield from lock_breaches(path)


def main() -> int:
    """Print the breaches of this repository; return how the process ends."""
    found = list(breaches(ROOT))
    for breach in found:
        print(breach.removeprefix(f"{ROOT}/"))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
