"""Ways for messages to leave that are no servers: a program, a directory, a terminal, memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.send.transports.console import Console
    from postseal.send.transports.directory import Directory, read_stored, stored_messages
    from postseal.send.transports.memory import Outbox, outbox
    from postseal.send.transports.schemes import LOCAL_SCHEMES, local_transport
    from postseal.send.transports.sendmail import Sendmail
    from postseal.send.transports.stored import StoredMessage
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.send.transports.console": ("Console",),
            "postseal.send.transports.directory": ("Directory", "read_stored", "stored_messages"),
            "postseal.send.transports.memory": ("Outbox", "outbox"),
            "postseal.send.transports.schemes": ("LOCAL_SCHEMES", "local_transport"),
            "postseal.send.transports.sendmail": ("Sendmail",),
            "postseal.send.transports.stored": ("StoredMessage",),
        },
    )

__all__ = [
    "LOCAL_SCHEMES",
    "Console",
    "Directory",
    "Outbox",
    "Sendmail",
    "StoredMessage",
    "local_transport",
    "outbox",
    "read_stored",
    "stored_messages",
]
