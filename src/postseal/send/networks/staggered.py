"""Several addresses of one host for blocking code: a race of sockets, watched by one `poll`.

Source: RFC 8305 5.
"""

from __future__ import annotations

import errno
import math
import os
import select
import socket
import time
from collections import deque
from collections.abc import Iterable
from typing import Final

from postseal.send.networks.happy_eyeballs import ATTEMPT_DELAY
from postseal.send.networks.lookup import Place

__all__ = ["connect_first"]

_UNDER_WAY: Final = (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY)


def connect_first(
    places: Iterable[Place], *, deadline: float, local_address: str | None = None
) -> socket.socket:
    """Begin connections one after the other, and give the first that is made.

    The next begins when one has failed, or when `ATTEMPT_DELAY` has passed. `deadline` is on
    `time.monotonic`. Raises `TimeoutError` when it passes, and otherwise the first `OSError`.
    """
    waiting = deque(places)
    running: dict[int, socket.socket] = {}
    failures: list[OSError] = []
    poll = select.poll()
    try:
        while waiting or running:
            if waiting:
                try:
                    begun, is_made = _begin(waiting.popleft(), local_address)
                except OSError as error:
                    failures.append(error)
                    continue
                if is_made:
                    return begun
                running[begun.fileno()] = begun
                poll.register(begun, select.POLLOUT)
            for number in _ready(poll, deadline, is_alone=not waiting):
                poll.unregister(number)
                ended = running.pop(number)
                if not (code := ended.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                    return ended
                ended.close()
                failures.append(OSError(code, os.strerror(code)))
        raise failures[0] if failures else OSError("the host has no address")
    finally:
        for left in running.values():
            left.close()


def _begin(place: Place, local_address: str | None) -> tuple[socket.socket, bool]:
    connection = socket.socket(place.family, place.kind, place.protocol)
    try:
        connection.setblocking(False)
        if local_address is not None:
            connection.bind((local_address, 0))
        code = connection.connect_ex(place.address)
        if code and code not in _UNDER_WAY:
            raise OSError(code, os.strerror(code))
    except BaseException:
        connection.close()
        raise
    return connection, not code


def _ready(poll: select.poll, deadline: float, *, is_alone: bool) -> list[int]:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    patience = left if is_alone else min(left, ATTEMPT_DELAY)
    return [number for number, _ in poll.poll(math.ceil(patience * 1000))]
