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
from postseal.mail.authentication.dmarc import AlignedMethod, DMARCResult, check_dmarc
from postseal.mail.authentication.dmarc_domains import (
    FoundRecord,
    OrganizationalDomains,
    SuffixList,
    TreeWalk,
)
from postseal.mail.authentication.dmarc_record import Alignment, DMARCPolicy, DMARCRecord
from postseal.mail.authentication.key_record import KeyRecord
from postseal.mail.authentication.keys import InvalidKey, KeyType, SigningKey
from postseal.mail.authentication.message_signature import InvalidSignature, MessageSignature
from postseal.mail.authentication.method_results import (
    arc_method,
    dkim_method,
    dmarc_method,
    spf_method,
    without_results_of,
)
from postseal.mail.authentication.raw_message import InvalidMessage
from postseal.mail.authentication.signing_input import HeaderChoice, SigningIdentity
from postseal.mail.authentication.spf import ReverseLookup, SPFResult, check_spf
from postseal.mail.authentication.spf_macros import InvalidSPF
from postseal.mail.authentication.spf_record import SPFRecord
from postseal.mail.authentication.tags import InvalidTagList
from postseal.mail.authentication.words import ResultWord, SignatureFault

__all__ = [
    "ARCResult",
    "ARCSeal",
    "ARCSealer",
    "ARCSet",
    "ARCVerification",
    "AlignedMethod",
    "Alignment",
    "AuthenticationResults",
    "Canonicalization",
    "ChainStatus",
    "DKIMResult",
    "DKIMSigner",
    "DKIMSigning",
    "DKIMVerification",
    "DMARCPolicy",
    "DMARCRecord",
    "DMARCResult",
    "FoundRecord",
    "HeaderChoice",
    "InvalidKey",
    "InvalidMessage",
    "InvalidResults",
    "InvalidSPF",
    "InvalidSignature",
    "InvalidTagList",
    "KeyRecord",
    "KeyType",
    "MessageSignature",
    "MethodResult",
    "OrganizationalDomains",
    "Property",
    "ResultWord",
    "ReverseLookup",
    "SPFRecord",
    "SPFResult",
    "SignatureFault",
    "SigningIdentity",
    "SigningKey",
    "SuffixList",
    "TreeWalk",
    "VerificationLimits",
    "arc_method",
    "check_dmarc",
    "check_spf",
    "dkim_method",
    "dmarc_method",
    "spf_method",
    "verify_arc",
    "verify_dkim",
    "without_results_of",
]
