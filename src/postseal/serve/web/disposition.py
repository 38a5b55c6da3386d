"""Names for downloads: a file name out of a message made safe, and the header that carries it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from postseal.serve.web.words import one_line

__all__ = ["attachment_disposition", "safe_filename"]

_MAX_OCTETS: Final = 200
# What some file system gives a meaning; a path is cut to its last part before.
_MEANINGFUL: Final = re.compile(r'[<>:"|?*\\/%]')
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9._ -]")


def safe_filename(name: str, *, fallback: str) -> str:
    """Give the last part of `name`, fit for any file system; `fallback` if nothing is left.

    The result has no path separator, control, mark of direction or leading dot, and at most
    200 octets of UTF-8; the extension survives the cut.
    """
    last = re.split(r"[\\/]", name)[-1]
    clean = _MEANINGFUL.sub("_", one_line(last, limit=1000)).strip(" .")
    if not clean.strip("_"):
        return fallback
    stem, dot, extension = clean.rpartition(".")
    if not dot or len(extension) > 16:
        stem, dot, extension = clean, "", ""
    room = _MAX_OCTETS - len(f"{dot}{extension}".encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + dot + extension


def attachment_disposition(filename: str) -> str:
    """Write `Content-Disposition: attachment` for a name that `safe_filename` gave (RFC 6266).

    A plain ASCII form comes first, the exact name as `filename*` behind it (RFC 8187).
    """
    plain = _NOT_PLAIN.sub("_", filename)
    exact = quote(filename, safe="", errors="replace")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"
