"""What an onlooker sees of TLS: a clear beginning, then the types and sizes of records."""

from __future__ import annotations

from enum import IntEnum, unique

_HEADER = 5


@unique
class RecordType(IntEnum):
    """Content types (RFC 8446 5.1). In TLS 1.3 all that is encrypted says `APPLICATION_DATA`."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23


def split_at_tls(said: bytes) -> tuple[bytes, list[tuple[RecordType, int]]]:
    """Split one direction of a conversation into the clear part and the records behind it.

    A record is its type and the size of its content. The last may be incomplete where the
    connection broke. Raises ValueError where something else than records follows.
    """
    start = said.find(bytes([RecordType.HANDSHAKE, 3]))
    if start < 0:
        return said, []
    records = []
    position = start
    while position < len(said):
        header = said[position : position + _HEADER]
        if header[1:2] not in (b"\x03", b""):
            raise ValueError(f"no TLS record at byte {position}: {header!r}")
        size = int.from_bytes(header[3:])
        records.append((RecordType(header[0]), size))
        position += _HEADER + size
    return said[:start], records
