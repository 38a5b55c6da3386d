"""Messages shown to a developer: headers and text decoded, files listed, nothing sent."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TextIO

from postseal.errors import InvalidURL, Phase, TemporarilyRejected
from postseal.send.outgoing import Outgoing
from postseal.send.printable import printable
from postseal.send.results import Delivery
from postseal.send.transport import Transport, Verification
from postseal.send.transports.stored import MAX_OCTETS, StoredMessage, taken_here
from postseal.send.transports.urls import LocalURL
from postseal.tls.levels import TLSOutcome

if TYPE_CHECKING:
    from postseal.mail.reading.attachments import ReceivedAttachment
    from postseal.send.networks.network import Network

__all__ = ["Console", "readable"]

_HOST: Final = "console:"
_STREAMS: Final = ("stderr", "stdout")
_MAX_SHOWN: Final = 20_000
_MAX_RECIPIENTS: Final = 20
_RULE: Final = "-" * 72


class Console(Transport):
    r"""Writes each message to a stream, by default to standard error as it is at that moment.

    What a stranger put into a message cannot command the terminal: control characters are shown
    as `\x1b` and the like. Messages of several threads do not mix.
    """

    def __init__(self, stream: TextIO | None = None, *, standard: str = "stderr") -> None:
        self._stream = stream
        self._standard = standard
        self._lock = threading.Lock()

    async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
        stored = await StoredMessage.keep(outgoing, max_octets=MAX_OCTETS, host=_HOST)
        text = f"{_RULE}\n{readable(stored)}{_RULE}\n"
        stream = self._stream or getattr(sys, self._standard)
        if encoding := getattr(stream, "encoding", None):
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        try:
            with self._lock:
                stream.write(text)
                stream.flush()
        except (OSError, ValueError, AttributeError) as error:
            # A pipe that nobody reads any more; a stream that is closed; None under pythonw.
            raise TemporarilyRejected(
                f"the message cannot be shown: {error}", phase=Phase.BODY, host=_HOST
            ) from error
        return taken_here(outgoing, host=_HOST, word="shown")

    async def verify(self, *, deadline: float) -> Verification:
        return Verification(_HOST, "", TLSOutcome.in_clear())

    async def close(self) -> None:
        """Nothing ends: the stream is the process's own."""


def transport_of(url: str, network: Network) -> Console:
    """Make the transport that `console:`, `console:stdout` or `console:stderr` names."""
    example = "console:, console:stdout or console:stderr"
    name = LocalURL.parse(url, example=example).path
    if name and name not in _STREAMS:
        raise InvalidURL(f"{name[:80]!a} is no standard stream", hint=f"Write it as {example}.")
    return Console(standard=name or "stderr")


def readable(stored: StoredMessage) -> str:
    """Write a message for a person, in lines: envelope, headers, text, attachments.

    Nothing in it commands a terminal. Of long texts and lists only the beginning is shown.
    """
    return "".join(f"{line}\n" for line in _lines(stored))


def _lines(stored: StoredMessage) -> Iterator[str]:
    envelope, message = stored.envelope, stored.message
    yield f"Envelope from: {envelope.sender or '<>'}"
    recipients = envelope.recipients
    shown = ", ".join(map(str, recipients[:_MAX_RECIPIENTS]))
    more = len(recipients) - _MAX_RECIPIENTS
    yield f"Envelope to:   {shown}{f' and {more} more' if more > 0 else ''}"
    yield ""
    for field in message.header:
        yield printable(f"{field.name}: {_shortened(field.value)}")
    text, is_html = message.text, False
    if text is None:
        text, is_html = message.html, True
    if text is not None:
        yield ""
        if is_html:
            yield "(HTML alone, no text)"
        yield printable(_shortened(text).rstrip("\n"), keep="\n\t")
    files = message.attachments
    if files:
        yield ""
        yield from (f"Attachment: {printable(_described(file))}" for file in files)


def _shortened(text: str) -> str:
    more = len(text) - _MAX_SHOWN
    return f"{text[:_MAX_SHOWN]}... ({more} more characters)" if more > 0 else text


def _described(file: ReceivedAttachment) -> str:
    kind = f"{file.media_type}, {len(file.content)} octets{', inline' if file.is_inline else ''}"
    return f"{file.filename or 'without a name'} ({kind})"
