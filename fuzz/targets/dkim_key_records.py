"""Any text is refused as InvalidTagList or is a key record whose key is refused with a fault or has
an allowed length and verifies no signature that nobody made.
"""

from __future__ import annotations

from postseal.mail.authentication import InvalidSignature, InvalidTagList, KeyRecord, KeyType

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant for a text as Latin-1, which is how the DNS gives it."""
    try:
        record = KeyRecord.parse(data.decode("latin-1"))
    except InvalidTagList as error:
        assert str(error).isprintable()
        return
    for kind in KeyType:
        try:
            key = record.usable_key(kind)
        except InvalidSignature as error:
            assert str(error).isprintable()
            continue
        assert record.octets
        assert record.key_type == kind
        assert key.bits == 256 if kind is KeyType.ED25519 else 1024 <= key.bits <= 8192
        assert not key.verifies(b"", b"octets")
        assert not key.verifies(bytes((key.bits + 7) // 8), b"octets")
