"""Any line is read as a command that writes itself as one line, and the same again when that is
read, or is refused with one reply of at most 512 octets.
"""

from __future__ import annotations

from typing import Final

from postseal.smtp.commands import Command
from postseal.smtp.parse import Refusal, parse_command, parse_response

__all__ = ["run"]

# RFC 5321 4.5.3.1.5
_MAX_REPLY_LINE: Final = 512


def run(data: bytes) -> None:
    """Check the invariant for a line of a client, given without its CRLF."""
    try:
        command = parse_command(data)
    except Refusal as refusal:
        _check_refusal(refusal)
    else:
        _check_command(command)
    try:
        parse_response(data)
    except Refusal as refusal:
        _check_refusal(refusal)


def _check_command(command: Command) -> None:
    written = command.encode()
    assert written.endswith(b"\r\n")
    assert not {0x00, 0x0A, 0x0D} & set(written[:-2]), "more than one line"
    assert parse_command(written[:-2]).encode() == written


def _check_refusal(refusal: Refusal) -> None:
    written = refusal.reply.encode()
    assert written.count(b"\r\n") == 1
    assert len(written) <= _MAX_REPLY_LINE
