"""A mail server to deliver to: aiosmtpd, inside the test's event loop, with replies on order."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiosmtpd.smtp import SMTP

from tests.parts.certificates import ServerCertificate
from tests.parts.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """What one transaction brought."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    is_sealed: bool


async def _take(_: ReceivedMessage) -> str:
    return "250 2.0.0 taken"


@dataclass(slots=True)
class Receiver:
    """A server on a free loopback port, or on `port` of `host`; an async context manager.

    With a `certificate` it offers STARTTLS, and takes mail in clear all the same. `on_recipient`
    and `on_message` give the replies; a `size_limit` of 0 is none. `messages` holds what came,
    refused or not. With `breaks_handshakes` it offers a TLS that nobody gets.
    """

    certificate: ServerCertificate | None = None
    host: str = LOOPBACK
    port: int = 0
    on_recipient: Callable[[str], str] = lambda _: "250 2.1.5 OK"
    on_message: Callable[[ReceivedMessage], Awaitable[str]] = _take
    size_limit: int = 0
    breaks_handshakes: bool = False
    messages: list[ReceivedMessage] = field(default_factory=list)
    connections: int = 0
    goodbyes: int = 0
    _server: asyncio.Server | None = None
    _sessions: list[Any] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        context = None
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate.chain_file)
            if self.breaks_handshakes:
                # In TLS 1.3 the client would not notice before it has said EHLO again.
                context.maximum_version = ssl.TLSVersion.TLSv1_2
                context.verify_mode = ssl.CERT_REQUIRED

        def accept() -> Any:
            self.connections += 1
            self._sessions.append(
                SMTP(
                    self,
                    hostname="receiver.test",
                    tls_context=context,
                    enable_SMTPUTF8=True,
                    data_size_limit=self.size_limit or None,
                )
            )
            return self._sessions[-1]

        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for session in self._sessions:
            # It may not have seen yet that its client is gone; the loop may end before it does.
            if session.transport is not None:
                session.transport.abort()

    # -- what aiosmtpd calls ----------------------------------------------------------------------

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        reply = self.on_recipient(address)
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_QUIT(self, _server: Any, _session: Any, _envelope: Any) -> str:
        self.goodbyes += 1
        return "221 2.0.0 Bye"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:
        message = ReceivedMessage(
            sender=envelope.mail_from,
            recipients=tuple(envelope.rcpt_tos),
            content=envelope.content,
            is_sealed=session.ssl is not None,
        )
        self.messages.append(message)
        return await self.on_message(message)
