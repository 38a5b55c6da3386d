"""Connections kept ready between messages: a thread or a task that tends a transport."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from postseal.errors import MailError
from postseal.send.networks.blocking import run

if TYPE_CHECKING:
    from postseal.send.networks.network import Network
    from postseal.send.transport import Transport

__all__ = ["KeptByThread", "keep_ready"]

# Seconds between two looks at the connections that are kept.
_INTERVAL: Final = 1.0
# A thread that is still connecting somewhere is not waited for any longer.
_PATIENCE: Final = 5.0

_log: Final = logging.getLogger("postseal.send")


async def keep_ready(network: Network, transport: Transport) -> None:
    """Tend a transport for ever; for a task, which is cancelled in the end."""
    while True:
        await _tend(transport)
        await network.sleep(_INTERVAL)


async def _tend(transport: Transport) -> None:
    try:
        await transport.tend()
    except MailError as error:
        # Whoever sends a message is told; here nobody waits for an answer.
        _log.debug("no connection could be kept ready: %s", error)


class KeptByThread:
    """Tends a transport from a thread of its own, from the first `ensure` to `stop`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def ensure(self) -> None:
        """Begin, or begin again where a fork has left the thread behind."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._lock:
            if self._stopped.is_set() or (self._thread and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._work, name="postseal-pool", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, and wait a few seconds for what is under way."""
        self._stopped.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE)

    def _work(self) -> None:
        while not self._stopped.is_set():
            run(_tend(self._transport))
            self._stopped.wait(_INTERVAL)
