"""JSON from strangers, compressed or not: bounded before it is read, and read once.

What I-JSON forbids (RFC 7493) is a defect, kept beside the value; what could exhaust the reader is
refused.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable
from typing import Final, TypeAlias

from postseal.errors import InvalidReport

__all__ = ["JSONObject", "inflated", "parsed"]

JSONObject: TypeAlias = dict[str, object]
"""An object as it was read; what the values are has to be asked."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_PIECE: Final = 2**20
_MAX_MEMBERS: Final = 16
# An octet of JSON can take a hundred of memory; real reports have some fifteen commas an entry.
_MAX_BRACKETS: Final = 200_000
_MAX_COMMAS: Final = 1_000_000
_MAX_DEPTH: Final = 32
_MAX_DIGITS: Final = 20
# A text without an end is one to the end: each octet is looked at once.
_STRUCTURE: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|([\[{])|([\]}])', re.DOTALL)


def inflated(octets: bytes, *, max_octets: int) -> bytes:
    """Give the content of gzip, which is known by its first octets, and anything else as it is.

    Raises `InvalidReport` for damaged or truncated gzip, for anything behind it, and for more than
    `max_octets` of content, which are never held in memory (RFC 1952).
    """
    if len(octets) > max_octets:
        raise _too_large(max_octets)
    if not octets.startswith(_GZIP_MAGIC):
        return octets
    pieces: list[bytes] = []
    room = max_octets
    for _ in range(_MAX_MEMBERS):
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            try:
                piece = stream.decompress(octets, min(_PIECE, room + 1))
            except zlib.error as error:
                raise InvalidReport(f"the compressed report is damaged: {error}") from None
            room -= len(piece)
            if room < 0:
                raise _too_large(max_octets)
            pieces.append(piece)
            octets = stream.unconsumed_tail
            if not octets and not piece and not stream.eof:
                raise InvalidReport("the compressed report ends in the middle")
        octets = stream.unused_data
        if not octets:
            return b"".join(pieces)
    raise InvalidReport("the compressed report has too many parts")


def parsed(octets: bytes, note: Callable[[str, str], None]) -> JSONObject:
    """Read a JSON object; `note` hears of what I-JSON forbids, as a place and a problem.

    The first of several equal names counts. Raises `InvalidReport` for what is no JSON object, and
    for one that is nested or branched beyond what a report is.
    """
    if octets.startswith(b"\xef\xbb\xbf"):
        note("", "it begins with a byte order mark")
        octets = octets[3:]
    _check_structure(octets)
    try:
        value = json.loads(
            octets.decode("utf-8"),
            object_pairs_hook=lambda pairs: _object(pairs, note),
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise InvalidReport(f"the report is not UTF-8 at octet {error.start}") from None
    except ValueError as error:
        raise InvalidReport(f"the report is no JSON: {str(error)[:120]}") from None
    if not isinstance(value, dict):
        raise InvalidReport("the report is no JSON object")
    return value


def _check_structure(octets: bytes) -> None:
    if octets.count(b",") > _MAX_COMMAS or octets.count(b"[") + octets.count(b"{") > _MAX_BRACKETS:
        raise InvalidReport("the report has more values than a report has")
    depth = 0
    for found in _STRUCTURE.finditer(octets):
        if found[1]:
            depth += 1
            if depth > _MAX_DEPTH:
                raise InvalidReport(f"the report is nested more than {_MAX_DEPTH} deep")
        elif found[2]:
            depth -= 1


def _object(pairs: list[tuple[str, object]], note: Callable[[str, str], None]) -> JSONObject:
    read: JSONObject = {}
    for name, value in pairs:
        if name in read:
            note(name[:80], "the name occurs twice in one object")
        else:
            read[name] = value
    return read


def _integer(digits: str) -> int | float:
    # Python refuses numbers of megabytes, and so the whole report; they are merely no counts.
    return int(digits) if len(digits) <= _MAX_DIGITS else float("inf")


def _float(digits: str) -> float:
    return float(digits) if len(digits) <= 2 * _MAX_DIGITS else float("inf")


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is no JSON number")


def _too_large(max_octets: int) -> InvalidReport:
    return InvalidReport(f"the report has more than {max_octets} octets")
