"""Tag lists, the `name=value; name=value` of DKIM, ARC and DMARC (RFC 6376 3.2)."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Final

from postseal.errors import InvalidInput

__all__ = ["MAX_TAG_LIST", "InvalidTagList", "base64_octets", "read_number", "read_tags"]

MAX_TAG_LIST: Final = 65_536
"""The longest tag list that is read, in octets."""

_MAX_TAGS = 64
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_FOLD = re.compile(r"\r\n(?=[ \t])")
_WHITE = " \t"
# RFC 6376 3.5: t= and x= may have twelve digits and no more; other numbers are smaller.
_NUMBER = re.compile(r"[0-9]{1,76}\Z")


class InvalidTagList(InvalidInput):
    """A field or a record of mail authentication breaks its grammar."""


def read_tags(text: str | bytes) -> dict[str, str]:
    """Read a tag list; names keep their case, white space around values is gone.

    White space within values stays, unfolded. Raises `InvalidTagList` for what is no tag list, for
    a tag that comes twice, and beyond 64 tags or `MAX_TAG_LIST`.
    """
    if len(text) > MAX_TAG_LIST:
        raise InvalidTagList(f"a tag list has {len(text)} octets, more than {MAX_TAG_LIST}")
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidTagList("a tag list is not in UTF-8") from None
    text = _FOLD.sub("", text.removesuffix("\r\n"))
    specs = text.split(";")
    if not specs[-1].strip(_WHITE):
        specs.pop()
    if len(specs) > _MAX_TAGS:
        raise InvalidTagList(f"a tag list has {len(specs)} tags, more than {_MAX_TAGS}")
    tags: dict[str, str] = {}
    for spec in specs:
        name, equals, value = spec.partition("=")
        name, value = name.strip(_WHITE), value.strip(_WHITE)
        if not equals or not _NAME.match(name):
            raise InvalidTagList(f"{spec.strip(_WHITE)[:40]!a} is no tag with its value")
        if name in tags:
            raise InvalidTagList(f"the tag {name}= comes twice")
        if not value.replace("\t", " ").isprintable():
            raise InvalidTagList(f"the tag {name}= holds a control character")
        tags[name] = value
    return tags


def base64_octets(tags: Mapping[str, str], name: str) -> bytes:
    """Decode a tag's value from base64, which may have white space anywhere (RFC 6376 2.10)."""
    text = "".join(tags[name].split())
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise InvalidTagList(f"the tag {name}= is not in base64") from None


def read_number(tags: Mapping[str, str], name: str, *, digits: int = 76) -> int | None:
    """Read a tag's value as an unsigned decimal number; None where there is no such tag."""
    text = tags.get(name)
    if text is None:
        return None
    if not _NUMBER.match(text) or len(text) > digits:
        raise InvalidTagList(f"the tag {name}= is no number of at most {digits} digits")
    return int(text)
