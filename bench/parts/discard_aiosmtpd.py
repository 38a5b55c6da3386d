"""aiosmtpd as a server that takes all mail and keeps none.

Run as ``python -m bench.parts.discard_aiosmtpd [CHAIN_FILE]`` it prints {"port": N}. With a chain
file it speaks TLS from the first octet.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from typing import Any

from aiosmtpd.smtp import SMTP


class _Discard:
    async def handle_DATA(self, _server: Any, _session: Any, _envelope: Any) -> str:  # noqa: N802
        return "250 OK"


async def _run(chain_file: str | None) -> None:
    context = None
    if chain_file:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain_file)
    loop = asyncio.get_running_loop()

    def make() -> Any:
        # By default it refuses what a connection says beyond twenty commands of a kind.
        return SMTP(_Discard(), hostname="localhost", loop=loop, command_call_limit=None)

    server = await loop.create_server(make, "127.0.0.1", 0, ssl=context, backlog=1024)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1] if sys.argv[1:] else None))
