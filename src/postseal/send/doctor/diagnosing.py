"""From an error of the engine to what it means for somebody who sets up an account."""

from __future__ import annotations

from typing import Final

from postseal.dns.answers import NameDoesNotExist
from postseal.errors import (
    AuthError,
    CertificateReason,
    CertificateRejected,
    ConnectError,
    Disconnected,
    MailError,
    Phase,
    RemoteProtocolError,
    SecretError,
    StartTLSInjection,
    StartTLSStripped,
    TimedOut,
    TLSError,
)
from postseal.send.doctor.diagnosis import Ailment, Diagnosis
from postseal.send.doctor.login_refusals import diagnose_login

__all__ = ["diagnose"]

_CERTIFICATES: Final = {
    CertificateReason.WRONG_NAME: Ailment.CERTIFICATE_FOR_ANOTHER_NAME,
    CertificateReason.EXPIRED: Ailment.CERTIFICATE_EXPIRED,
    CertificateReason.UNKNOWN_ISSUER: Ailment.CERTIFICATE_UNKNOWN_ISSUER,
    CertificateReason.SELF_SIGNED: Ailment.CERTIFICATE_UNKNOWN_ISSUER,
}
_MAX_NAMES: Final = 5
_LOG: Final = "The server's log may say more."


def diagnose(error: MailError) -> Diagnosis:
    """Say what an error of connecting, sealing or logging in means.

    What more is known of the server, such as what another port offers, is for the caller to add.
    """
    match error:
        case CertificateRejected():
            return _certificate(error)
        case StartTLSStripped():
            return Diagnosis.of(error, Ailment.NO_STARTTLS, _LOG)
        case StartTLSInjection():
            return Diagnosis.of(error, Ailment.STARTTLS_INJECTED, _LOG)
        case AuthError():
            return diagnose_login(error)
        case SecretError():
            return Diagnosis(
                Ailment.NO_CREDENTIALS,
                f"{error.reference or 'the reference'}: {error.text}",
                error.hint or "See what `postseal secrets check` says.",
            )
        case TimedOut() | ConnectError():
            return _connection(error)
        case Disconnected():
            # A 421 is the server's own word that another time may do.
            ailment = Ailment.CLOSED if error.code is None else Ailment.BUSY
            return Diagnosis.of(error, ailment, _LOG)
        case RemoteProtocolError():
            return Diagnosis.of(
                error, Ailment.NOT_SMTP, "Something else than a mail server is there."
            )
        case TLSError():
            return Diagnosis.of(error, Ailment.HANDSHAKE_FAILED, _LOG)
    return Diagnosis.of(error, Ailment.OTHER, _LOG)


def _certificate(error: CertificateRejected) -> Diagnosis:
    ailment = _CERTIFICATES.get(error.reason, Ailment.CERTIFICATE_REJECTED)
    hosts = [name for name in error.names if not name.startswith("*")][:_MAX_NAMES]
    if ailment is not Ailment.CERTIFICATE_FOR_ANOTHER_NAME or not hosts:
        return Diagnosis.of(error, ailment, "The server needs another certificate.")
    return Diagnosis(
        ailment,
        error.text,
        f"If the server is meant to be one of these, use its name: {', '.join(hosts)}. "
        "Otherwise its operator must get a certificate for this one.",
        error.names,
    )


def _connection(error: MailError) -> Diagnosis:
    cause = error.__cause__
    if error.phase is Phase.RESOLVE:
        failed = isinstance(cause, MailError) and not isinstance(cause, NameDoesNotExist)
        if failed or isinstance(error, TimedOut):
            return Diagnosis.of(
                error, Ailment.DNS_FAILED, "Ask another name server with --resolver."
            )
        return Diagnosis.of(error, Ailment.NAME_MISSING, "Is the name spelt right?")
    if isinstance(error, TimedOut):
        if error.phase is Phase.CONNECT:
            return Diagnosis.of(
                error,
                Ailment.FILTERED,
                "A firewall drops the connection, or the host is down. Many networks let nobody "
                "out to port 25, and clouds often none to 465 and 587 either.",
            )
        return Diagnosis.of(
            error, Ailment.SILENT, "The server is overloaded, or this is no mail server."
        )
    if error.code is not None:
        ailment = Ailment.BUSY if error.code < 500 else Ailment.TURNED_AWAY
        return Diagnosis.of(
            error, ailment, "The server's words say why; it may block this address."
        )
    if isinstance(cause, ConnectionRefusedError):
        return Diagnosis.of(error, Ailment.REFUSED, "Nothing listens there, or a firewall says so.")
    return Diagnosis.of(error, Ailment.UNREACHABLE, "Check this machine's network and routes.")
