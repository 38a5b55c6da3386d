"""Classes with the names and methods of `smtplib`, for old code: change the import, and no more.

Where smtplib verifies nobody, these do: STARTTLS and TLS from the first octet ask for a certificate
of a trusted authority with the right name, `login` gives a password to no one else, and without
`starttls` the way is sealed all the same where the server offers it. Errors are smtplib's own, with
Postseal's as their cause.
"""

from __future__ import annotations

import atexit
import os
import re
import smtplib
import ssl
import time
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final, Self, TypeAlias
from urllib.parse import quote

from postseal.address import Address, is_loopback
from postseal.errors import InvalidSetting
from postseal.frameworks.smtplib_errors import refused, translating
from postseal.mail.envelope import Envelope
from postseal.secrets.opaque import Secret
from postseal.send.endpoint import Endpoint
from postseal.send.networks.blocking import BlockingNetwork, run
from postseal.send.networks.network import IPAddress
from postseal.send.outgoing import Outgoing
from postseal.send.session.connection import Connection
from postseal.send.session.connection_options import ConnectionOptions
from postseal.send.session.transaction import deliver
from postseal.send.timeouts import Timeouts
from postseal.smtp.commands import Noop
from postseal.tls.levels import TLSLevel
from postseal.tls.trust import Trust

__all__ = ["SMTP", "SMTP_SSL"]

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
# What the engine says by itself where the message needs it.
_OWN_OPTIONS: Final = ("BODY=8BITMIME", "BODY=7BIT", "SMTPUTF8", "SIZE=")
_SourceAddress: TypeAlias = tuple[bytearray | bytes | str, int]
_ACCEPTED: Final = (250, b"OK")


