"""A process that accepts messages without end and writes the id of each once it is accepted.

Run as `python -m tests.crash.accepting_process DATABASE CALLERS NAME`.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from postseal.serve.storage import Store
from tests.unit.serve.storage.samples import new_message

# More than fits into one piece, so that a kill can come between two.
LENGTHS = (100, 4_000, 4_000, 30_000, 600_000)


def content_of(message_id: str) -> bytes:
    source = random.Random(message_id)
    return source.randbytes(source.choice(LENGTHS))


async def accept_without_end(path: Path, callers: int, name: str) -> None:
    store = await Store.open(path)

    async def accept(caller: int) -> None:
        count = 0
        while True:
            message_id = f"{name}-{caller}-{count}"
            await store.accept(new_message(message_id, content=[content_of(message_id)]))
            # One small write to a pipe is whole or not at all, whenever the process ends.
            os.write(sys.stdout.fileno(), f"{message_id}\n".encode())
            count += 1

    await asyncio.gather(*(accept(caller) for caller in range(callers)))


if __name__ == "__main__":
    asyncio.run(accept_without_end(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
