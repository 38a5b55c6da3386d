"""What each check found, in the form in which Authentication-Results says it (RFC 8601 2.7)."""

from __future__ import annotations

from base64 import b64encode

from postseal.mail.authentication.arc_verifying import ARCResult
from postseal.mail.authentication.authentication_results import (
    AuthenticationResults,
    InvalidResults,
    MethodResult,
    Property,
)
from postseal.mail.authentication.dkim_verifying import DKIMResult
from postseal.mail.authentication.dmarc import DMARCResult
from postseal.mail.authentication.raw_message import read_fields
from postseal.mail.authentication.spf import SPFResult

__all__ = ["arc_method", "dkim_method", "dmarc_method", "spf_method", "without_results_of"]

_FIELD = "authentication-results"
# RFC 6008 4: enough to tell signatures apart.
_SHOWN_SIGNATURE = 12


def dkim_method(result: DKIMResult) -> MethodResult:
    """Report one signature: its domain, selector, algorithm and the beginning of b=."""
    signature = result.signature
    properties: tuple[Property, ...] = ()
    if signature is not None:
        shown = b64encode(signature.signature).decode("ascii")[:_SHOWN_SIGNATURE]
        properties = (
            Property("header", "d", signature.domain),
            Property("header", "i", signature.agent or f"@{signature.domain}"),
            Property("header", "s", signature.selector),
            Property("header", "a", signature.key_type.algorithm),
            Property("header", "b", shown),
        )
    return MethodResult("dkim", result.word, result.fault, properties)


def spf_method(result: SPFResult, *, sender: str, helo: str) -> MethodResult:
    """Report SPF with the identity that was checked: the reverse-path, or the EHLO without one."""
    if sender:
        checked = Property("smtp", "mailfrom", _printable(sender))
    else:
        checked = Property("smtp", "helo", _printable(helo))
    return MethodResult("spf", result.word, properties=(checked,))


def dmarc_method(result: DMARCResult) -> MethodResult:
    """Report DMARC with the domain of the author and the policy that holds for it."""
    properties = [Property("header", "from", _printable(result.domain))]
    if result.policy is not None:
        properties.append(Property("policy", "dmarc", result.policy))
    return MethodResult("dmarc", result.word, properties=tuple(properties))


def arc_method(result: ARCResult) -> MethodResult:
    """Report the chain, and by whom the last set on it is."""
    properties = tuple(Property("header", "d", last.seal.domain) for last in result.sets[-1:])
    return MethodResult("arc", result.status, result.fault, properties)


def without_results_of(header: bytes, service: str) -> bytes:
    """Take out of a header section all Authentication-Results that claim to be from a service.

    A border server does so with its own name before it adds its own: others could have written
    them (RFC 8601 5). Fields that cannot be read go as well, since another reader may be laxer.
    Raises `InvalidMessage` for what is no header section.
    """
    kept = []
    for field in read_fields(header):
        if field.name == _FIELD and _may_be_of(field.value, service):
            continue
        kept.append(field.octets)
    return b"".join(kept)


def _may_be_of(value: bytes, service: str) -> bool:
    try:
        found = AuthenticationResults.parse(value.decode("utf-8", "replace"))
    except InvalidResults:
        return True
    return found.service.lower() == service.lower()


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)
