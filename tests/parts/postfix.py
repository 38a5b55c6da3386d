"""A real Postfix of the test's own: its own configuration, queue, port and mailbox, and no DNS.

It lives in a directory of its own rather than under pytest's, which only root may enter: Postfix
delivers as an unprivileged user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from tests.conftest import find_part
from tests.parts.certificates import ServerCertificate
from tests.parts.ports import LOOPBACK, ReservedPort
from tests.parts.waiting import wait_until

_MAIL_OWNER = "nobody"
_MESSAGE_SIZE_LIMIT = 16 * 1024 * 1024

_MAIN = """\
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
maillog_file = {root}/log/mail.log
maillog_file_prefixes = {root}/log
inet_protocols = ipv4
myhostname = postfix.test
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =

# Mail for our domains goes into one Maildir; mail for all others goes nowhere.
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
default_transport = error:this instance delivers to its own domains alone
smtpd_relay_restrictions = reject_unauth_destination

# No name is looked up, no client is slowed down.
disable_dns_lookups = yes
smtpd_peername_lookup = no
in_flow_delay = 0
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_authorized_xclient_hosts = 127.0.0.0/8
notify_classes =
message_size_limit = {message_size_limit}

smtpd_tls_security_level = {security_level}
smtpd_tls_chain_files = {chain_files}
smtpd_tls_wrappermode = {wrappermode}
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1

smtpd_discard_ehlo_keywords = {hidden_extensions}
"""

# Users, by Cyrus SASL and a password file of its own; who has not logged in may do nothing.
_SASL_REALM = "postfix.test"
_SASL_MAIN = """\

smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {root}/etc/sasl
smtpd_sasl_local_domain = {realm}
smtpd_sasl_security_options = noanonymous
smtpd_tls_auth_only = yes
smtpd_client_restrictions = permit_sasl_authenticated, reject
"""
_SASL_CONF = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {root}/etc/sasl/sasldb2
mech_list: {mechanisms}
"""

# No chroot (fifth column), and only the services that taking mail and keeping it needs.
_MASTER = """\
{host}:{port} inet n - n - - smtpd
pickup     unix       n - n 60    1 pickup
cleanup    unix       n - n -     0 cleanup
qmgr       unix       n - n 300   1 qmgr
tlsmgr     unix       - - n 1000? 1 tlsmgr
rewrite    unix       - - n -     - trivial-rewrite
bounce     unix       - - n -     0 bounce
defer      unix       - - n -     0 bounce
trace      unix       - - n -     0 bounce
verify     unix       - - n -     1 verify
flush      unix       n - n 1000? 0 flush
proxymap   unix       - - n -     - proxymap
error      unix       - - n -     - error
retry      unix       - - n -     - error
virtual    unix       - n n -     - virtual
anvil      unix       - - n -     1 anvil
postlog    unix-dgram n - n -     1 postlogd
"""


@dataclass(frozen=True, slots=True)
class SaslUser:
    """Whom a Postfix knows, and the SASL mechanisms by which they may log in."""

    name: str
    password: str
    mechanisms: tuple[str, ...]


