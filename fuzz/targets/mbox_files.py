"""Any file is an mbox whose messages are read and can be added again, each coming back as it was
written, or it is refused as corrupt and left as it is.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from postseal.retrieve import MailboxCorrupt, MboxFile, MessageTooLarge

__all__ = ["run"]

_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
_MOST: Final = 16 * 1024


def run(data: bytes) -> None:
    """Check the invariant."""
    with TemporaryDirectory() as folder:
        theirs = MboxFile(path=Path(folder) / "theirs", max_message_octets=_MOST)
        ours = MboxFile(path=Path(folder) / "ours", max_message_octets=2 * _MOST)
        theirs.path.write_bytes(data)
        try:
            for kept in theirs.messages():
                assert len(bytes(kept.message)) <= 2 * _MOST
                ours.add(kept.message, clock=lambda: _NOW)
        except (MailboxCorrupt, MessageTooLarge) as error:
            assert str(error).isprintable()
            assert theirs.path.read_bytes() == data
            return
        _check_copies(ours)


def _check_copies(ours: MboxFile) -> None:
    if not ours.path.exists():
        return
    copies = [bytes(kept.message) for kept in ours.messages()]
    again = MboxFile(path=ours.path.with_name("again"), max_message_octets=2 * _MOST)
    for copy in copies:
        again.add(copy, clock=lambda: _NOW)
    assert [bytes(kept.message) for kept in again.messages()] == copies
    assert again.path.read_bytes() == ours.path.read_bytes()
