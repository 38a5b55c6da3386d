"""Whatever a mailbox server says, its messages are read or a MailError in one printable line ends
the session, which has then been closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fuzz.chunks import flights
from postseal.errors import MailError
from postseal.retrieve import Afterwards, Criteria, Retriever
from postseal.send.networks.blocking import BlockingNetwork
from postseal.send.networks.network import IPAddress, Stream

__all__ = ["run"]

_SCHEMES: Final = ("imap", "pop3")
# Stands for the tag of the command that waits for its answer, which nobody can know beforehand.
_TAG: Final = b"TAG"
_MOST: Final = 4096


def run(data: bytes) -> None:
    """Check the invariant; the first octet chooses the protocol."""
    scheme = _SCHEMES[data[0] % 2] if data else "imap"
    stream = _Said(flights(data[1:]))
    mailbox = Retriever(
        f"{scheme}+insecure://ada@localhost",
        password="open sesame",
        max_message_octets=_MOST,
        network=_OneStream(stream),
    )
    try:
        with mailbox:
            mailbox.folders()
            for kept in mailbox.find(Criteria(), afterwards=Afterwards.DELETE):
                assert len(bytes(kept.message)) <= 2 * _MOST
                assert kept.key.isprintable()
    except MailError as error:
        assert str(error).isprintable()
        assert "open sesame" not in str(error)
    assert stream.is_closed


class _Said(Stream):
    """Says one flight after the other, then nothing more."""

    peer_address = local_address = "127.0.0.1"

    def __init__(self, said: list[bytes]) -> None:
        self._said = iter(said)
        self._tag = b""
        self.is_closed = False

    async def read(self, deadline: float) -> bytes:
        return next(self._said, b"").replace(_TAG, self._tag)

    async def write(self, data: bytes, deadline: float) -> None:
        self._tag = data.split(b" ", 1)[0] if b" " in data else self._tag

    def has_input(self) -> bool:
        return True

    def close(self) -> None:
        self.is_closed = True


class _OneStream(BlockingNetwork):
    """A network with one connection in it, where no time passes."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def now(self) -> float:
        return 0.0

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        return self._stream
