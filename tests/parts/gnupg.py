"""GnuPG with a home of its own, which makes keys, signs, seals and judges."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import find_part

_PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Judged:
    """What GnuPG gave back, and the words with which it said what it thinks of it."""

    output: bytes
    words: tuple[str, ...]
    is_content: bool


@dataclass(frozen=True, slots=True)
class GnuPG:
    """GnuPG in `home`; users are named by their address, and all have one passphrase or none."""

    program: Path
    home: Path

    def run(self, *arguments: str, octets: bytes = b"", passphrase: str = "") -> Judged:
        """Run it, and give what it wrote and said, whether it is content or not."""
        done = subprocess.run(
            (
                *(str(self.program), "--homedir", str(self.home), "--batch", "--yes"),
                *("--pinentry-mode", "loopback", "--passphrase", passphrase),
                *("--trust-model", "always", "--status-fd", "2", "--no-auto-check-trustdb"),
                *arguments,
            ),
            input=octets,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
        lines = done.stderr.decode("utf-8", "replace").splitlines()
        words = [line.split()[1] for line in lines if line.startswith("[GNUPG:] ")]
        return Judged(done.stdout, tuple(words), done.returncode == 0)

    def make(self, *arguments: str, octets: bytes = b"", passphrase: str = "") -> bytes:
        """Run it, and give what it wrote; it has to be content."""
        judged = self.run(*arguments, octets=octets, passphrase=passphrase)
        assert judged.is_content, judged.words
        return judged.output

    def fingerprint(self, user: str) -> str:
        """Name the primary key of a user."""
        listed = self.make("--with-colons", "--list-keys", user).decode("utf-8")
        return next(line.split(":")[9] for line in listed.splitlines() if line[:4] == "fpr:")

    def certificate(self, user: str) -> bytes:
        """Give the certificate of a user, armored."""
        return self.make("--armor", "--export", user)

    def secret_key(self, user: str, *, passphrase: str = "") -> bytes:
        """Give the secret key of a user, armored and under the passphrase."""
        return self.make("--armor", "--export-secret-keys", user, passphrase=passphrase)

    def verify(self, octets: bytes, signature: bytes) -> Judged:
        """Judge a detached signature."""
        with tempfile.NamedTemporaryFile(dir=self.home) as file:
            file.write(signature)
            file.flush()
            return self.run("--verify", file.name, "-", octets=octets)


@contextmanager
def running_gnupg() -> Iterator[GnuPG]:
    """Make a home; without GnuPG skip, or fail where CI=true. No agent outlives it."""
    program = find_part("gpg")
    # The path of a socket has few octets, and a directory of pytest takes most of them.
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    # As few rounds as there may be: a passphrase of the tests protects nothing.
    (home / "gpg-agent.conf").write_text("s2k-count 65536\n", encoding="ascii")
    try:
        yield GnuPG(program, home)
    finally:
        subprocess.run(
            (str(find_part("gpgconf")), "--homedir", str(home), "--kill", "all"),
            check=True,
            timeout=_PATIENCE,
        )
        shutil.rmtree(home)
