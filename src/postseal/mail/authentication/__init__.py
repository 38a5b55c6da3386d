"""Mail authentication: who vouches for a message, and whether that holds.

Signing and checking need the package `cryptography`, which is imported when they are used.
"""

from __future__ import annotations

from postseal.mail.authentication.arc_fields import ARCSeal, ARCSet, ChainStatus
from postseal.mail.authentication.arc_sealing import ARCSealer
from postseal.mail.authentication.arc_verifying import ARCResult, ARCVerification, verify_arc
from postseal.mail.authentication.authentication_results import (
    AuthenticationResults,
    InvalidResults,
    MethodResult,
    Property,
)
from postseal.mail.authentication.canonical import Canonicalization
from postseal.mail.authentication.dkim_signing import DKIMSigner, DKIMSigning
from postseal.mail.authentication.dkim_verifying import (
    DKIMResult,
    DKIMVerification,
    VerificationLimits,
    verify_dkim,
)
from postseal.mail.authentication.key_record import KeyRecord
from postseal.mail.authentication.keys import InvalidKey, KeyType, SigningKey
from postseal.mail.authentication.message_signature import InvalidSignature, MessageSignature
from postseal.mail.authentication.raw_message import InvalidMessage
from postseal.mail.authentication.signing_input import HeaderChoice, SigningIdentity
from postseal.mail.authentication.tags import InvalidTagList
from postseal.mail.authentication.words import ResultWord, SignatureFault

__all__ = [
    "ARCResult",
    "ARCSeal",
    "ARCSealer",
    "ARCSet",
    "ARCVerification",
    "AuthenticationResults",
    "Canonicalization",
    "ChainStatus",
    "DKIMResult",
    "DKIMSigner",
    "DKIMSigning",
    "DKIMVerification",
    "HeaderChoice",
    "InvalidKey",
    "InvalidMessage",
    "InvalidResults",
    "InvalidSignature",
    "InvalidTagList",
    "KeyRecord",
    "KeyType",
    "MessageSignature",
    "MethodResult",
    "Property",
    "ResultWord",
    "SignatureFault",
    "SigningIdentity",
    "SigningKey",
    "VerificationLimits",
    "verify_arc",
    "verify_dkim",
]
