"""Mail authentication: who vouches for a message, and whether that holds.

Signing and checking need the package `cryptography`, which is imported when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
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
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.mail.authentication.arc_fields": (
                "ARCSeal",
                "ARCSet",
                "ChainStatus",
            ),
            "postseal.mail.authentication.arc_sealing": ("ARCSealer",),
            "postseal.mail.authentication.arc_verifying": (
                "ARCResult",
                "ARCVerification",
                "verify_arc",
            ),
            "postseal.mail.authentication.authentication_results": (
                "AuthenticationResults",
                "InvalidResults",
                "MethodResult",
                "Property",
            ),
            "postseal.mail.authentication.canonical": ("Canonicalization",),
            "postseal.mail.authentication.dkim_signing": (
                "DKIMSigner",
                "DKIMSigning",
            ),
            "postseal.mail.authentication.dkim_verifying": (
                "DKIMResult",
                "DKIMVerification",
                "VerificationLimits",
                "verify_dkim",
            ),
            "postseal.mail.authentication.dmarc": (
                "AlignedMethod",
                "DMARCResult",
                "check_dmarc",
            ),
            "postseal.mail.authentication.dmarc_domains": (
                "FoundRecord",
                "OrganizationalDomains",
                "SuffixList",
                "TreeWalk",
            ),
            "postseal.mail.authentication.dmarc_record": (
                "Alignment",
                "DMARCPolicy",
                "DMARCRecord",
            ),
            "postseal.mail.authentication.key_record": ("KeyRecord",),
            "postseal.mail.authentication.keys": (
                "InvalidKey",
                "KeyType",
                "SigningKey",
            ),
            "postseal.mail.authentication.message_signature": (
                "InvalidSignature",
                "MessageSignature",
            ),
            "postseal.mail.authentication.method_results": (
                "arc_method",
                "dkim_method",
                "dmarc_method",
                "spf_method",
                "without_results_of",
            ),
            "postseal.mail.authentication.raw_message": ("InvalidMessage",),
            "postseal.mail.authentication.signing_input": (
                "HeaderChoice",
                "SigningIdentity",
            ),
            "postseal.mail.authentication.spf": (
                "ReverseLookup",
                "SPFResult",
                "check_spf",
            ),
            "postseal.mail.authentication.spf_macros": ("InvalidSPF",),
            "postseal.mail.authentication.spf_record": ("SPFRecord",),
            "postseal.mail.authentication.tags": ("InvalidTagList",),
            "postseal.mail.authentication.words": (
                "ResultWord",
                "SignatureFault",
            ),
        },
    )

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
