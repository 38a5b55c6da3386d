"""Logins refused: what a reply means, and the words of providers with reasons of their own.

Sources: RFC 4954 6, RFC 5248 2.4; what Google and Microsoft document for their submission servers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from postseal.errors import AuthError
from postseal.send.doctor.diagnosis import Ailment, Diagnosis
from postseal.smtp.sasl.errors import NoCommonMechanism, ServerNotProven

__all__ = ["diagnose_login"]


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A login refused in words that are known to mean something."""

    words: re.Pattern[str]
    ailment: Ailment
    remedy: str


def _refusal(words: str, ailment: Ailment, remedy: str) -> _Refusal:
    return _Refusal(re.compile(words, re.IGNORECASE), ailment, remedy)


# What providers say in the text of their reply; codes are shared by too many meanings.
_REFUSALS: Final = (
    _refusal(
        r"application-specific password|invalidsecondfactor",
        Ailment.APP_PASSWORD_NEEDED,
        "Make an app password at https://myaccount.google.com/apppasswords and use it in place of "
        "the account's password, or log in with an OAuth 2.0 token.",
    ),
    _refusal(
        r"weblogin|log ?in (?:with|via|through) your web ?browser",
        Ailment.BROWSER_LOGIN_NEEDED,
        "Log in to the account with a web browser once, from this network if that can be; then use "
        "an app password or an OAuth 2.0 token.",
    ),
    _refusal(
        r"p=badcredentials",
        Ailment.CREDENTIALS_WRONG,
        "Google takes no account passwords from programs: use an app password, without its spaces, "
        "or an OAuth 2.0 token.",
    ),
    _refusal(
        r"smtpclientauthentication is disabled",
        Ailment.LOGIN_DISABLED,
        "The administrator must enable authenticated SMTP for the mailbox or the organisation: "
        "https://aka.ms/smtp_auth_disabled.",
    ),
    _refusal(
        r"basic authentication is disabled",
        Ailment.TOKENS_ONLY,
        "This organisation takes no passwords by SMTP: log in with an OAuth 2.0 token.",
    ),
    _refusal(
        r"security defaults|did not meet the criteria|conditional access",
        Ailment.LOGIN_DISABLED,
        "A policy of the organisation forbids it: its administrator must exempt the mailbox, or "
        "you use an OAuth 2.0 token.",
    ),
    _refusal(
        r"app(?:lication)?[ -]?(?:specific )?password",
        Ailment.APP_PASSWORD_NEEDED,
        "Make an app password in the settings of the account, and use it in place of the account's "
        "own.",
    ),
    _refusal(
        r"password.{0,20}(?:expired|must be changed)",
        Ailment.CREDENTIALS_OUTDATED,
        "Change the password in the provider's web pages, then try again.",
    ),
    _refusal(
        r"too many|rate limit|temporarily|locked",
        Ailment.LOGIN_LATER,
        "Wait: each further attempt may lock the account for longer.",
    ),
)


def diagnose_login(error: AuthError) -> Diagnosis:
    """Say why a login failed."""
    if isinstance(error, NoCommonMechanism):
        return Diagnosis.of(error, Ailment.TOKENS_ONLY, "Log in with an OAuth 2.0 token.")
    if isinstance(error, ServerNotProven):
        return Diagnosis.of(
            error, Ailment.SERVER_NOT_PROVEN, "Somebody may be impersonating the server."
        )
    for known in _REFUSALS:
        if known.words.search(error.text):
            return Diagnosis(known.ailment, error.text, known.remedy)
    if error.code == 432:
        # RFC 4954 6: the password is to be put into another form by logging in once by PLAIN.
        return Diagnosis.of(error, Ailment.CREDENTIALS_OUTDATED, "Change the password once.")
    if error.is_temporary:
        return Diagnosis.of(error, Ailment.LOGIN_LATER, "Try again later.")
    if (error.code, error.enhanced_code) == (534, "5.7.9"):
        return Diagnosis.of(
            error, Ailment.APP_PASSWORD_NEEDED, "Make an app password for this account."
        )
    if error.code == 535:
        return Diagnosis.of(
            error,
            Ailment.CREDENTIALS_WRONG,
            "Check both. Some servers want the whole address as the user, others only what is "
            "before the @; accounts with a second factor want an app password.",
        )
    return Diagnosis.of(error, Ailment.LOGIN_REFUSED, "The server's words say why.")
