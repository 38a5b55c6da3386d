"""Any text is refused as InvalidReference without being repeated, or names a secret whose reference
is one printable line and whose parts, escaped again, make the same reference.
"""

from __future__ import annotations

from urllib.parse import quote

from fuzz.chunks import text_of
from postseal.errors import InvalidReference
from postseal.secrets.provider import SecretReference

__all__ = ["run"]

# Seeds have it where a password is given in place of a reference.
_PASSWORD = "hunter2"
_OPTIONS = frozenset({"version", "key"})


def run(data: bytes) -> None:
    """Check the invariant."""
    text = text_of(data)
    try:
        reference = SecretReference.parse(text)
    except InvalidReference as error:
        assert str(error).isprintable()
        assert _PASSWORD not in str(error)
        return
    assert str(reference).isprintable()
    assert f"{reference.scheme}:{reference.rest}" == text
    try:
        location = reference.location(options=_OPTIONS)
    except InvalidReference as error:
        assert str(error).isprintable()
        return
    query = "&".join(f"{name}={quote(value)}" for name, value in location.options.items())
    again = f"{reference.scheme}:{quote(location.path)}{query and '?' + query}"
    if location.key is not None:
        again += f"#{quote(location.key)}"
    assert SecretReference.parse(again).location(options=_OPTIONS) == location
