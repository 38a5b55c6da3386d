"""One mailer for each configuration of a process, so that messages share connections.

Frameworks make an object for each message, or leave their workers nowhere to keep one. The mailers
here belong to the process: threads share them, a child that was forked begins with connections of
its own, and they say goodbye when the process ends.
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import Final

from postseal.frameworks.settings import MailerSettings
from postseal.send.mailer import Mailer

__all__ = ["close_shared_mailers", "shared_mailer"]

# More than any application has; what tests and tenants leave behind is closed in its turn.
_MAX_MAILERS: Final = 32


class _Shared:
    """The mailers, the one used last at the end."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.mailers: list[tuple[MailerSettings, Mailer]] = []


_shared: Final = _Shared()


def shared_mailer(settings: MailerSettings) -> Mailer:
    """Give the mailer of these settings, made when it is first asked for; do not close it.

    Raises what `Mailer` raises when it is made.
    """
    with _shared.lock:
        for place, (known, mailer) in enumerate(_shared.mailers):
            if known == settings:
                _shared.mailers.append(_shared.mailers.pop(place))
                return mailer
        mailer = settings.mailer()
        _shared.mailers.append((settings, mailer))
        old = _shared.mailers[:-_MAX_MAILERS]
        del _shared.mailers[:-_MAX_MAILERS]
    for _, one in old:
        # Who sends by it right now goes on: it opens what it needs.
        one.close()
    return mailer


def close_shared_mailers() -> None:
    """Say goodbye on all idle connections; whoever asks next gets new mailers."""
    with _shared.lock:
        mailers, _shared.mailers = _shared.mailers, []
    for _, mailer in mailers:
        mailer.close()


def _after_fork() -> None:
    # Another thread of the parent may have held it.
    _shared.lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(close_shared_mailers)
