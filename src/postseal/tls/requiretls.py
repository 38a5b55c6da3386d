"""REQUIRETLS and `TLS-Required: No`: what a sender says of how one message may travel (RFC 8689).

`requirement_of` tags a message on receipt, `requiretls_statement` puts the tag on the ladder,
`announces_requiretls` decides over an open connection, and `bounce_reason` after the last server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum, unique
from typing import Final

from postseal.errors import (
    CertificateRejected,
    HandshakeFailed,
    MailError,
    Phase,
    RequireTLSNotMet,
    StartTLSStripped,
)
from postseal.tls.ladder import Stance, Statement
from postseal.tls.levels import SOUND_PROOFS, PolicySource, TLSLevel, TLSOutcome

__all__ = [
    "TLS_NOT_REQUIRED_HEADER",
    "HostAssurance",
    "TLSRequirement",
    "announces_requiretls",
    "bounce_reason",
    "requirement_of",
    "requiretls_statement",
]

TLS_NOT_REQUIRED_HEADER: Final = ("TLS-Required", "No")
"""The header field of a message whose delivery matters more than its secrecy (RFC 8689 3)."""

# RFC 8689 4.2.1.
_NOT_SUPPORTED: Final = "5.7.30"
_ENCRYPTION_NEEDED: Final = "5.7.10"
# What it means that a TLS session with the right server could not be established.
_TLS_FAILURES: Final = (CertificateRejected, HandshakeFailed, StartTLSStripped)
_REMEDY: Final = "The sender may send it again without REQUIRETLS."


@unique
class TLSRequirement(StrEnum):
    """How a message was tagged on receipt; all copies of it, and what is made of it, inherit that.

    What is made of a message are its notifications (RFC 8689 5), forwarded copies, automatic
    answers and list mail (RFC 8689 6).
    """

    REQUIRED = "REQUIRETLS"
    UNSTATED = "unstated"
    NOT_REQUIRED = "TLS-Required: No"


@unique
class HostAssurance(StrEnum):
    """Why the name of a server is believed to be one of the destination's (RFC 8689 2)."""

    DNSSEC = "an authentic MX record"
    MTA_STS = "an MX name of the MTA-STS policy"
    ITSELF = "the destination itself"
    """There is no MX record, or the message goes to a server that was named beforehand."""
    NONE = "an MX record that anybody may have forged"


def requirement_of(*, parameter: bool, header_values: Iterable[str]) -> TLSRequirement:
    """Tag a message by the parameter REQUIRETLS of its MAIL and its `TLS-Required` fields.

    The parameter wins. A field that is repeated, or says anything but `No`, says nothing.
    Source: RFC 8689 3, 4.1.
    """
    if parameter:
        return TLSRequirement.REQUIRED
    values = [value.strip(" \t\r\n").lower() for value in header_values]
    return TLSRequirement.NOT_REQUIRED if values == ["no"] else TLSRequirement.UNSTATED


def requiretls_statement(
    requirement: TLSRequirement, assurance: HostAssurance, *, is_notification: bool
) -> Statement | None:
    """What a message's tag asks of the connection to one server.

    A notification (null reverse-path) is sent as it should be where that is possible, and is not
    lost where it is not (RFC 8689 4.2.1, 5).
    """
    match requirement:
        case TLSRequirement.UNSTATED:
            return None
        case TLSRequirement.NOT_REQUIRED:
            return Statement(
                source=PolicySource.TLS_REQUIRED_NO,
                stance=Stance.LOWERS,
                level=TLSLevel.OPPORTUNISTIC,
                found="the message has the header TLS-Required: No",
                remedy="The sender may send it without that header.",
            )
        case TLSRequirement.REQUIRED:
            refused = assurance is HostAssurance.NONE and not is_notification
            stance = Stance.REFUSES if refused else Stance.REQUIRES
            return Statement(
                source=PolicySource.REQUIRETLS,
                stance=Stance.REPORTS if is_notification else stance,
                level=TLSLevel.AUTHENTICATED,
                proofs=SOUND_PROOFS,
                found=f"the server is found by {assurance}"
                if refused
                else "the message requires TLS on its whole way",
                remedy=_REMEDY,
                enhanced_code=_ENCRYPTION_NEEDED if refused else None,
            )


def announces_requiretls(
    requirement: TLSRequirement,
    assurance: HostAssurance,
    outcome: TLSOutcome,
    *,
    is_offered: bool,
    is_notification: bool,
    host: str,
) -> bool:
    """Say whether MAIL carries REQUIRETLS over a connection; `is_offered` is of the EHLO in TLS.

    Raises `RequireTLSNotMet`, before any byte of the envelope, where the message may not be sent
    over it: 5.7.30 where only the offer is missing, 5.7.10 otherwise (RFC 8689 2, 4.2.1).
    """
    if requirement is not TLSRequirement.REQUIRED:
        return False
    is_safe = outcome.level >= TLSLevel.AUTHENTICATED and assurance is not HostAssurance.NONE
    if is_safe and is_offered:
        return True
    if is_notification:
        return False
    if is_safe:
        raise _not_met("the server does not offer REQUIRETLS", _NOT_SUPPORTED, host)
    raise _not_met(
        f"the connection, to a server found by {assurance}, has {outcome}", _ENCRYPTION_NEEDED, host
    )


def bounce_reason(errors: Sequence[MailError], *, domain: str) -> RequireTLSNotMet | None:
    """Say why a message with REQUIRETLS goes back, once all servers of its domain were tried.

    `errors` are those of each server. None while one of them may pass that is no answer to
    REQUIRETLS, such as a server that could not be reached: then the message is tried again later.
    A server that lacks only the offer makes it 5.7.30, and none of that sort 5.7.10
    (RFC 8689 4.2.1).
    """
    if not errors or not all(map(_answers_requiretls, errors)):
        return None
    if any(error.enhanced_code == _NOT_SUPPORTED for error in errors):
        return _not_met("REQUIRETLS support required", _NOT_SUPPORTED, domain)
    return _not_met("Encryption needed", _ENCRYPTION_NEEDED, domain)


def _answers_requiretls(error: MailError) -> bool:
    codes = (_NOT_SUPPORTED, _ENCRYPTION_NEEDED)
    return isinstance(error, _TLS_FAILURES) or error.enhanced_code in codes


def _not_met(text: str, enhanced_code: str, host: str) -> RequireTLSNotMet:
    return RequireTLSNotMet(
        text, code=550, enhanced_code=enhanced_code, host=host, phase=Phase.MAIL, hint=_REMEDY
    )
