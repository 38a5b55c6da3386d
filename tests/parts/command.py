"""The `postseal` command as a person runs it, from inside an event loop."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

COMMAND = Path(sys.executable).with_name("postseal")
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it printed."""

    status: int
    output: str
    errors: str

    @property
    def printed(self) -> str:
        """Both streams, for a search that must find nothing."""
        return self.output + self.errors


def clean_environment() -> dict[str, str]:
    """Return the environment without what the one who runs the tests has set for Postseal."""
    return {name: value for name, value in os.environ.items() if name[:9] != "POSTSEAL_"}


async def run_postseal(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    directory: Path | None = None,
) -> Ran:
    """Run the command to its end, in a clean environment and what `environment` adds to it."""
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**clean_environment(), "COLUMNS": "200", **(environment or {})},
        cwd=directory,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            output, errors = await process.communicate(stdin)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Ran(process.returncode, output.decode(), errors.decode())
