"""The standard library's `imaplib`, over our own wire and made to keep nothing it should not.

Its documented seams are used: `open`, `read`, `readline`, `send` and `shutdown`. What differs:
octets in clear behind STARTTLS end the session, every wait has a deadline, every answer a size, no
argument can hold a line break, and the last commands are not kept (the password was among them).
"""

from __future__ import annotations

import imaplib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from postseal.errors import Disconnected, MailError, RemoteProtocolError
from postseal.retrieve.arguments import check_argument
from postseal.retrieve.errors import RetrievalRefused
from postseal.retrieve.wire import Wire, shown

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["IMAPProtocol", "spoken"]

# What imaplib raises on answers that it did not expect, besides its own errors.
_CONFUSED: Final = (ValueError, TypeError, AttributeError, LookupError, AssertionError)


class IMAPProtocol(imaplib.IMAP4):
    """An `IMAP4` that reads the greeting, and asks for capabilities, from a wire it is given."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        super().__init__()

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        """Take the wire as it is."""
        # `imaplib.Debug` would print the password.
        self.debug = 0

    def read(self, size: int) -> bytes:
        """Read a literal."""
        return self._wire.read_exactly(size)

    def readline(self) -> bytes:
        """Read a line."""
        return self._wire.read_line()

    def send(self, data: Buffer) -> None:
        """Write a command or a literal."""
        self._wire.write(bytes(data))

    def shutdown(self) -> None:
        """Close the wire, with the end of TLS."""
        self._wire.end()

    def _command(self, name: str, *args: str | bytes | None) -> bytes:
        for argument in args:
            if argument is not None:
                text = argument.decode() if isinstance(argument, bytes) else argument
                check_argument(text, f"an argument of {name}")
        tag: bytes = super()._command(name, *args)  # type: ignore[misc]
        return tag

    def _log(self, line: str) -> None:
        """Keep nothing of the dialogue."""


@contextmanager
def spoken(protocol: IMAPProtocol | None, wire: Wire, what: str) -> Iterator[None]:
    """Make typed errors of what imaplib raises while it does `what`."""
    try:
        yield
    except imaplib.IMAP4.readonly as error:
        raise RetrievalRefused(
            f"{what}: the folder can only be read", hint="Open it with read_only=True."
        ) from error
    except MailError as error:
        # A deadline may have been wrapped on the way: it is an OSError, too.
        raise wire.failure or error from None
    except (imaplib.IMAP4.error, OSError, *_CONFUSED) as error:
        if wire.failure is not None:
            raise wire.failure from None
        if protocol is not None and (farewell := protocol.untagged_responses.get("BYE")):
            raise wire.fail(
                Disconnected(f"the server ended the session: {shown(farewell[-1])}")
            ) from None
        is_verdict = isinstance(error, imaplib.IMAP4.error) and not isinstance(
            error, imaplib.IMAP4.abort
        )
        if is_verdict and protocol is not None:
            raise RetrievalRefused(f"{what}: {_words(error)}") from None
        raise wire.fail(
            RemoteProtocolError(f"{what}: the server's answer makes no sense: {shown(error)}")
        ) from None


def _words(error: Exception) -> str:
    # NO comes as the server's octets, BAD in a sentence of imaplib's.
    return shown(error.args[0] if error.args else error)
