"""A stream under TLS: the same interface as the stream it seals."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from postseal.errors import Disconnected, MailError, TLSError
from postseal.send.networks.network import Attendant, Stream
from postseal.tls import Channel, ResumableSession, TLSOutcome

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
            # The alert tells the peer why.
            await sealed._say_last(deadline)
            raise
        return sealed

    def outcome(self) -> TLSOutcome:
        """What the handshake gave."""
        return self._channel.outcome()

    def channel_binding(self) -> bytes:
        """What ties an authentication to this very server (RFC 5929 4)."""
        return self._channel.channel_binding()

    def resumable(self) -> ResumableSession | None:
        """What resumes the session in another connection; ask after the first read."""
        return self._channel.resumable()

    @property
    def peer_address(self) -> str:
        """The peer's IP address in text."""
        return self._stream.peer_address

    @property
    def local_address(self) -> str:
        """Our own IP address in text."""
        return self._stream.local_address

    async def read(self, deadline: float) -> bytes:
        """Read until there is plaintext, or the peer ended the channel.

        Raises `Disconnected` when the connection ended and the peer had not said so under TLS:
        anybody on the path can end it (RFC 8446 6.1).
        """
        if self._early:
            data, self._early = self._early, b""
            return data
        channel = self._channel
        while not channel.is_ended:
            if channel.failure is not None:
                raise channel.failure
            data = await self._stream.read(deadline)
            if not data:
                channel.end_of_stream()
                break
            try:
                plaintext = channel.receive(data)
            except TLSError:
                await self._say_last(deadline)
                raise
            if plaintext:
                if channel.has_data_to_send:
                    # What was heard counts, also when the peer is there no more.
                    await self._say_last(deadline)
                return plaintext
            await self._flush(deadline)
        if channel.is_cut:
            raise Disconnected("the connection was cut, without an end of TLS (close_notify)")
        channel.close()
        await self._say_last(deadline)
        return b""

    async def attend(self, hear: Attendant, due: Callable[[], float]) -> None:
        """Answer under TLS in the turn that brings the octets, where the stream below can."""
        channel = self._channel
        is_asked = False

        def hear_sealed(ciphertext: bytes) -> bytes | None:
            nonlocal is_asked
            answer: bytes | None = b""
            if ciphertext and (plaintext := channel.receive(ciphertext)):
                answer = hear(plaintext)
                is_asked = answer is None
            if answer:
                channel.send(answer)
            if is_asked or not ciphertext or channel.is_ended or channel.failure is not None:
                return None
            return channel.data_to_send()

        while True:
            if not (self._early or channel.is_ended or channel.failure is not None):
                try:
                    await self._stream.attend(hear_sealed, due)
                except TLSError:
                    await self._say_last(due())
                    raise
                if is_asked:
                    return
            # However the end has come, `read` says it.
            if (answer := hear(await self.read(due()))) is None:
                return
            await self.write(answer, due())

    async def write(self, data: bytes, deadline: float) -> None:
        """Seal the data and write it."""
        self._channel.send(data)
        await self._flush(deadline)

    def has_input(self) -> bool:
        """True when plaintext, the end, or anything at all below has arrived."""
        channel = self._channel
        return bool(self._early or channel.is_ended or channel.failure or self._stream.has_input())

    def close(self) -> None:
        """Close the connection; `end` says goodbye before."""
        self._stream.close()

    def abandon(self) -> None:
        """Let go of the connection; the channel is left as it is."""
        self._stream.abandon()

    async def end(self, deadline: float) -> None:
        """Say close_notify, so that the peer can tell this end from a cut."""
        self._channel.close()
        await self._flush(deadline)

    async def _say_last(self, deadline: float) -> None:
        with contextlib.suppress(MailError):
            await self._flush(deadline)

    async def _flush(self, deadline: float) -> None:
        if data := self._channel.data_to_send():
            await self._stream.write(data, deadline)
