"""A mail program of the tests' own: it notes how it was run, and ends as it is told to."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

_SOURCE = """\
#!{python} -IS
import json, os, signal, sys, time
note = {{
    "arguments": sys.argv[1:],
    "environment": dict(os.environ),
    "directory": os.getcwd(),
    "pid": os.getpid(),
    "input": sys.stdin.buffer.read().decode("latin-1"),
}}
with open({notes!r}, "a") as notes:
    notes.write(json.dumps(note) + "\\n")
{then}
"""


@dataclass(frozen=True, slots=True)
class MailProgram:
    """A program at `path`; what it noted of each run is in `runs`."""

    path: Path
    notes: Path

    @classmethod
    def make(cls, directory: Path, then: str = "") -> MailProgram:
        """Write a program that goes on with the Python statements in `then`."""
        path, notes = directory / "sendmail", directory / "notes"
        source = _SOURCE.format(python=sys.executable, notes=str(notes), then=then)
        path.write_text(source, encoding="utf-8")
        path.chmod(0o755)
        return cls(path, notes)

    @property
    def url(self) -> str:
        """The URL of a transport that runs it."""
        return f"sendmail://{self.path}"

    @property
    def runs(self) -> list[Run]:
        """How it was run, each time."""
        if not self.notes.exists():
            return []
        lines = self.notes.read_text(encoding="utf-8").splitlines()
        return [Run(**json.loads(line)) for line in lines]


@dataclass(frozen=True, slots=True)
class Run:
    """What a program saw of one run."""

    arguments: list[str]
    environment: dict[str, str]
    directory: str
    pid: int
    input: str
