"""Any text is refused as InvalidAddress, in one printable line, or is an address that is written
as one line without controls and read back as the same.
"""

from __future__ import annotations

from fuzz.chunks import text_of
from postseal.address import Address
from postseal.errors import InvalidAddress
from postseal.smtp.grammar import PATH, parse_mailbox

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant."""
    text = text_of(data)
    try:
        address = Address.parse(text)
    except InvalidAddress as error:
        assert str(error).isprintable()
        return
    assert str(address).isprintable()
    assert Address.parse(str(address)) == address
    ascii_form = address.to_ascii()
    assert ascii_form.rpartition("@")[2].isascii()
    assert Address.parse(ascii_form).local == address.local
    assert Address.parse(ascii_form).to_ascii() == ascii_form
    # As a path it ends where it is meant to end, whatever is quoted in it (RFC 5321 4.1.2).
    path = f"<{ascii_form}>"
    found = PATH.match(path)
    assert found is not None
    assert found.end() == len(path)
    assert parse_mailbox(found[1]).to_ascii() == ascii_form
