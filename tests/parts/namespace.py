"""A network of the test's own, with nothing but loopback and a resolver configuration that fits.

Programs that ask the system for names, such as Postfix's, see the zones of the test there::

    with NetworkNamespace() as namespace, unbound(zones, namespace=namespace):
        listener = namespace.listen("127.0.0.1", 25)   # a socket for a server of the test's process
        namespace.run("posttls-finger", "-l", "dane", "good.test")
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from tests.conftest import SEARCH_PATH, report_lack

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_RESOLV_CONF = "nameserver 127.0.0.1\noptions edns0 trust-ad\n"
# The holder lives until its input ends, and so never longer than the test's process.
_HOLD = (
    'ip link set lo up && mount --bind "$1" "$(realpath /etc/resolv.conf)" && echo up && exec cat'
)


class NetworkNamespace:
    """A network namespace and a mount namespace, held by a process while the object is open.

    All of 127.0.0.0/8 and every port is free there. Programs that ask for names ask 127.0.0.1,
    and take its word about DNSSEC. Skips the test where the machine does not allow namespaces.
    """

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="namespace-"))
        resolv_conf = self._folder / "resolv.conf"
        resolv_conf.write_text(_RESOLV_CONF, encoding="ascii")
        resolv_conf.chmod(0o644)
        self._folder.chmod(0o755)
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", _HOLD, "sh", str(resolv_conf)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"up\n":
            _, complaint = self._holder.communicate(timeout=10)
            shutil.rmtree(self._folder)
            report_lack(f"no network namespace: {complaint.decode().strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.communicate(timeout=10)
        shutil.rmtree(self._folder)

    def command(self, *arguments: str | Path) -> list[str]:
        """Give the command that runs another within the namespace, for `subprocess`."""
        target = str(self._holder.pid)
        return ["nsenter", "--target", target, "--net", "--mount", "--", *map(str, arguments)]

    def run(self, *arguments: str | Path, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a command within the namespace to its end, whatever that is."""
        return subprocess.run(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, "PATH": SEARCH_PATH},
        )

    def within(self, work: Callable[[], T]) -> T:
        """Call `work` in a thread whose sockets are made within the namespace; its files are ours.

        What `work` starts threads for is outside again.
        """
        with ThreadPoolExecutor(max_workers=1) as thread:
            thread.submit(self._enter).result()
            return thread.submit(work).result()

    def make_socket(self, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
        """Make an IPv4 socket within the namespace that this process can use as any other."""
        return self.within(lambda: socket.socket(socket.AF_INET, kind))

    def _enter(self) -> None:
        # Namespaces are per thread: the rest of the process stays where it is.
        libc = ctypes.CDLL(None, use_errno=True)
        descriptor = os.open(f"/proc/{self._holder.pid}/ns/net", os.O_RDONLY)
        try:
            if libc.setns(descriptor, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(descriptor)

    def listen(self, address: str, port: int) -> socket.socket:
        """Make a listening TCP socket within the namespace."""
        listener = self.make_socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(64)
        except OSError:
            listener.close()
            raise
        return listener