class Postfix:
    """One instance, prepared on entry, running between `start` and `stop`, removed on exit.

    With a certificate it requires TLS (`smtpd_tls_security_level=encrypt`), from the first octet
    where `implicit_tls` says so; without one it offers none. With a `user` it takes mail from that
    one alone, and never their password in clear. It does not offer its `hidden_extensions`. Its
    port is known from the beginning and refuses connections while it is not running.
    """

    def __init__(
        self,
        *,
        certificate: ServerCertificate | None,
        domains: tuple[str, ...] = ("example.org",),
        implicit_tls: bool = False,
        user: SaslUser | None = None,
        hidden_extensions: tuple[str, ...] = (),
    ) -> None:
        program = find_part("postfix")
        if user is not None:
            find_part("saslpasswd2")
        if os.geteuid() != 0:
            pytest.skip("Postfix starts as root alone")
        self._programs = program.parent
        self._certificate = certificate
        self._domains = domains
        self._implicit_tls = implicit_tls
        self._user = user
        self._hidden_extensions = hidden_extensions
        self._port = ReservedPort()
        self._root = Path(tempfile.mkdtemp(prefix="postfix-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Where it listens, or will."""
        return self._port.number

    @property
    def configuration(self) -> Path:
        """The directory that its own programs are told by -C."""
        return self._root / "etc"

    @property
    def log(self) -> str:
        """All that it has logged."""
        path = self._root / "log" / "mail.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    @property
    def mailbox(self) -> Path:
        """The Maildir's folder of delivered messages; it appears with the first of them."""
        return self._root / "mail" / "inbox" / "new"

    def stored(self) -> list[bytes]:
        """The delivered messages as Postfix wrote them (with LF line ends), oldest first."""
        if not self.mailbox.is_dir():
            return []
        files = sorted(self.mailbox.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        return [path.read_bytes() for path in files]

    def wait_for_messages(self, count: int, *, within: float = 30) -> list[bytes]:
        """Wait until at least `count` messages are in the mailbox; return them all."""
        wait_until(
            lambda: self.mailbox.is_dir() and len(list(self.mailbox.iterdir())) >= count,
            within=within,
            what=f"{count} messages in Postfix's mailbox",
            state=lambda: self.log[-4000:],
        )
        return self.stored()

    def set_password(self, password: str) -> None:
        """Give its user another password, which counts from the next login on."""
        assert self._user is not None, "it has no user"
        users = self._root / "etc" / "sasl" / "sasldb2"
        # -p reads the password from standard input, -c makes the user.
        subprocess.run(
            [find_part("saslpasswd2"), "-p", "-c", "-f", users, "-u", _SASL_REALM, self._user.name],
            input=password.encode(),
            check=True,
            timeout=30,
        )
        shutil.chown(users, "postfix")

    def start(self) -> None:
        """Run the master process and return when it greets."""
        assert self._process is None, "it runs already"
        arguments = [str(self._programs / "postfix"), "-c", str(self._root / "etc"), "start-fg"]
        with (self._root / "log" / "start").open("ab") as log:
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(self._greets, within=20, what="Postfix's greeting", state=self._start_log)

    def stop(self) -> None:
        """End the master and, through it, its children; mail and log stay."""
        if self._process is None:
            return
        # The child is a shell script that waits for the master: it is the master that we tell.
        if self._pid_file.exists() and self._process.poll() is None:
            os.kill(int(self._pid_file.read_text(encoding="ascii")), signal.SIGTERM)
        try:
            self._process.wait(timeout=20)
        finally:
            self._process.kill()
            self._process.wait()
            self._process = None
        # The master's children share its listening socket, and outlive it by a moment.
        wait_until(self._refuses, within=10, what="the end of Postfix's last process")

    def __enter__(self) -> Self:
        try:
            self._prepare()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self._remove()

    def _prepare(self) -> None:
        root = self._root
        root.chmod(0o711)
        for name in ("etc", "queue", "data", "log", "mail"):
            (root / name).mkdir(mode=0o755)
        owner = pwd.getpwnam(_MAIL_OWNER)
        os.chown(root / "mail", owner.pw_uid, owner.pw_gid)
        shutil.chown(root / "data", "postfix")
        (root / "data").chmod(0o700)
        chain_files = ""
        if self._certificate:
            shutil.copy(self._certificate.chain_file, root / "etc" / "chain.pem")
            chain_files = str(root / "etc" / "chain.pem")
        main = _MAIN.format(
            root=root,
            domains=", ".join(self._domains),
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            message_size_limit=_MESSAGE_SIZE_LIMIT,
            security_level="encrypt" if self._certificate else "none",
            chain_files=chain_files,
            wrappermode="yes" if self._implicit_tls else "no",
            hidden_extensions=", ".join(self._hidden_extensions),
        )
        if self._user:
            main += _SASL_MAIN.format(root=root, realm=_SASL_REALM)
            self._prepare_user(self._user)
        (root / "etc" / "main.cf").write_text(main, encoding="utf-8")
        master = _MASTER.format(host=LOOPBACK, port=self.port)
        (root / "etc" / "master.cf").write_text(master, encoding="utf-8")

    def _prepare_user(self, user: SaslUser) -> None:
        folder = self._root / "etc" / "sasl"
        folder.mkdir()
        configuration = _SASL_CONF.format(root=self._root, mechanisms=" ".join(user.mechanisms))
        (folder / "smtpd.conf").write_text(configuration, encoding="utf-8")
        self.set_password(user.password)

    @property
    def _pid_file(self) -> Path:
        return self._root / "queue" / "pid" / "master.pid"

    def _greets(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"Postfix ended at once:\n{self._start_log()}")
        try:
            if self._implicit_tls:
                # Whether the certificate is good is what the clients under test are asked.
                context = ssl._create_unverified_context()
                smtplib.SMTP_SSL(LOOPBACK, self.port, timeout=5, context=context).quit()
            else:
                smtplib.SMTP(LOOPBACK, self.port, timeout=5).quit()
        except (OSError, smtplib.SMTPException):
            return False
        return True

    def _refuses(self) -> bool:
        try:
            socket.create_connection(self._port.address, timeout=5).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return False

    def _start_log(self) -> str:
        return (self._root / "log" / "start").read_text(encoding="utf-8") + self.log

    def _remove(self) -> None:
        self._port.close()
        shutil.rmtree(self._root, ignore_errors=True)
