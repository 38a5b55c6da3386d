"""TLS sessions kept for the next connection, apart for each endpoint and policy."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Final

from postseal.tls import ResumableSession

__all__ = ["SessionCache"]

_MAX_SCOPES: Final = 1000
_MAX_SESSIONS_EACH: Final = 4


class SessionCache:
    """Sessions by scope: whatever made them trustworthy, from the host to the last option.

    Scopes are compared as a whole, so that a session gained under one policy is not even seen
    under another. Each session is given away once, the newest first. At most a thousand scopes
    with four sessions each are kept; those used longest ago give way. For any number of threads.
    `clock` gives seconds since the epoch.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._scopes: OrderedDict[Hashable, deque[ResumableSession]] = OrderedDict()

    def take(self, scope: Hashable) -> ResumableSession | None:
        """Give a session away, if there is one that has not expired."""
        now = self._clock()
        with self._lock:
            sessions = self._scopes.get(scope)
            while sessions:
                session = sessions.pop()
                if now < session.expires:
                    return session
            self._scopes.pop(scope, None)
        return None

    def has_room(self, scope: Hashable) -> bool:
        """Tell whether another session would be of use; to get one costs time."""
        with self._lock:
            return len(self._scopes.get(scope, ())) < _MAX_SESSIONS_EACH

    def keep(self, scope: Hashable, session: ResumableSession) -> None:
        """Keep a session for the next connection of this scope."""
        with self._lock:
            sessions = self._scopes.setdefault(scope, deque(maxlen=_MAX_SESSIONS_EACH))
            sessions.append(session)
            self._scopes.move_to_end(scope)
            if len(self._scopes) > _MAX_SCOPES:
                self._scopes.popitem(last=False)
