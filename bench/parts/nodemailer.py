"""nodemailer's pool, in a process of its own."""

from __future__ import annotations

import json
import subprocess

from bench.case import Server
from bench.parts.mail import RECIPIENT, SENDER, make_message
from bench.parts.programs import NODE_FOLDER, find_program

__all__ = ["send_by_nodemailer"]


def send_by_nodemailer(server: Server, size: int, *, connections: int) -> float:
    """Send `size` messages, STARTTLS required and verified; return messages per second.

    Node.js tells the time, from before the first connection to after the last message.
    """
    assert server.ca_file is not None
    task = {
        "transport": {
            "host": "localhost",
            "port": server.port,
            "requireTLS": True,
            "tls": {"ca": server.ca_file.read_text(encoding="ascii")},
            "maxConnections": connections,
            # JSON has no Infinity.
            "maxMessages": 10**9,
        },
        "sender": SENDER,
        "recipient": RECIPIENT,
        "message": make_message().decode("ascii"),
        "count": size,
    }
    command = [find_program("node"), str(NODE_FOLDER / "pool.js")]
    done = subprocess.run(
        command, input=json.dumps(task), capture_output=True, text=True, check=False
    )
    if done.returncode or not done.stdout:
        raise RuntimeError(f"nodemailer: {done.stderr[:500]}")
    seconds: float = json.loads(done.stdout)["seconds"]
    return size / seconds
