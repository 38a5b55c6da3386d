"""Servers that are not ours, as one interface: where they are, and whether they got a message."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import ssl
import warnings
from collections.abc import AsyncIterator, Container
from typing import Any, Protocol

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.parts.certificates import ServerCertificate
from tests.parts.node import NodeServer
from tests.parts.ports import LOOPBACK
from tests.parts.postfix import Postfix
from tests.parts.receiver import ReceivedMessage, Receiver
from tests.parts.waiting import wait_until


class Peer(Protocol):
    """A server that refuses recipients at `refused_domain` or named `no-...`, and no others."""

    port: int

    async def copies_of(self, content: bytes, *, recipients: int) -> int:
        """How many recipients have the message, octet for octet, once all should."""
        ...


class PostfixPeer:
    """Postfix, which writes one file for all recipients of a mailbox, with lines that end in LF."""

    def __init__(self, postfix: Postfix) -> None:
        self.port = postfix.port
        self._postfix = postfix

    async def copies_of(self, content: bytes, *, recipients: int) -> int:
        """Find the file that ends with the message, and count in the log who was served by it."""
        written = content.replace(b"\r\n", b"\n")

        def find() -> str | None:
            box = self._postfix.mailbox
            for file in box.iterdir() if box.is_dir() else ():
                if file.stat().st_size > len(written) and (octets := file.read_bytes()).endswith(
                    written
                ):
                    queue_id = re.search(rb"with \S+ id (\w+)", octets)
                    return queue_id[1].decode() if queue_id else None
            return None

        def served(queue_id: str) -> int:
            return len(re.findall(rf"{queue_id}: to=<.*status=sent", self._postfix.log))

        def wait() -> int:
            queue_id = wait_until(
                find, within=30, what="the message in Postfix's mailbox", state=self._log
            )
            wait_until(
                lambda: served(queue_id) >= recipients,
                within=30,
                what=f"{recipients} deliveries of {queue_id}",
                state=self._log,
            )
            return served(queue_id)

        return await asyncio.to_thread(wait)

    def _log(self) -> str:
        return self._postfix.log[-3000:]


class AiosmtpdPeer:
    """aiosmtpd in the test's own loop."""

    def __init__(self, receiver: Receiver) -> None:
        receiver.on_recipient = lambda one: "550 5.1.1 no" if one[:3] == "no-" else "250 2.1.5 OK"
        self.port = receiver.port
        self._receiver = receiver

    async def copies_of(self, content: bytes, *, recipients: int) -> int:
        """Look at what was kept; aiosmtpd replies after it was."""
        [message] = [one for one in self._receiver.messages if one.content == content]
        return len(message.recipients)


class NodePeer:
    """npm's smtp-server, which tells of a message by its SHA-256."""

    def __init__(self, server: NodeServer) -> None:
        self.port = server.port
        self._server = server

    async def copies_of(self, content: bytes, *, recipients: int) -> int:
        """Read what the server says of its next message."""
        message = await asyncio.to_thread(self._server.next_message)
        assert message.size == len(content)
        assert message.sha256 == hashlib.sha256(content).hexdigest()
        return len(message.recipients)


@contextlib.asynccontextmanager
async def aiosmtpd_with_auth(
    certificate: ServerCertificate, passwords: Container[str], *, implicit_tls: bool
) -> AsyncIterator[tuple[int, list[ReceivedMessage]]]:
    """Run aiosmtpd that wants "ada" and one of the passwords, under TLS; give its port and mail.

    The passwords are those of the moment at which a client logs in.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain_file)
    receiver = Receiver()

    def authenticate(
        _server: object, _session: object, _envelope: object, _mechanism: str, given: object
    ) -> Any:
        known = (
            isinstance(given, LoginPassword)
            and given.login == b"ada"
            and given.password.decode() in passwords
        )
        return AuthResult(success=known, auth_data="ada" if known else None, handled=False)

    def make() -> Any:
        with warnings.catch_warnings():
            # It does not know that TLS from the first octet is TLS, and warns of AUTH in clear.
            warnings.filterwarnings("ignore", category=UserWarning)
            return SMTP(
                receiver,
                hostname="aiosmtpd.test",
                tls_context=None if implicit_tls else context,
                require_starttls=not implicit_tls,
                authenticator=authenticate,
                auth_required=True,
                auth_require_tls=not implicit_tls,
            )

    server = await asyncio.get_running_loop().create_server(
        make, LOOPBACK, 0, ssl=context if implicit_tls else None
    )
    try:
        yield server.sockets[0].getsockname()[1], receiver.messages
    finally:
        server.close()
