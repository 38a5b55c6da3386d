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
from postseal.send.aio import AsyncioStream, listen
from postseal.send.network import Stream
from postseal.send.sealed import SealedStream
from postseal.smtp import Reply, ServerSession
from postseal.smtp.events import MailReceived, MessageReceived, RecipientReceived, TLSRequested
from postseal.smtp.rules import Offer, ServerRules
from postseal.tls import Channel, Opening, server_context

_OK = Reply(250, ("OK",), "2.0.0")
_PATIENCE = 300.0


async def _seal(stream: Stream, context: ssl.SSLContext, opening: Opening) -> SealedStream:
    channel = Channel.server(context, opening=opening)
    return await SealedStream.establish(
        stream, channel, asyncio.get_running_loop().time() + _PATIENCE
    )


async def _converse(stream: Stream, context: ssl.SSLContext | None, opening: Opening) -> None:
    loop = asyncio.get_running_loop()
    sealed = context is not None and opening is Opening.IMPLICIT
    offer = Offer.OFFERED if context and not sealed else Offer.UNAVAILABLE
    rules = ServerRules("localhost", starttls=offer, authentication=Offer.UNAVAILABLE)
    if context and sealed:
        stream = await _seal(stream, context, opening)
    session = ServerSession(rules, sealed=sealed)
    session.greet()
    data = session.data_to_send()
    while True:
        if data:
            await stream.write(data, loop.time() + _PATIENCE)
        received = await stream.read(loop.time() + _PATIENCE)
        if not received:
            return
        session.receive(received)
        while (event := session.next_event()) is not None:
            if isinstance(event, MailReceived | RecipientReceived | MessageReceived):
                session.answer(_OK)
            elif isinstance(event, TLSRequested) and context:
                await stream.write(session.data_to_send(), loop.time() + _PATIENCE)
                stream = await _seal(stream, context, opening)
                session.tls_established()
        data = session.data_to_send()


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
