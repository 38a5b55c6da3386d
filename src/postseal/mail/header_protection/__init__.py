"""Header protection: the fields of a message inside its signature and encryption (RFC 9788)."""

from __future__ import annotations

from postseal.mail.header_protection.composing import (
    ProtectedMessage,
    protect_for_encryption,
    protect_for_signing,
)
from postseal.mail.header_protection.confidentiality import HeaderConfidentiality
from postseal.mail.header_protection.unwrapping import (
    FieldProtection,
    ProtectionScheme,
    UnwrappedField,
    UnwrappedMessage,
    unwrap,
)

__all__ = [
    "FieldProtection",
    "HeaderConfidentiality",
    "ProtectedMessage",
    "ProtectionScheme",
    "UnwrappedField",
    "UnwrappedMessage",
    "protect_for_encryption",
    "protect_for_signing",
    "unwrap",
]
