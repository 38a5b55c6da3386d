"""Our server session as a server that takes all mail and keeps none.

Run as ``python -m bench.parts.discard [CHAIN_FILE implicit|starttls]`` it prints {"port": N}. It is
what the platform's listener is made of: `listen`, `ServerSession` and, under TLS, `SealedStream`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import sys
from functools import partial

from postseal.errors import MailError
from postseal.send.networks.aio import AsyncioStream, listen
from postseal.send.networks.network import Stream
from postseal.send.networks.sealed import SealedStream
from postseal.smtp import Reply, ServerSession
from postseal.smtp.events import (
    MailReceived,
    MessageReceived,
    RecipientReceived,
    SessionEnded,
    TLSRequested,
)
from postseal.smtp.rules import Offer, ServerRules
from postseal.tls import Channel, Opening, server_context

_OK = Reply(250, ("OK",), "2.0.0")
_QUESTIONS = (MailReceived, RecipientReceived, MessageReceived)
_PATIENCE = 300.0


async def _seal(stream: Stream, context: ssl.SSLContext, opening: Opening) -> SealedStream:
    channel = Channel.server(context, opening=opening)
    return await SealedStream.establish(
        stream, channel, asyncio.get_running_loop().time() + _PATIENCE
    )


class _Conversation:
    """A session whose every question is answered with 250."""

    def __init__(self, *, sealed: bool, starttls: Offer) -> None:
        rules = ServerRules("localhost", starttls=starttls, authentication=Offer.UNAVAILABLE)
        self.session = ServerSession(rules, sealed=sealed)
        self.asks_for_tls = False

    def hear(self, data: bytes) -> bytes | None:
        """Answer; None when TLS is asked for, or the end has come."""
        session = self.session
        if not data:
            return None
        session.receive(data)
        while (event := session.next_event()) is not None:
            if isinstance(event, _QUESTIONS):
                session.answer(_OK)
            elif isinstance(event, TLSRequested):
                self.asks_for_tls = True
                return None
            elif isinstance(event, SessionEnded):
                return None
        return session.data_to_send()


async def _converse(stream: Stream, context: ssl.SSLContext | None, opening: Opening) -> None:
    loop = asyncio.get_running_loop()
    sealed = context is not None and opening is Opening.IMPLICIT
    if context and sealed:
        stream = await _seal(stream, context, opening)
    offer = Offer.OFFERED if context and not sealed else Offer.UNAVAILABLE
    talk = _Conversation(sealed=sealed, starttls=offer)
    talk.session.greet()
    while True:
        await stream.write(talk.session.data_to_send(), loop.time() + _PATIENCE)
        await stream.attend(talk.hear, lambda: loop.time() + _PATIENCE)
        if not (talk.asks_for_tls and context):
            await stream.write(talk.session.data_to_send(), loop.time() + _PATIENCE)
            return
        talk.asks_for_tls = False
        await stream.write(talk.session.data_to_send(), loop.time() + _PATIENCE)
        stream = await _seal(stream, context, opening)
        talk.session.tls_established()


async def _serve(
    context: ssl.SSLContext | None, opening: Opening, connection: AsyncioStream
) -> None:
    with contextlib.closing(connection), contextlib.suppress(MailError):
        await _converse(connection, context, opening)


async def _run(chain_file: str | None, opening: Opening) -> None:
    context = server_context(chain_file, chain_file) if chain_file else None
    server = await listen("127.0.0.1", 0, partial(_serve, context, opening))
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:]:
        asyncio.run(_run(sys.argv[1], Opening(sys.argv[2])))
    else:
        asyncio.run(_run(None, Opening.STARTTLS))
