"""What errors of the engine mean, and what providers mean by their words."""

from __future__ import annotations

import pytest

from postseal.dns import NameDoesNotExist, ResolverFailure
from postseal.errors import (
    AuthError,
    CertificateReason,
    CertificateRejected,
    ConnectError,
    Disconnected,
    HandshakeFailed,
    LocalProtocolError,
    MailError,
    Phase,
    RemoteProtocolError,
    SecretNotFound,
    StartTLSInjection,
    StartTLSStripped,
    TimedOut,
)
from postseal.send.doctor.diagnosing import diagnose
from postseal.send.doctor.diagnosis import Ailment
from postseal.smtp.sasl.errors import NoCommonMechanism, ServerSignatureInvalid


def caused(error: MailError, cause: Exception) -> MailError:
    error.__cause__ = cause
    return error


def unreachable(cause: Exception) -> MailError:
    return caused(ConnectError("port 465 cannot be reached", phase=Phase.CONNECT), cause)


def unresolved(cause: Exception) -> MailError:
    return caused(ConnectError("cannot be resolved", phase=Phase.RESOLVE), cause)


@pytest.mark.parametrize(
    ("error", "ailment"),
    [
        (unreachable(ConnectionRefusedError(111, "refused")), Ailment.REFUSED),
        (unreachable(OSError(113, "no route")), Ailment.UNREACHABLE),
        (TimedOut("took too long", phase=Phase.CONNECT), Ailment.FILTERED),
        (TimedOut("nothing in time", phase=Phase.GREETING), Ailment.SILENT),
        (unresolved(NameDoesNotExist("no")), Ailment.NAME_MISSING),
        (unresolved(ResolverFailure("no")), Ailment.DNS_FAILED),
        (ConnectError("no address", phase=Phase.RESOLVE), Ailment.NAME_MISSING),
        (TimedOut("took too long", phase=Phase.RESOLVE), Ailment.DNS_FAILED),
        (ConnectError("no", phase=Phase.GREETING, code=554), Ailment.TURNED_AWAY),
        (ConnectError("no", phase=Phase.GREETING, code=421), Ailment.BUSY),
        (Disconnected("gone", phase=Phase.GREETING), Ailment.CLOSED),
        (Disconnected("gone", phase=Phase.GREETING, code=421), Ailment.BUSY),
        (RemoteProtocolError("what?"), Ailment.NOT_SMTP),
        (StartTLSStripped("none"), Ailment.NO_STARTTLS),
        (StartTLSInjection("more"), Ailment.STARTTLS_INJECTED),
        (HandshakeFailed("no"), Ailment.HANDSHAKE_FAILED),
        (CertificateRejected(reason=CertificateReason.EXPIRED), Ailment.CERTIFICATE_EXPIRED),
        (
            CertificateRejected(reason=CertificateReason.SELF_SIGNED),
            Ailment.CERTIFICATE_UNKNOWN_ISSUER,
        ),
        (
            CertificateRejected(reason=CertificateReason.WRONG_NAME),
            Ailment.CERTIFICATE_FOR_ANOTHER_NAME,
        ),
        (CertificateRejected(reason=CertificateReason.WEAK_KEY), Ailment.CERTIFICATE_REJECTED),
        (NoCommonMechanism("none"), Ailment.TOKENS_ONLY),
        (ServerSignatureInvalid("no"), Ailment.SERVER_NOT_PROVEN),
        (SecretNotFound("none", reference="env:NOBODY"), Ailment.NO_CREDENTIALS),
        (LocalProtocolError("ours"), Ailment.OTHER),
    ],
    ids=str,
)
def test_each_error_means_one_thing_and_has_a_remedy(error: MailError, ailment: Ailment) -> None:
    diagnosis = diagnose(error)
    assert diagnosis.ailment is ailment
    assert diagnosis.remedy.endswith((".", "?"))


def test_the_hint_of_the_engine_is_the_remedy() -> None:
    error = HandshakeFailed("no", hint="The peer serves no host of this name.")
    assert diagnose(error).remedy == "The peer serves no host of this name."


def test_the_names_of_a_certificate_are_offered_but_not_its_wildcards() -> None:
    error = CertificateRejected(
        reason=CertificateReason.WRONG_NAME, names=("*.example.net", "mx.example.net")
    )
    diagnosis = diagnose(error)
    assert diagnosis.names == ("*.example.net", "mx.example.net")
    assert "use its name: mx.example.net." in diagnosis.remedy


GOOGLE = "https://support.google.com/mail/?p="


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "ailment"),
    [
        (
            534,
            "5.7.9",
            f"Application-specific password required. {GOOGLE}InvalidSecondFactor",
            Ailment.APP_PASSWORD_NEEDED,
        ),
        (534, "5.7.9", "Please authenticate otherwise", Ailment.APP_PASSWORD_NEEDED),
        (
            535,
            "5.7.8",
            f"Username and Password not accepted. {GOOGLE}BadCredentials",
            Ailment.CREDENTIALS_WRONG,
        ),
        (
            534,
            "5.7.14",
            f"Please log in via your web browser and then try again. {GOOGLE}WebLoginRequired",
            Ailment.BROWSER_LOGIN_NEEDED,
        ),
        (
            535,
            "5.7.139",
            "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
            Ailment.LOGIN_DISABLED,
        ),
        (
            535,
            "5.7.139",
            "Authentication unsuccessful, basic authentication is disabled.",
            Ailment.TOKENS_ONLY,
        ),
        (
            535,
            "5.7.139",
            "Authentication unsuccessful, the user credentials were incorrect.",
            Ailment.CREDENTIALS_WRONG,
        ),
        (
            535,
            "5.7.139",
            "Authentication unsuccessful, user is locked by the security defaults policy.",
            Ailment.LOGIN_DISABLED,
        ),
        (535, "5.7.0", "Incorrect password; use an app password", Ailment.APP_PASSWORD_NEEDED),
        (535, "5.7.8", "Error: authentication failed", Ailment.CREDENTIALS_WRONG),
        (535, None, "Your password has expired", Ailment.CREDENTIALS_OUTDATED),
        (432, "4.7.12", "A password transition is needed", Ailment.CREDENTIALS_OUTDATED),
        (454, "4.7.0", "Temporary authentication failure", Ailment.LOGIN_LATER),
        (535, "5.7.0", "Too many failed attempts", Ailment.LOGIN_LATER),
        (550, None, "we do not want you to operate here", Ailment.LOGIN_REFUSED),
    ],
)
def test_the_words_of_providers_are_known(
    code: int, enhanced: str | None, text: str, ailment: Ailment
) -> None:
    error = AuthError(text, phase=Phase.AUTH, code=code, enhanced_code=enhanced)
    assert diagnose(error).ailment is ailment
