"""A real Dovecot of the test's own: its own configuration, users, ports and mailboxes."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Final, Self

import pytest

from tests.conftest import find_part
from tests.parts.certificates import ServerCertificate
from tests.parts.ports import LOOPBACK, ReservedPort
from tests.parts.waiting import wait_until

PASSWORD: Final = 'seven "bridges" of K\\nigsberg'
_MAIL_OWNER: Final = "nobody"
_LISTENERS: Final = {"imap": False, "imaps": True, "pop3": False, "pop3s": True}

_CONFIGURATION: Final = """\
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
instance_name = postseal-test
protocols = imap pop3
listen = {host}
default_login_user = dovenull
default_internal_user = dovecot
ssl = required
ssl_cert = <{chain}
ssl_key = <{chain}
disable_plaintext_auth = yes
auth_mechanisms = {mechanisms}
mail_location = maildir:{root}/mail/%u
first_valid_uid = 1
mail_uid = {uid}
mail_gid = {gid}
maildir_copy_with_hardlinks = no
service imap-login {{
  chroot =
  {imap_listeners}
}}
service pop3-login {{
  chroot =
  {pop3_listeners}
}}
# Nobody is made to wait for having been refused.
auth_failure_delay = 0
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
passdb {{
  driver = passwd-file
  args = username_format=anybody {root}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/mail/%u
}}
namespace inbox {{
  inbox = yes
}}
"""


class Dovecot:
    """One instance, running from entry to exit, with TLS required on all ports.

    It serves imap, imaps, pop3 and pop3s. Everybody is a user, with one password; `begin` makes a
    new one with an empty mailbox, which `deliver` puts messages into.
    """

    def __init__(
        self, certificate: ServerCertificate, *, mechanisms: tuple[str, ...] = ("plain",)
    ) -> None:
        self._program = find_part("dovecot")
        if os.geteuid() != 0:
            pytest.skip("Dovecot starts as root alone")
        self._certificate = certificate
        self._mechanisms = mechanisms
        self._ports = {name: ReservedPort() for name in _LISTENERS}
        self._root = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._delivered = 0
        self._users = 0

    @property
    def maildir(self) -> Path:
        """The user's INBOX."""
        return self._root / "mail" / self._user

    @property
    def _user(self) -> str:
        return f"ada.{self._users}@example.com"

    @property
    def log(self) -> str:
        """All that it has logged."""
        path = self._root / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def url(self, scheme: str) -> str:
        """The URL of the user's mailbox by one of the services."""
        return f"{scheme}://{self._user.replace('@', '%40')}@localhost:{self._ports[scheme].number}"

    def deliver(self, octets: bytes) -> None:
        """Put a message into the INBOX, behind those that are there."""
        self._delivered += 1
        path = self.maildir / "tmp" / f"{self._delivered:010d}.test"
        path.write_bytes(octets)
        shutil.chown(path, _MAIL_OWNER)
        # Dovecot numbers messages by the time of their file.
        os.utime(path, (1_600_000_000 + self._delivered,) * 2)
        path.rename(self.maildir / "new" / path.name)

    def make_folder(self, name: str) -> None:
        """Make an empty folder beside the INBOX; `name` is as IMAP has it."""
        for place in ("", "cur", "new", "tmp"):
            (self.maildir / f".{name}" / place).mkdir(mode=0o700)
            shutil.chown(self.maildir / f".{name}" / place, _MAIL_OWNER)

    def begin(self) -> None:
        """Make a new user, whose mailbox is empty."""
        self._users += 1
        self._delivered = 0
        for name in ("", "cur", "new", "tmp"):
            (self.maildir / name).mkdir(mode=0o700)
            shutil.chown(self.maildir / name, _MAIL_OWNER)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._process is not None:
                self._process.send_signal(signal.SIGTERM)
                try:
                    self._process.wait(timeout=20)
                finally:
                    self._process.kill()
                    self._process.wait()
        finally:
            for port in self._ports.values():
                port.close()
            shutil.rmtree(self._root, ignore_errors=True)

    def _start(self) -> None:
        root = self._root
        root.chmod(0o755)
        for name in ("run", "state", "mail"):
            (root / name).mkdir(mode=0o755)
        owner = pwd.getpwnam(_MAIL_OWNER)
        os.chown(root / "mail", owner.pw_uid, owner.pw_gid)
        self.begin()
        shutil.copy(self._certificate.chain_file, root / "chain.pem")
        (root / "users").write_text(f"anybody:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
        configuration = _CONFIGURATION.format(
            root=root,
            host=LOOPBACK,
            chain=root / "chain.pem",
            mechanisms=" ".join(self._mechanisms),
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            imap_listeners=self._listeners("imap", "imaps"),
            pop3_listeners=self._listeners("pop3", "pop3s"),
        )
        path = root / "dovecot.conf"
        path.write_text(configuration, encoding="utf-8")
        with (root / "start").open("wb") as log:
            self._process = subprocess.Popen(
                [self._program, "-F", "-c", path],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._greets, within=20, what="Dovecot's greeting", state=self._start_log)

    def _listeners(self, *names: str) -> str:
        return "\n".join(
            f"inet_listener {name} {{\n port = {self._ports[name].number}\n"
            f" ssl = {'yes' if _LISTENERS[name] else 'no'}\n}}"
            for name in names
        )

    def _greets(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"Dovecot ended at once:\n{self._start_log()}")
        try:
            for name in ("imap", "pop3"):
                with socket.create_connection(self._ports[name].address, timeout=5) as connection:
                    connection.recv(1)
        except OSError:
            return False
        return True

    def _start_log(self) -> str:
        return (self._root / "start").read_text(encoding="utf-8", errors="replace") + self.log
