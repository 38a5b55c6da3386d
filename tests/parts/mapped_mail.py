"""The servers that the documentation names, on loopback: any program finds them there by name.

Whoever asks the system for one of the names, be it Postseal, smtplib or aiosmtplib, is told of
aiosmtpd on loopback instead, which wants a login under TLS. Other names do not exist. What is not
in Python asks `mapped_mail.rb`, beside this file.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import warnings
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from postseal.tls.contexts import client_context
from tests.parts.ports import LOOPBACK
from tests.parts.token_server import TokenServer
from tests.parts.web_authority import WebAuthority

PASSWORD = "enchantress"
_PROVIDERS = ("smtp.gmail.com", "smtp.office365.com", "email-smtp.eu-central-1.amazonaws.com")
_OWN = tuple(f"{name}.example.com" for name in ("mail", "relay", "relay2", "one", "two"))
_TOKENS = ("oauth2.googleapis.com", "login.microsoftonline.com")
_STARTTLS, _IMPLICIT, _CLEAR, _HTTPS = 587, 465, 1025, 443


@dataclass(slots=True)
class MappedMail:
    """What the servers saw: the messages, and the passwords and tokens that they were shown.

    `routes` leads from the names and ports of the pages to the ports on loopback.
    """

    ca_file: Path
    routes: dict[tuple[str, int], int] = field(default_factory=dict)
    messages: list[EmailMessage] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    @property
    def subjects(self) -> list[str]:
        return [message["Subject"] for message in self.messages]

    @property
    def files(self) -> list[str | None]:
        """The names of what is attached to the messages."""
        return [
            file.get_filename() for message in self.messages for file in message.iter_attachments()
        ]

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.messages.append(message_from_bytes(envelope.content, policy=default))
        return "250 2.0.0 taken"

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:
        token = b64decode(args[1]).decode().split("\x01")[1].removeprefix("auth=Bearer ")
        self.shown.append(token)
        if token.startswith("token-"):
            return AuthResult(success=True)
        await server.challenge_auth('{"status":"400"}')
        return AuthResult(success=False, handled=False)

    def authenticate(self, *given: object) -> AuthResult:
        assert isinstance(given[-1], LoginPassword)
        password = given[-1].password.decode()
        self.shown.append(password)
        return AuthResult(success=password == PASSWORD, handled=False)


@contextlib.contextmanager
def mapped_mail(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_trusted: bool = True,
    is_stripped: bool = False,
) -> Iterator[MappedMail]:
    """Run the servers in a thread, with an authority that the system trusts or does not.

    Where they are stripped, port 587 offers no STARTTLS and takes a login in clear.
    """
    authority = WebAuthority.create(directory)
    mail = MappedMail(directory / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.authority.issue_cert(*_OWN, *_PROVIDERS).configure_cert(context)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(mail.ca_file))
    with contextlib.ExitStack() as stack:
        ports = stack.enter_context(_aiosmtpd(mail, context, is_stripped=is_stripped))
        for name in (*_OWN, *_PROVIDERS):
            mail.routes.update({(name, port): there for port, there in ports.items()})
        mail.routes["localhost", _CLEAR] = ports[_CLEAR]
        for host in _TOKENS:
            tokens = stack.enter_context(TokenServer(authority, host))
            mail.routes[host, _HTTPS] = tokens.port
        monkeypatch.setattr(socket, "getaddrinfo", _finder(mail.routes))
        # Contexts are kept by what is trusted, and that is "the system" here as well.
        client_context.cache_clear()
        stack.callback(client_context.cache_clear)
        yield mail


def _finder(routes: dict[tuple[str, int], int]) -> Any:
    real = socket.getaddrinfo

    def find(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host in (None, LOOPBACK):
            return real(host, port, *arguments, **options)
        if (host, int(port)) not in routes:
            raise socket.gaierror(socket.EAI_NONAME, f"no server at {host}:{port}")
        address = (LOOPBACK, routes[host, int(port)])
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

    return find


class _Session(SMTP):
    """A session that keeps its transports: that of the connection, and that of STARTTLS."""

    def __init__(
        self, handler: object, transports: list[asyncio.Transport], **options: Any
    ) -> None:
        super().__init__(handler, **options)
        self._transports = transports

    def connection_made(self, transport: Any) -> None:
        self._transports.append(transport)
        super().connection_made(transport)


@contextlib.contextmanager
def _aiosmtpd(
    mail: MappedMail, context: ssl.SSLContext, *, is_stripped: bool
) -> Iterator[dict[int, int]]:
    """Run one for each port that mail is given to: with STARTTLS, under TLS, and in clear."""
    loop = asyncio.new_event_loop()
    ports = {}
    servers = []
    transports: list[asyncio.Transport] = []
    for port in (_STARTTLS, _IMPLICIT, _CLEAR):
        wants_tls = port == _STARTTLS and not is_stripped

        def make(*, wants_tls: bool = wants_tls) -> Any:
            with warnings.catch_warnings():
                # It does not know that TLS from the first octet is TLS, and warns of AUTH in clear.
                warnings.filterwarnings("ignore", category=UserWarning)
                return _Session(
                    mail,
                    transports,
                    hostname="aiosmtpd.test",
                    tls_context=context if wants_tls else None,
                    require_starttls=wants_tls,
                    authenticator=mail.authenticate,
                    auth_require_tls=wants_tls,
                    loop=loop,
                )

        sealed = context if port == _IMPLICIT else None
        server = loop.run_until_complete(loop.create_server(make, LOOPBACK, 0, ssl=sealed))
        servers.append(server)
        ports[port] = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield ports
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for server in servers:
            server.close()
        for transport in transports:
            transport.abort()
        while tasks := asyncio.all_tasks(loop):
            # They see that their clients are gone.
            loop.run_until_complete(asyncio.wait(tasks))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
