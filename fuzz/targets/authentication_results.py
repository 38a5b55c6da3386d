"""Any text is refused as InvalidResults or is read as results that, written as one folded field,
are read as the same again.
"""

from __future__ import annotations

from fuzz.chunks import text_of
from fuzz.fields import check_field
from postseal.mail.authentication import AuthenticationResults, InvalidResults

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant for the value of a field."""
    try:
        results = AuthenticationResults.parse(text_of(data))
    except InvalidResults as error:
        assert str(error).isprintable()
        return
    if all(len(line) < 900 for line in results.payload().split("\r\n")):
        check_field("Authentication-Results", bytes(results))
    assert AuthenticationResults.parse(results.payload()) == results
