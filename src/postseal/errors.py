"""What can go wrong, who is to blame, and what to do about it.

::

    MailError
    ├── InvalidInput            the caller gave something that cannot be mail (also a ValueError)
    │   ├── InvalidAddress
    │   ├── InvalidHeader
    │   ├── InvalidReference
    │   ├── InvalidReport
    │   ├── InvalidURL
    │   └── InvalidSetting
    ├── MissingExtra            a feature needs packages that are not installed
    ├── ConnectError            no connection could be made
    ├── Disconnected            the peer went away in the middle
    ├── TimedOut                a deadline passed; `phase` says which (also a TimeoutError)
    ├── DeliveryUnknown         the message was handed over, and its fate was not told
    ├── TLSError                the seal; `result_type` is the RFC 8460 tag
    │   ├── HandshakeFailed
    │   ├── CertificateRejected `reason` says why
    │   ├── StartTLSStripped
    │   ├── StartTLSInjection
    │   └── PolicyNotMet
    │       └── RequireTLSNotMet    for good: the message goes back to its sender
    ├── PolicyUnavailable       a domain's MTA-STS policy cannot be had; `result_type` as above
    ├── SecretError             a secret could not be had; `reference` says which
    │   ├── SecretNotFound
    │   ├── SecretDenied
    │   ├── SecretUnreachable       now; also when a deadline passed
    │   └── SecretMalformed         what is kept there is no secret, or was altered
    ├── AuthError               the server did not take the credentials
    ├── ProtocolError           somebody broke SMTP:
    │   ├── RemoteProtocolError     the peer
    │   └── LocalProtocolError      the calling code
    ├── Withheld                an interceptor of the application kept the message back
    └── Rejected                the server said no
        ├── TemporarilyRejected     4yz
        └── PermanentlyRejected     5yz

Every error carries the same attributes, pickles, and reads as one line: what, where, what to do.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Any, ClassVar

__all__ = [
    "AuthError",
    "CertificateReason",
    "CertificateRejected",
    "ConnectError",
    "DeliveryUnknown",
    "Disconnected",
    "HandshakeFailed",
    "InvalidAddress",
    "InvalidHeader",
    "InvalidInput",
    "InvalidReference",
    "InvalidReport",
    "InvalidSetting",
    "InvalidURL",
    "LocalProtocolError",
    "MailError",
    "MissingExtra",
    "PermanentlyRejected",
    "Phase",
    "PolicyNotMet",
    "PolicyUnavailable",
    "ProtocolError",
    "Rejected",
    "RemoteProtocolError",
    "RequireTLSNotMet",
    "SecretDenied",
    "SecretError",
    "SecretMalformed",
    "SecretNotFound",
    "SecretUnreachable",
    "StartTLSInjection",
    "StartTLSStripped",
    "TLSError",
    "TLSResultType",
    "TemporarilyRejected",
    "TimedOut",
    "Withheld",
]


@unique
class Phase(StrEnum):
    """The step of a mail conversation at which something happened."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    RSET = "rset"
    NOOP = "noop"
    QUIT = "quit"


@unique
class TLSResultType(StrEnum):
    """The words that RFC 8460 section 4.3 gives to TLS failures."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"


@unique
class CertificateReason(StrEnum):
    """Why a peer's certificate was not accepted."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    WRONG_NAME = "wrong name"
    WRONG_PIN = "wrong pin"
    UNKNOWN_ISSUER = "unknown issuer"
    SELF_SIGNED = "self-signed"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "revocation unknown"
    WRONG_PURPOSE = "wrong purpose"
    NOT_AN_AUTHORITY = "issued by no authority"
    NAME_NOT_PERMITTED = "name not permitted to its issuer"
    CHAIN_TOO_LONG = "chain too long"
    WEAK_KEY = "weak key"
    WEAK_SIGNATURE = "weak signature"
    BAD_SIGNATURE = "bad signature"
    MALFORMED = "malformed"
    NO_TLSA_MATCH = "no TLSA record matches"
    OTHER = "other"

    @property
    def result_type(self) -> TLSResultType:
        """The RFC 8460 word for a failure with this reason."""
        return _RESULT_TYPES.get(self, TLSResultType.CERTIFICATE_NOT_TRUSTED)