class SMTP(smtplib.SMTP):
    """A connection as `smtplib.SMTP` has it; `trust` says whom to take besides the system's.

    Each of `connect`, `starttls` and `login` opens a connection of its own, for a session that has
    begun in clear is not made safe by going on: use a `Mailer` to have one. Single commands, such
    as `docmd`, `rcpt` and `auth`, raise `SMTPNotSupportedError`. `set_debuglevel` shows nothing;
    the logger `postseal.send` has the dialogue at DEBUG.
    """

    _is_implicit = False

    def __init__(
        self,
        host: str = "",
        port: int = 0,
        local_hostname: str | None = None,
        timeout: float | None = None,
        source_address: _SourceAddress | None = None,
        *,
        trust: Trust | None = None,
    ) -> None:
        # Not that of smtplib: it asks the DNS for a name, and connects in its own way.
        self.esmtp_features = {}
        self.does_esmtp = True
        self.ehlo_resp = self.helo_resp = None
        self.local_hostname = local_hostname or ""
        self.timeout = 0.0 if timeout is None else timeout
        self._from = _local_address(source_address)
        self._trust = trust or Trust.system()
        self._timeouts = Timeouts() if timeout is None else _every_step(timeout)
        self._connection: Connection | None = None
        self._has_started_tls = False
        self._place = ("localhost", self.default_port)
        if host:
            self.connect(host, port)

    def connect(  # type: ignore[override]  # a buffer's type has no name
        self,
        host: str = "localhost",
        port: int = 0,
        source_address: _SourceAddress | None = None,
    ) -> tuple[int, bytes]:
        """Connect, and seal the way where the server offers it."""
        name, colon, number = host.rpartition(":")
        if not port and colon and host.count(":") == 1 and number.isdigit():
            host, port = name, int(number)
        self._from = _local_address(source_address) or self._from
        self._place = (host, port or self.default_port)
        self._has_started_tls = False
        self._open("smtps" if self._is_implicit else "smtp+opportunistic")
        return 220, host.encode("utf-8", "replace")

    def starttls(  # type: ignore[override]  # typeshed differs by version
        self,
        keyfile: str | None = None,
        certfile: str | None = None,
        context: ssl.SSLContext | None = None,
    ) -> tuple[int, bytes]:
        """Require TLS with a verified server from here on.

        Of a `context` the authorities are taken; one that verifies nobody raises `InvalidSetting`.
        `certfile` and `keyfile` are what the client shows.
        """
        if self._is_implicit:
            raise smtplib.SMTPNotSupportedError("STARTTLS has no place in a session under TLS")
        if context is not None:
            self._trust = _trust_of(context)
        if certfile is not None:
            self._trust = self._trust.with_client_certificate(certfile, keyfile or certfile)
        self._has_started_tls = True
        self._open("smtp")
        return 220, b"Ready to start TLS"

    def login(
        self, user: str, password: str, *, initial_response_ok: bool = True
    ) -> tuple[int, bytes]:
        """Authenticate, by the strongest mechanism that both sides know.

        Without `starttls`, TLS is required all the same, unless the server is on this machine.
        """
        host, _ = self._place
        is_local = host == "localhost" or is_loopback(host)
        scheme = "smtps" if self._is_implicit else "smtp"
        if is_local and not (self._is_implicit or self._has_started_tls):
            scheme = "smtp+insecure"
        self._open(scheme, user=user, password=Secret(password))
        return 235, b"Authentication succeeded"

    def sendmail(  # type: ignore[override]  # its type of buffers has no name
        self,
        from_addr: str,
        to_addrs: str | Sequence[str],
        msg: bytes | bytearray | str,
        mail_options: Sequence[str] = (),
        rcpt_options: Sequence[str] = (),
    ) -> dict[str, tuple[int, bytes]]:
        """Send a message; give the recipients who were refused, as smtplib does."""
        self._check_options(mail_options, rcpt_options)
        octets = msg.encode("ascii") if isinstance(msg, str) else bytes(msg)
        content = _LINE_END.sub(b"\r\n", octets)
        recipients = [to_addrs] if isinstance(to_addrs, str) else list(to_addrs)
        header = content.partition(b"\r\n\r\n")[0]
        connection = self._connected()
        with translating():
            outgoing = Outgoing(
                envelope=Envelope(_address(from_addr), tuple(map(Address.parse, recipients))),
                content=(content,),
                size=len(content),
                is_8bit=not content.isascii(),
                is_internationalized=not header.isascii() or "SMTPUTF8" in mail_options,
            )
            delivery = run(deliver(connection, outgoing, deadline=self._due()))
        return refused(delivery, sender=from_addr, given=recipients)

    def ehlo(self, name: str = "") -> tuple[int, bytes]:
        """Give what the server has offered; it was greeted already."""
        self._connected()
        return 250, self.ehlo_resp or b""

    def helo(self, name: str = "") -> tuple[int, bytes]:
        """Do as `ehlo` does."""
        return self.ehlo(name)

    def ehlo_or_helo_if_needed(self) -> None:
        """Check that there is a connection; the server was greeted when it was made."""
        self._connected()

    def noop(self) -> tuple[int, bytes]:
        """Ask for a sign of life."""
        connection = self._connected()
        with translating():
            reply = run(connection.ask(Noop(), deadline=self._due()))
        return reply.code, reply.text.encode()

    def rset(self) -> tuple[int, bytes]:
        """Answer that nothing is begun: every message is a transaction that has come to its end."""
        self._connected()
        return _ACCEPTED

    def quit(self) -> tuple[int, bytes]:
        """Say goodbye."""
        connection = self._connected()
        self._connection = None
        run(connection.quit(deadline=self._due()))
        return 221, b"Bye"

    def close(self) -> None:
        """Close without a word."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def send(self, s: object) -> None:
        """Refuse to say single commands: the engine says what is in order."""
        raise smtplib.SMTPNotSupportedError(
            "single commands are not said here; use sendmail or send_message"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None and self._connection.is_open:
            self.quit()
        else:
            self.close()

    def _open(self, scheme: str, *, user: str = "", password: Secret | None = None) -> None:
        self.close()
        host, port = self._place
        place = f"[{host}]" if ":" in host else host
        who = f"{quote(user, safe='')}@" if user else ""
        network = BlockingNetwork(local_address=self._from)
        with translating():
            endpoint = Endpoint.parse(f"{scheme}://{who}{place}:{port}")
            is_verified = endpoint.level >= TLSLevel.AUTHENTICATED
            options = ConnectionOptions(
                trust=self._trust if is_verified else Trust.system(),
                local_name=self.local_hostname or None,
                timeouts=self._timeouts,
                password=password,
            )
            opening = Connection.open(network, endpoint, options, deadline=self._due())
            connection = self._connection = run(opening)
        offered = connection.extensions.parameters
        self.esmtp_features = {name.lower(): value for name, value in offered.items()}
        if connection.tls.level > TLSLevel.NONE and not is_verified:
            # Old code asks for it before it calls `starttls`.
            self.esmtp_features["starttls"] = ""
        lines = (host, *(f"{name} {value}".strip() for name, value in offered.items()))
        self.ehlo_resp = "\n".join(lines).encode()

    def _connected(self) -> Connection:
        if self._connection is None or not self._connection.is_open:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        return self._connection

    def _check_options(self, mail: Sequence[str], rcpt: Sequence[str]) -> None:
        for option in (*mail, *rcpt):
            if not option.upper().startswith(_OWN_OPTIONS):
                raise smtplib.SMTPNotSupportedError(
                    f"{option!a} cannot be asked for here; a Mailer takes DeliveryOptions"
                )

    def _due(self) -> float:
        return time.monotonic() + self._timeouts.total


class SMTP_SSL(SMTP):  # noqa: N801  # as smtplib calls it
    """A connection that is under TLS from the first octet, as `smtplib.SMTP_SSL` has it."""

    default_port = smtplib.SMTP_SSL_PORT
    _is_implicit = True

    def __init__(
        self,
        host: str = "",
        port: int = 0,
        local_hostname: str | None = None,
        keyfile: str | None = None,
        certfile: str | None = None,
        timeout: float | None = None,
        source_address: _SourceAddress | None = None,
        context: ssl.SSLContext | None = None,
        *,
        trust: Trust | None = None,
    ) -> None:
        if context is not None:
            trust = _trust_of(context)
        if certfile is not None:
            trust = (trust or Trust.system()).with_client_certificate(certfile, keyfile or certfile)
        super().__init__(host, port, local_hostname, timeout, source_address, trust=trust)


def _trust_of(context: ssl.SSLContext) -> Trust:
    """Read from a context whom it trusts: the authorities that it has, or the system's."""
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise InvalidSetting(
            "the SSL context does not verify the server",
            hint="Leave it out, or give trust=Trust.only(file) for an authority of your own.",
        )
    authorities = context.get_ca_certs(binary_form=True)
    if not authorities:
        return Trust.system()
    pem = "".join(map(ssl.DER_cert_to_PEM_cert, authorities)).encode()
    # By its content: the contexts of a trust are kept, and so are the files they were made of.
    path = _folder() / f"{sha256(pem).hexdigest()}.pem"
    if not path.exists():
        path.write_bytes(pem)
    return Trust.only(path)


@cache
def _folder() -> Path:
    folder = Path(mkdtemp(prefix="postseal-authorities-"))
    atexit.register(_remove, folder, owner=os.getpid())
    return folder


def _remove(folder: Path, *, owner: int) -> None:
    # A process that was forked has it from its parent, which still needs it.
    if os.getpid() == owner:
        rmtree(folder, ignore_errors=True)


def _every_step(timeout: float) -> Timeouts:
    return Timeouts(
        connect=timeout,
        greeting=timeout,
        handshake=timeout,
        command=timeout,
        body_block=timeout,
        end_of_data=timeout,
    )


def _local_address(given: _SourceAddress | None) -> IPAddress | None:
    # Empty stands for any, and its port is the system's choice in any case.
    return ip_address(str(given[0])) if given and given[0] else None


def _address(text: str) -> Address | None:
    # The null reverse-path of bounces (RFC 5321 4.5.5).
    return Address.parse(text) if text.strip("<>") else None
