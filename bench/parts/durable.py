"""Servers that reply only once a message is on the disk: `postseal serve` and Postfix.

Both hold what they take: the platform's sandbox, Postfix's hold queue. Their data are beside each
other in the folder for temporary files.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.case import Server
from bench.parts.processes import LOOPBACK, wait_for_greeting
from bench.parts.programs import find_program, package_version

__all__ = ["describe_disk", "our_platform", "postfix_on_hold"]

_START_SECONDS = 60

_CONFIGURATION = """\
data_directory = "data"
[listeners.mx]
port = 0
[listeners.submission]
enabled = false
[listeners.submissions]
enabled = false
[web]
enabled = false
"""

_MAIN = """\
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
maillog_file = {root}/log/mail.log
maillog_file_prefixes = {root}/log
inet_protocols = ipv4
myhostname = localhost
mydestination =
alias_maps =
alias_database =
disable_dns_lookups = yes
smtpd_peername_lookup = no
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = check_client_access static:HOLD, permit
"""

# No chroot (fifth column), and only the services that taking mail and holding it needs.
_MASTER = """\
{host}:{port} inet n - n - 100 smtpd
pickup     unix       n - n 60    1 pickup
cleanup    unix       n - n -     0 cleanup
qmgr       unix       n - n 300   1 qmgr
rewrite    unix       - - n -     - trivial-rewrite
bounce     unix       - - n -     0 bounce
defer      unix       - - n -     0 bounce
error      unix       - - n -     - error
proxymap   unix       - - n -     - proxymap
anvil      unix       - - n -     1 anvil
postlog    unix-dgram n - n -     1 postlogd
"""


def describe_disk() -> str:
    """Say what kind of file system the data are on."""
    asked = ["stat", "--file-system", "--format", "%T", tempfile.gettempdir()]
    kind = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return (
        f"data on {kind}; each 250 follows an fsync (SQLite WAL, synchronous=FULL; Postfix's own)"
    )


@contextmanager
def our_platform() -> Iterator[Server]:
    """Run `postseal serve` in sandbox mode; the server is its mx listener."""
    package_version("sqlalchemy")
    command = [str(Path(sys.executable).with_name("postseal")), "serve", "--config"]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        configuration = Path(folder, "postseal.toml")
        configuration.write_text(_CONFIGURATION, encoding="utf-8")
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            port = _wait_for_runtime(Path(folder, "data", "runtime.json"), process)
            wait_for_greeting(port, process)
            yield Server(port, process.pid)
        finally:
            process.kill()
            process.wait()


@contextmanager
def postfix_on_hold() -> Iterator[Server]:
    """Run a Postfix of our own that puts all mail on hold."""
    postfix = find_program("postfix")
    if os.geteuid() != 0:
        raise RuntimeError("Postfix starts as root alone")
    root = Path(tempfile.mkdtemp(prefix="bench-"))
    pid_file = root / "queue" / "pid" / "master.pid"
    try:
        root.chmod(0o711)
        for name in ("etc", "queue", "data", "log"):
            (root / name).mkdir(mode=0o755)
        shutil.chown(root / "data", "postfix")
        (root / "etc" / "main.cf").write_text(_MAIN.format(root=root), encoding="utf-8")
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as reserved:
            # Bound and not listening: the port stays ours until Postfix, which reuses it, listens.
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind((LOOPBACK, 0))
            port: int = reserved.getsockname()[1]
            master = _MASTER.format(host=LOOPBACK, port=port)
            (root / "etc" / "master.cf").write_text(master, encoding="utf-8")
            process = subprocess.Popen(
                [postfix, "-c", str(root / "etc"), "start-fg"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                wait_for_greeting(port, process)
                yield Server(port, process.pid)
            finally:
                # The child is a shell script that waits for the master: tell the master.
                if pid_file.exists() and process.poll() is None:
                    os.kill(int(pid_file.read_text(encoding="ascii")), signal.SIGTERM)
                    process.wait(timeout=30)
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _wait_for_runtime(path: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("postseal serve did not start")
        time.sleep(0.05)
    port: int = json.loads(path.read_text(encoding="utf-8"))["listeners"]["mx"]["port"]
    return port
