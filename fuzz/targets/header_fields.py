"""Any name and value are refused as InvalidHeader or become one well-formed header field in ASCII
that a reader decodes to the same value.
"""

from __future__ import annotations

from email.header import decode_header, make_header

from fuzz.chunks import text_of
from fuzz.fields import check_field
from postseal.errors import InvalidHeader
from postseal.mail import Header

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant for `name:value`."""
    name, _, value = text_of(data).partition(":")
    try:
        header = Header(name, value)
        field = bytes(header)
    except InvalidHeader as error:
        assert str(error).isprintable()
        return
    check_field(name, field)
    assert field.isascii()
    unfolded = field.decode("ascii").replace("\r\n", "")[len(name) + 2 :]
    assert str(make_header(decode_header(unfolded))) == value