_RESULT_TYPES = {
    CertificateReason.EXPIRED: TLSResultType.CERTIFICATE_EXPIRED,
    CertificateReason.NOT_YET_VALID: TLSResultType.CERTIFICATE_EXPIRED,
    CertificateReason.WRONG_NAME: TLSResultType.CERTIFICATE_HOST_MISMATCH,
    CertificateReason.MALFORMED: TLSResultType.VALIDATION_FAILURE,
    CertificateReason.NO_TLSA_MATCH: TLSResultType.TLSA_INVALID,
    CertificateReason.OTHER: TLSResultType.VALIDATION_FAILURE,
}


class MailError(Exception):
    """The root of all errors that Postseal raises on purpose.

    `text` is what happened. `phase` and `host` say where, `recipient` for whom. `code` and
    `enhanced_code` are the server's reply where there was one (RFC 5321 4.2, RFC 3463).
    `hint` says what to do.
    """

    _may_pass: ClassVar[bool] = False
    _fields: ClassVar[tuple[str, ...]] = (
        "phase",
        "host",
        "code",
        "enhanced_code",
        "recipient",
        "hint",
    )

    def __init__(
        self,
        text: str = "",
        *,
        phase: Phase | None = None,
        host: str | None = None,
        code: int | None = None,
        enhanced_code: str | None = None,
        recipient: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.phase = phase
        self.host = host
        self.code = code
        self.enhanced_code = enhanced_code
        self.recipient = recipient
        self.hint = hint

    @property
    def is_temporary(self) -> bool:
        """Whether the same attempt may succeed later."""
        return self._may_pass

    def __str__(self) -> str:
        where = " at ".join(part for part in (self.host, self.phase) if part)
        line = f"{where}: {self.text}" if where else self.text
        if self.recipient:
            line = f"{line} (recipient {self.recipient})"
        return f"{line}. {self.hint}" if self.hint else line

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {name: getattr(self, name) for name in self._fields}
        return _rebuild, (type(self), self.text, fields)

    def at(self, *, phase: Phase | None = None, host: str | None = None) -> None:
        """Fill in where it happened, keeping what is already known."""
        self.phase = self.phase or phase
        self.host = self.host or host


def _rebuild(kind: type[MailError], text: str, fields: dict[str, Any]) -> MailError:
    return kind(text, **fields)


class InvalidInput(MailError, ValueError):
    """A value given by the caller cannot be part of a mail or of its delivery."""


class InvalidAddress(InvalidInput):
    """A text is not a mail address (RFC 5321 4.1.2, RFC 6531 3.3)."""


class InvalidHeader(InvalidInput):
    """A header name or value cannot be written without changing its meaning (RFC 5322 2.2)."""


class InvalidReference(InvalidInput):
    """A text does not say where a secret is kept; it is not repeated, for it may be one."""


class InvalidReport(InvalidInput):
    """What arrived is no TLS report, or no record that asks for reports (RFC 8460)."""


class InvalidURL(InvalidInput):
    """A transport URL has an unknown scheme, a missing host or an option nobody knows."""


class InvalidSetting(InvalidInput):
    """A setting is unknown, of the wrong type, or contradicts another."""


class MissingExtra(MailError, ImportError):
    """A feature needs packages that are not installed; the text names the extra."""


class ConnectError(MailError):
    """No connection to the server could be made."""

    _may_pass = True


class Disconnected(MailError):
    """The peer closed or reset the connection in the middle of a conversation."""

    _may_pass = True


class TimedOut(MailError, TimeoutError):
    """A deadline passed; `phase` says what was being waited for."""

    _may_pass = True


class DeliveryUnknown(MailError):
    """The whole message was handed over, and what the server made of it was never heard.

    It may have been taken: whoever sends it again may deliver it twice, and whoever does not may
    have lost it (RFC 5321 4.2.5 leaves it with the sender). The cause says what came between.
    """

    _may_pass = True


class TLSError(MailError):
    """The channel could not be sealed as the policy asks; nothing was sent in clear instead.

    Temporary: who asks for TLS waits for it, and an attacker or a broken server may go away.
    """

    _may_pass = True
    result_type: TLSResultType = TLSResultType.VALIDATION_FAILURE


class HandshakeFailed(TLSError):
    """The TLS handshake did not complete."""


class CertificateRejected(TLSError):
    """The peer's certificate does not prove that it is the host that was asked for.

    `names` are those that the certificate holds; `chain` is what the peer sent, its own certificate
    first, each in DER. Both are empty where the TLS library does not tell.
    """

    _fields = (*MailError._fields, "reason", "names", "chain")

    def __init__(
        self,
        text: str = "",
        *,
        reason: CertificateReason = CertificateReason.OTHER,
        names: tuple[str, ...] = (),
        chain: tuple[bytes, ...] = (),
        **where: Any,
    ) -> None:
        super().__init__(text, **where)
        self.reason = reason
        self.names = names
        self.chain = chain
        self.result_type = reason.result_type


class StartTLSStripped(TLSError):
    """TLS is required, and the server did not offer STARTTLS or refused it (RFC 3207)."""

    result_type = TLSResultType.STARTTLS_NOT_SUPPORTED


class StartTLSInjection(TLSError):
    """Bytes in clear arrived behind STARTTLS or its reply; somebody may be injecting them."""


class PolicyNotMet(TLSError):
    """The connection's TLS level is below what the policy asks for, or will surely be."""

    _fields = (*MailError._fields, "result_type")

    def __init__(
        self,
        text: str = "",
        *,
        result_type: TLSResultType = TLSResultType.VALIDATION_FAILURE,
        **where: Any,
    ) -> None:
        super().__init__(text, **where)
        self.result_type = result_type


class RequireTLSNotMet(PolicyNotMet):
    """No server of the destination can be sent a message with REQUIRETLS (RFC 8689 4.2.1)."""

    _may_pass = False


class PolicyUnavailable(MailError):
    """A domain announces an MTA-STS policy that cannot be fetched or read (RFC 8461 3)."""

    _may_pass = True
    _fields = (*MailError._fields, "result_type")

    def __init__(
        self,
        text: str = "",
        *,
        result_type: TLSResultType = TLSResultType.STS_POLICY_FETCH_ERROR,
        **where: Any,
    ) -> None:
        super().__init__(text, **where)
        self.result_type = result_type


class SecretError(MailError):
    """A secret could not be had; `reference` is what was asked for, and no value is told."""

    _fields = (*MailError._fields, "reference")

    def __init__(self, text: str = "", *, reference: str | None = None, **where: Any) -> None:
        super().__init__(text, **where)
        self.reference = reference

    def __str__(self) -> str:
        line = super().__str__()
        return f"{self.reference}: {line}" if self.reference else line


class SecretNotFound(SecretError):
    """Nothing is kept under the reference."""


class SecretDenied(SecretError):
    """Who keeps the secret does not give it to us, or it lies where others can read it."""


class SecretUnreachable(SecretError):
    """Who keeps the secret could not be asked, or did not answer in time."""

    _may_pass = True


class SecretMalformed(SecretError):
    """What is kept under the reference is no secret of the form asked for, or was altered."""


class AuthError(MailError):
    """The server did not accept the credentials, or there was no safe way to give them."""

    @property
    def is_temporary(self) -> bool:
        """True when the server says that trying again later may help (454, 4yz)."""
        return self.code is not None and 400 <= self.code < 500


class ProtocolError(MailError):
    """Somebody broke the rules of SMTP; the subclasses say who."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that RFC 5321 does not allow."""

    _may_pass = True


class LocalProtocolError(ProtocolError):
    """The calling code asked for something that the session's state does not allow."""


class Withheld(MailError):
    """An interceptor of the application kept the message back; its text says why."""


class Rejected(MailError):
    """The server refused the sender, the recipients or the message."""


class TemporarilyRejected(Rejected):
    """The server refused for now (4yz); the same message may be taken later."""

    _may_pass = True


class PermanentlyRejected(Rejected):
    """The server refused for good (5yz); the same message will be refused again."""
