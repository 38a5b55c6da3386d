"""A stream under TLS: the same interface as the stream it seals."""

from __future__ import annotations

import contextlib

from postseal.errors import MailError
from postseal.send.network import Stream
from postseal.tls import Channel, TLSOutcome, Trust

__all__ = ["SealedStream"]


class SealedStream(Stream):
    """Carries plaintext for the code above, ciphertext for the stream below."""

    def __init__(self, stream: Stream, channel: Channel) -> None:
        self._stream = stream
        self._channel = channel
        self._early = b""

    @classmethod
    async def establish(cls, stream: Stream, channel: Channel, deadline: float) -> SealedStream:
        """Do the handshake. Raises `TLSError`, after the peer was sent the alert."""
        sealed = cls(stream, channel)
        try:
            await sealed._flush(deadline)
            while not channel.is_established:
                if data := await stream.read(deadline):
                    sealed._early = channel.receive(data)
                    await sealed._flush(deadline)
                else:
                    channel.end_of_stream()
        except MailError:
            # The alert tells the peer why; that it arrives is not needed for failing here.
            with contextlib.suppress(MailError):
                await sealed._flush(deadline)
            raise
        return sealed

    def outcome(self, *, trust: Trust | None = None) -> TLSOutcome:
        """What the handshake gave."""
        return self._channel.outcome(trust=trust)

    def channel_binding(self) -> bytes:
        """What ties an authentication to this very server (RFC 5929 4)."""
        return self._channel.channel_binding()

    @property
    def peer_address(self) -> str:
        """The peer's IP address in text."""
        return self._stream.peer_address

    @property
    def local_address(self) -> str:
        """Our own IP address in text."""
        return self._stream.local_address

    async def read(self, deadline: float) -> bytes:
        """Read until there is plaintext, or the peer ended the channel."""
        if self._early:
            data, self._early = self._early, b""
            return data
        while not self._channel.is_ended:
            data = await self._stream.read(deadline)
            if not data:
                self._channel.end_of_stream()
                break
            plaintext = self._channel.receive(data)
            await self._flush(deadline)
            if plaintext:
                return plaintext
        return b""

    async def write(self, data: bytes, deadline: float) -> None:
        """Seal the data and write it."""
        self._channel.send(data)
        await self._flush(deadline)

    def has_input(self) -> bool:
        """True when plaintext, or anything at all below, has arrived."""
        return bool(self._early) or self._stream.has_input()

    def close(self) -> None:
        """Close the connection; `end` says goodbye before."""
        self._stream.close()

    async def end(self, deadline: float) -> None:
        """Say close_notify, so that the peer can tell this end from a cut."""
        self._channel.close()
        await self._flush(deadline)

    async def _flush(self, deadline: float) -> None:
        if data := self._channel.data_to_send():
            await self._stream.write(data, deadline)
