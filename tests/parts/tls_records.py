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


def record(kind: RecordType, content: bytes) -> bytes:
    """A record in clear, as anybody can write it."""
    return bytes([kind]) + b"\x03\x03" + len(content).to_bytes(2) + content


def vector(content: bytes, width: int = 2) -> bytes:
    """Octets behind their length (RFC 8446 3.4)."""
    return len(content).to_bytes(width) + content


def extension(kind: int, content: bytes) -> bytes:
    """One extension of a hello (RFC 8446 4.2)."""
    return kind.to_bytes(2) + vector(content)


def client_hello(extensions: bytes | None = b"") -> bytes:
    """A ClientHello by hand, in one record; without the field for extensions where it is None."""
    body = b"\x03\x03" + bytes(32) + vector(b"", 1) + vector(b"\x13\x01") + vector(b"\0", 1)
    if extensions is not None:
        body += vector(extensions)
    return record(RecordType.HANDSHAKE, b"\x01" + vector(body, 3))


def extensions_of(hello: bytes) -> dict[int, bytes]:
    """The extensions of a ClientHello in one record."""
    position = 5 + 4 + 2 + 32
    for width in (1, 2, 1):
        position += width + int.from_bytes(hello[position : position + width])
    found = {}
    position += 2
    while position < len(hello):
        kind, size = (int.from_bytes(hello[position + at : position + at + 2]) for at in (0, 2))
        found[kind] = hello[position + 4 : position + 4 + size]
        position += 4 + size
    return found
