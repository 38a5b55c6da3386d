"""Serving the application inside an event loop that belongs to somebody else."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import h11
import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from postseal.errors import ConnectError

__all__ = ["WebServer", "serve_web"]

_MAX_CONNECTIONS: Final = 200
_MAX_REQUEST_HEAD: Final = 32 * 1024
_HEAD_SECONDS: Final = 20.0
_STALLED_SECONDS: Final = 60.0
_GOODBYE_SECONDS: Final = 5
# A proxy on this host may say whom it speaks for, and whether over HTTPS.
_TRUSTED_PROXIES: Final = ["127.0.0.1", "::1"]


class WebServer:
    """An application that is being served; made by `serve_web`."""

    def __init__(self, server: _Server, task: asyncio.Task[None], listening: socket.socket) -> None:
        self._server = server
        self._task = task
        self.host, self.port = listening.getsockname()[:2]

    async def wait_closed(self) -> None:
        """Wait until the server has ended; raise what ended it, if that was not `close`."""
        await asyncio.shield(self._task)

    async def close(self) -> None:
        """Take no more connections, let the answers under way end (5 seconds), and end."""
        self._server.should_exit = True
        await self.wait_closed()


async def serve_web(app: ASGIApp, *, host: str, port: int) -> WebServer:
    """Listen on the IP address `host` and serve `app`; return once connections are taken.

    `port` 0 lets the system choose; the result has the port in use. No signal handler is
    installed. Raises `ConnectError` when the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=_MAX_CONNECTIONS)
    except OSError as error:
        raise ConnectError(
            f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}",
            hint="Change `web.address` or `web.port`, or stop what listens there.",
        ) from error
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=_TRUSTED_PROXIES,
        limit_concurrency=_MAX_CONNECTIONS,
        h11_max_incomplete_event_size=_MAX_REQUEST_HEAD,
        timeout_graceful_shutdown=_GOODBYE_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]), name="web")
    started = asyncio.create_task(server.is_serving.wait())
    await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        started.cancel()
        listening.close()
        task.result()
    return WebServer(server, task, listening)


class _Server(uvicorn.Server):
    """uvicorn's server, except that it says when it serves and leaves signals to their owner."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_serving = asyncio.Event()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_serving.set()

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(H11Protocol):
    """HTTP/1.1 with the deadlines that uvicorn lacks: for a request's head, and for its reader."""

    _head_due: asyncio.TimerHandle | None = None
    _reader_due: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._expect_head()
        elif self._head_due:
            self._head_due.cancel()
            self._head_due = None

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader_due = self.loop.call_later(_STALLED_SECONDS, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reader_due:
            self._reader_due.cancel()
            self._reader_due = None

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        for due in (self._head_due, self._reader_due):
            if due:
                due.cancel()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._head_due is None:
            self._head_due = self.loop.call_later(_HEAD_SECONDS, self.transport.abort)
