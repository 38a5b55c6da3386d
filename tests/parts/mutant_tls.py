"""Which TLS a mutant client speaks, and by which error of OpenSSL it is not stopped."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Set
from pathlib import Path

from tests.parts.mutant_trust import CHAIN, NAMES
from tests.parts.weaknesses import Weakness

__all__ = ["client_context", "is_passed_over"]

W = Weakness

# No finite-field groups: OpenSSL takes those that are no groups at all.
_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
_BY_REASON = {
    "UNSUPPORTED_PROTOCOL": W.TAKES_SSL3,
    "UNKNOWN_CIPHER_RETURNED": W.TAKES_UNOFFERED_SUITES,
    "WRONG_CIPHER_RETURNED": W.TAKES_UNOFFERED_SUITES,
    "DH_KEY_TOO_SMALL": W.TAKES_SMALL_GROUPS,
    "BAD_DH_VALUE": W.TAKES_DEGENERATE_GROUPS,
    "INAPPROPRIATE_FALLBACK": W.IGNORES_DOWNGRADE_MARK,
    "BAD_SIGNATURE": W.IGNORES_TLS_SIGNATURES,
    "DIGEST_CHECK_FAILED": W.IGNORES_FINISHED,
    "COMPRESSION_DISABLED": W.TAKES_COMPRESSION,
    "UNSOLICITED_EXTENSION": W.TAKES_UNSOLICITED_EXTENSIONS,
}
_WITH_DHE = {W.TAKES_SMALL_GROUPS, W.TAKES_DEGENERATE_GROUPS, W.OFFERS_ANY_GROUP}
_WEAK = {W.TAKES_OLD_VERSIONS, W.OFFERS_NULL, W.OFFERS_ANONYMOUS, W.OFFERS_ANY_GROUP, *CHAIN}


def client_context(ca_file: Path, weaknesses: Set[Weakness]) -> ssl.SSLContext:
    """Make the settings of a careful client, but for its weaknesses."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    suites = [_SUITES]
    if _WITH_DHE & weaknesses:
        suites.append("DHE+AESGCM")
    if W.OFFERS_NULL in weaknesses:
        suites.append("eNULL")
    if W.OFFERS_ANONYMOUS in weaknesses:
        suites.append("aNULL")
    if W.TAKES_OLD_VERSIONS in weaknesses:
        suites.append("ECDHE+AES")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers(":".join(suites) + (":@SECLEVEL=0" if _WEAK & weaknesses else ""))
    if (CHAIN | NAMES) & weaknesses:
        context.check_hostname = False
    if CHAIN & weaknesses:
        context.verify_mode = ssl.CERT_NONE
    return context


def is_passed_over(error: ssl.SSLError, weaknesses: Set[Weakness]) -> bool:
    """Tell whether a mutant goes on where OpenSSL breaks off."""
    return _BY_REASON.get(error.reason or "") in weaknesses
