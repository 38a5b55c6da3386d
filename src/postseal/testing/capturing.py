"""Keeping the mail of a test in: while it lasts, no mailer reaches any server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from postseal.send.core import Core
from postseal.send.outgoing import Outgoing
from postseal.send.results import Delivery
from postseal.send.transport import Transport, Verification
from postseal.testing.outbox import Outbox

__all__ = ["captured_mail"]

_NAME = "transport"


@contextmanager
def captured_mail() -> Iterator[Outbox]:
    """Give the outbox in which all mail of this process ends up meanwhile.

    That holds for every `Mailer` and `AsyncMailer`, whatever its URL and whenever it was made; what
    they do with a message before it leaves, such as hooks and DKIM, they still do. Blocks may be
    within each other: the innermost has the mail.
    """
    outbox = Outbox()

    def get(core: Core) -> Transport:
        return _Diverted(outbox, vars(core)[_NAME])

    def keep(core: Core, transport: Transport) -> None:
        vars(core)[_NAME] = transport

    # A property of the class goes before what its instances hold, and gives way once it is gone.
    before = vars(Core).get(_NAME)
    setattr(Core, _NAME, property(get, keep))
    try:
        yield outbox
    finally:
        if before is None:
            delattr(Core, _NAME)
        else:
            setattr(Core, _NAME, before)


class _Diverted(Transport):
    """Takes messages in place of a transport, which is still to be closed in its time."""

    def __init__(self, outbox: Outbox, real: Transport) -> None:
        self._outbox = outbox
        self._real = real

    async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
        return await self._outbox.deliver(outgoing, deadline=deadline)

    async def verify(self, *, deadline: float) -> Verification:
        return await self._outbox.verify(deadline=deadline)

    async def close(self) -> None:
        await self._real.close()
