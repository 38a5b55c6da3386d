"""How a reader leaves a mailing list: by one click of the mail program, or by a mail."""

from __future__ import annotations

import re
from collections.abc import Iterable

from postseal.errors import InvalidHeader
from postseal.mail._field import FieldWriter
from postseal.mail._text import excerpt

__all__ = ["unsubscribe_fields", "unsubscribe_uris"]

_ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
_MAX_URIS = 10
_MAX_URI = 800
# RFC 3986 characters without the comma and the angle brackets, which separate the URIs here.
_URI = re.compile(r"(?:https://[A-Za-z0-9\[]|mailto:[^?])[A-Za-z0-9._~:/?#\[\]@!$&'()*+;=%-]*+\Z")


def unsubscribe_uris(given: str | Iterable[str]) -> tuple[str, ...]:
    """Read `https:` and `mailto:` URIs, a string being one; raises `InvalidHeader` for others.

    `http:` is one of them: who reads it on its way could unsubscribe the reader.
    """
    uris = (given,) if isinstance(given, str) else tuple(given)
    if len(uris) > _MAX_URIS:
        raise InvalidHeader(f"List-Unsubscribe has more than {_MAX_URIS} URIs")
    for uri in uris:
        if len(uri) > _MAX_URI or not _URI.match(uri):
            raise InvalidHeader(
                f"{excerpt(uri)} is no way to unsubscribe",
                hint="Give an https: or mailto: URI in ASCII, with commas written as %2C.",
            )
    return uris


def unsubscribe_fields(uris: tuple[str, ...]) -> bytes:
    """Write List-Unsubscribe (RFC 2369 3.2), and with an `https:` URI the mark of one click.

    The server behind that URI gets a POST (RFC 8058 3.1). Readers heed the mark only under a DKIM
    signature over both fields.
    """
    if not uris:
        return b""
    writer = FieldWriter("List-Unsubscribe")
    for uri in uris[:-1]:
        writer.token(f"<{uri}>,")
    writer.token(f"<{uris[-1]}>")
    field = writer.line().encode("ascii")
    return field + _ONE_CLICK if any(uri.startswith("https:") for uri in uris) else field
