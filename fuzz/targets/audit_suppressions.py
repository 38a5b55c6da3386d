"""Any text is read as suppressions that have a reason and have not ended, or is refused as
InvalidSetting in one printable line.
"""

from __future__ import annotations

from datetime import date

from postseal.audit.suppressions import read_suppressions
from postseal.errors import InvalidSetting

__all__ = ["run"]

_TODAY = date(2026, 3, 1)


def run(data: bytes) -> None:
    """Check the invariant for the octets of a file."""
    try:
        read = read_suppressions(data.decode("utf-8", "replace"), source="file", today=_TODAY)
    except InvalidSetting as error:
        assert str(error).isprintable()
        return
    for one in read:
        assert one.rule.strip()
        assert one.subject.strip()
        assert one.reason.strip()
        assert one.expires >= _TODAY
