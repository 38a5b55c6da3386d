"""SIGKILL at any instant loses no message whose acceptance was reported."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from postseal.serve.storage import Store
from tests.crash.accepting_process import content_of
from tests.unit.serve.storage.samples import read_content

ROUNDS = 5


def accept_until_killed(
    path: Path, *, callers: int, name: str, after: int, grace: float
) -> list[str]:
    """Kill the process `grace` seconds after it reported `after` messages; return all reported."""
    command = [sys.executable, "-m", "tests.crash.accepting_process", str(path), str(callers), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        reported = [process.stdout.readline() for _ in range(after)]
        time.sleep(grace)  # The very thing under test: any instant will do.
        process.kill()
        reported += process.stdout.readlines()
    assert all(line.endswith(b"\n") for line in reported)
    return [line.decode().strip() for line in reported]


async def missing_of(path: Path, reported: list[str]) -> set[str]:
    """Open the store for good; return the reported messages that it does not have whole."""
    missing = set(reported)
    store = await Store.open(path)
    cursor = None
    while page := await store.list_messages(before=cursor, limit=500):
        for row in page:
            # What was not reported may be there as well, but not in part.
            assert await read_content(store, row.id) == content_of(row.id)
            assert row.recipient_count == 1
            missing.discard(row.id)
        cursor = page[-1].cursor
    await store.close()
    return missing


@pytest.mark.parametrize("callers", [1, 20])
def test_what_was_accepted_survives_each_kill(tmp_path: Path, callers: int) -> None:
    path = tmp_path / "mail.sqlite"
    seed = random.randrange(2**32)
    source = random.Random(seed)
    reported: list[str] = []
    for number in range(ROUNDS):
        reported += accept_until_killed(
            path,
            callers=callers,
            name=f"round{number}",
            after=source.randrange(1, 30),
            # The first at once behind a reply; the others anywhere within the next commits.
            grace=source.uniform(0, 0.03) if number else 0,
        )
    assert len(reported) == len(set(reported)) >= ROUNDS
    assert asyncio.run(missing_of(path, reported)) == set(), f"seed {seed}"
