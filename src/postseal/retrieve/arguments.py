"""Texts as commands of IMAP and POP3 carry them: nothing in one can become another command.

A CR or LF in an argument would end the command and begin the next (CVE-2025-15366 in imaplib,
CVE-2025-15367 in poplib). It is refused here, by everything that writes an argument.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import Final

from postseal.errors import InvalidInput

__all__ = ["check_argument", "decode_folder", "encode_folder", "quote", "refuse_controls"]

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_MAX_OCTETS: Final = 1024
_RUN: Final = re.compile(r"[\x20-\x7e]+|[^\x20-\x7e]+")
_SHIFTED: Final = re.compile(r"&([A-Za-z0-9+,]*)-")


def refuse_controls(text: str, what: str) -> None:
    """Raise `InvalidInput` for a text with a line break or another control character."""
    if found := _CONTROL.search(text):
        raise InvalidInput(
            f"{what} holds {found[0]!a} at character {found.start()}",
            hint="A line break in it would begin another command.",
        )


def check_argument(text: str, what: str) -> None:
    """Raise `InvalidInput` for what cannot be one argument: controls, or beyond 1024 octets."""
    refuse_controls(text, what)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidInput(f"{what} is not valid Unicode") from None
    if size > _MAX_OCTETS:
        raise InvalidInput(f"{what} has {size} octets, and {_MAX_OCTETS} are allowed")


def quote(text: str, what: str) -> str:
    """Write ASCII as a quoted string (RFC 3501 9, quoted). Raises `InvalidInput`."""
    check_argument(text, what)
    if not text.isascii():
        raise InvalidInput(f"{what} has characters beyond ASCII, which a quoted string cannot hold")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def encode_folder(name: str) -> str:
    """Write a folder's name as an argument, in IMAP's UTF-7 (RFC 3501 5.1.3) and quoted.

    Raises `InvalidInput` for a name that cannot be one.
    """
    if not name or not name.isprintable():
        raise InvalidInput("the name of a folder is one printable character or more")
    check_argument(name, "the name of the folder")
    return quote(
        "".join(
            run.replace("&", "&-") if run.isascii() else f"&{_base64(run)}-"
            for run in _RUN.findall(name)
        ),
        "the name of the folder",
    )


def decode_folder(text: str) -> str:
    """Read a folder's name from IMAP's UTF-7; what breaks its rules is left as it is."""
    return _SHIFTED.sub(lambda found: _shifted(found[0], found[1]), text)


def _base64(run: str) -> str:
    return b64encode(run.encode("utf-16-be")).rstrip(b"=").replace(b"/", b",").decode()


def _shifted(whole: str, base64: str) -> str:
    if not base64:
        return "&"
    padded = base64.replace(",", "/") + "=" * (-len(base64) % 4)
    try:
        return b64decode(padded, validate=True).decode("utf-16-be")
    except ValueError:
        return whole
