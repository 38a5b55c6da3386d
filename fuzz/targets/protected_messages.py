"""Whatever comes out of a decryption can be read, with no field that counts as signed unless a
signature holds, and any message that can be protected reads back with each field protected.
"""

from __future__ import annotations

from contextlib import suppress

from postseal.errors import InvalidInput
from postseal.mail.header_protection import (
    FieldProtection,
    protect_for_encryption,
    protect_for_signing,
    unwrap,
)

__all__ = ["run"]

_SIGNED = (FieldProtection.SIGNED_ONLY, FieldProtection.SIGNED_AND_ENCRYPTED)


def run(data: bytes) -> None:
    """Check the invariant."""
    outer, _, payload = data.partition(b"\0")
    for is_encrypted in (False, True):
        found = unwrap(outer, payload, is_signature_valid=False, is_encrypted=is_encrypted)
        assert not any(field.protection in _SIGNED for field in found.fields)
        assert all(field.protection is FieldProtection.UNPROTECTED for field in found.added)
        list(found.message.walk())
    with suppress(InvalidInput):
        for protected in (protect_for_signing(data), protect_for_encryption(data)):
            back = unwrap(
                protected.outer, protected.payload, is_signature_valid=True, is_encrypted=True
            )
            assert all(field.protection in _SIGNED for field in back.fields)
            assert not back.added
            assert not back.has_from_mismatch
