"""A process that streams a large message and prints by how many KiB its memory grew at most.

Run as `python sending_process.py WORLD URL CA_FILE PIECES`, with pieces of 64 KiB. It measures
from outside of Python's own accounting, which does not see what OpenSSL holds.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from postseal import Address, AsyncMailer, Envelope, Mailer

_ENVELOPE = Envelope(None, (Address.parse("ann@example.org"),))
_LINE = b"x" * 62 + b"\r\n"
_PIECE = _LINE * 1024


def peak() -> int:
    """The most memory that the process ever had, in KiB (proc(5): VmHWM)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1])


def pieces(number: int) -> Iterator[bytes]:
    for _ in range(number):
        # A new object each time, as one that is read from a file would be.
        yield bytes(bytearray(_PIECE))


def send_blocking(url: str, ca_file: str, number: int) -> int:
    with Mailer(url, ca_file=ca_file) as mailer:
        mailer.send_raw(_ENVELOPE, pieces(4))
        before = peak()
        mailer.send_raw(_ENVELOPE, pieces(number))
    return peak() - before


async def send_asyncio(url: str, ca_file: str, number: int) -> int:
    async with AsyncMailer(url, ca_file=ca_file) as mailer:
        await mailer.send_raw(_ENVELOPE, pieces(4))
        before = peak()
        await mailer.send_raw(_ENVELOPE, pieces(number))
    return peak() - before


if __name__ == "__main__":
    world, *where, count = sys.argv[1:]
    if world == "blocking":
        grown = send_blocking(where[0], where[1], int(count))
    else:
        grown = asyncio.run(send_asyncio(where[0], where[1], int(count)))
    sys.stdout.write(f"{grown}\n")
