"""A real Redis of the test's own: a database whose users a manager of secrets makes and removes."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.conftest import find_part
from tests.parts.ports import LOOPBACK, ReservedPort
from tests.parts.waiting import wait_until

ADMINISTRATOR = "default"
PASSWORD = "of-the-administrator"


@dataclass(frozen=True, slots=True)
class Redis:
    """Where it is."""

    port: int

    def admits(self, user: str, password: str) -> bool:
        """Tell whether it lets this user in."""
        return self._say("AUTH", user, password) == "+OK"

    def make_user(self, user: str, password: str) -> None:
        """Make a user who may do anything."""
        said = self._say("ACL", "SETUSER", user, "on", f">{password}", "~*", "+@all")
        assert said == "+OK", said

    def _say(self, *words: str) -> str:
        """Say one command as the administrator, and give the first line of the answer."""
        login = _command("AUTH", ADMINISTRATOR, PASSWORD)
        with socket.create_connection((LOOPBACK, self.port), timeout=10) as connection:
            connection.sendall(login + _command(*words))
            with connection.makefile("r", encoding="utf-8", newline="\r\n") as answers:
                assert answers.readline() == "+OK\r\n"
                return answers.readline().rstrip("\r\n")


def _command(*words: str) -> bytes:
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded)


@contextmanager
def redis_server() -> Iterator[Redis]:
    """Run Redis until the end; it keeps nothing."""
    program = find_part("redis-server")
    with ReservedPort() as port:
        options = {
            "bind": LOOPBACK,
            "port": str(port.number),
            "save": "",
            "appendonly": "no",
            "requirepass": PASSWORD,
            "dir": "/",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        process = subprocess.Popen(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            redis = Redis(port.number)

            def is_up() -> bool:
                assert process.poll() is None, "Redis ended at once"
                try:
                    return redis.admits(ADMINISTRATOR, PASSWORD)
                except OSError:
                    return False

            wait_until(is_up, within=20, what="Redis's first answer")
            yield redis
        finally:
            process.kill()
            process.wait()
