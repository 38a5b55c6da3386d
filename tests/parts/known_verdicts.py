"""What is publicly known of real mail clients in front of the attack lab, and who said it.

Only what has been published stands here: a weakness that is not in public belongs to its makers
first, and a promise of the makers is as good as a weakness for an expectation. Cases are named by
globs, as `postseal audit client --cases` takes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from postseal.audit.findings import Reference
from postseal.audit.lab.case import Case, Mode
from postseal.audit.lab.verdicts import Verdict

__all__ = ["KNOWN", "Known", "expected"]


@dataclass(frozen=True, slots=True)
class Known:
    """That in some cases the verdict is known, and from where."""

    cases: str
    verdict: Verdict
    source: Reference


def expected(
    name: str, cases: Sequence[Case], mode: Mode
) -> Iterator[tuple[Case, Verdict, Reference]]:
    """Yield the cases of the mode in which something is known of the client, in their order.

    The later of two rows of a client that name one case wins.
    """
    for case in cases:
        if mode in case.modes and not case.not_covered:
            rows = [
                row
                for row in KNOWN[name]
                if any(fnmatchcase(case.id, glob) for glob in row.cases.split())
            ]
            if rows:
                yield case, rows[-1].verdict, rows[-1].source


_UNOFFERED: Final = "N01"
_REFUSED: Final = "N02 N03 N04 N06 N09-5*"
_NO_EHLO: Final = "N10"
_NO_TLS_PORT: Final = "N17"
_STRIPPED: Final = f"{_UNOFFERED} {_REFUSED} {_NO_EHLO} {_NO_TLS_PORT}"
_UNTRUSTED: Final = "C01 C02 C04 C05"
_OTHER_HOST: Final = "C03 C17"
_IMPOSTORS: Final = f"{_UNTRUSTED} {_OTHER_HOST}"
_COMMON_NAME: Final = "C07"
_INJECTED: Final = "B01 B02 B03"
_ENDLESS: Final = "P01"

_CPYTHON: Final = Reference("CPython issue 91826", "https://github.com/python/cpython/issues/91826")
_PYTHON: Final = Reference(
    "Python: ssl",
    "https://docs.python.org/3/library/ssl.html#ssl.SSLContext.hostname_checks_common_name",
)
_SMTPLIB: Final = Reference(
    "Python: smtplib", "https://docs.python.org/3/library/smtplib.html#smtplib.SMTP.starttls"
)
_AIOSMTPLIB: Final = Reference(
    "aiosmtplib: TLS", "https://aiosmtplib.readthedocs.io/en/stable/encryption.html"
)
_AIOSMTPLIB_CHANGES: Final = Reference(
    "aiosmtplib: changes of 5.1.2", "https://aiosmtplib.readthedocs.io/en/stable/changelog.html"
)
_AIOSMTPLIB_INJECTION: Final = Reference(
    "GHSA-vxj7-4xrp-5vr4", "https://github.com/advisories/GHSA-vxj7-4xrp-5vr4"
)
_ANYIO: Final = Reference(
    "AnyIO: TLS", "https://anyio.readthedocs.io/en/stable/streams.html#tls-streams"
)
_DJANGO: Final = Reference(
    "Django: settings", "https://docs.djangoproject.com/en/5.2/ref/settings/#email-use-tls"
)
_REDMAIL: Final = Reference(
    "red-mail: source",
    "https://github.com/Miksus/red-mail/blob/v0.6.0/redmail/email/sender.py",
)
_EMAILS: Final = Reference(
    "python-emails: source",
    "https://github.com/lavr/python-emails/blob/master/emails/backend/smtp/client.py",
)
_NODEMAILER: Final = Reference("nodemailer: SMTP transport", "https://nodemailer.com/smtp/")
_NODEMAILER_INJECTION: Final = Reference(
    "nodemailer pull request 1835", "https://github.com/nodemailer/nodemailer/pull/1835"
)
_SWAKS: Final = Reference(
    "swaks: reference", "https://jetmore.org/john/code/swaks/latest/doc/ref.txt"
)
_SWAKS_CHANGES: Final = Reference(
    "swaks: changes of 20240103", "https://jetmore.org/john/code/swaks/versions.html"
)
_MSMTP: Final = Reference("msmtp: manual", "https://marlam.de/msmtp/msmtp.html")
_CURL: Final = Reference("curl: manual", "https://curl.se/docs/manpage.html")
_NET_SMTP: Final = Reference("Ruby: Net::SMTP", "https://docs.ruby-lang.org/en/3.1/Net/SMTP.html")
_MAIL: Final = Reference(
    "mail: source",
    "https://github.com/mikel/mail/blob/2.7.1/lib/mail/network/delivery_methods/smtp.rb",
)


def _safe(cases: str, source: Reference) -> Known:
    return Known(cases, Verdict.SAFE, source)


def _leaks(cases: str, source: Reference) -> Known:
    return Known(cases, Verdict.LEAK_CREDENTIALS, source)


def _forged(cases: str, source: Reference) -> Known:
    return Known(cases, Verdict.ACCEPTED_FORGED, source)


def _careful(source: Reference) -> Known:
    """A client of which its makers say that it requires TLS and verifies the server."""
    return _safe(f"{_STRIPPED} {_IMPOSTORS}", source)


KNOWN: Final[Mapping[str, tuple[Known, ...]]] = {
    "smtplib": (_safe(f"{_STRIPPED} {_INJECTED}", _SMTPLIB), _leaks(_IMPOSTORS, _CPYTHON)),
    "smtplib, context": (
        _careful(_SMTPLIB),
        _safe(_INJECTED, _SMTPLIB),
        _leaks(_COMMON_NAME, _PYTHON),
    ),
    "aiosmtplib, older": (
        _careful(_AIOSMTPLIB),
        _forged("B01 B03", _AIOSMTPLIB_INJECTION),
        Known(_ENDLESS, Verdict.HANG, _AIOSMTPLIB_CHANGES),
        _leaks(_COMMON_NAME, _PYTHON),
    ),
    "aiosmtplib": (
        _careful(_AIOSMTPLIB),
        _safe(f"{_INJECTED} {_ENDLESS}", _AIOSMTPLIB_CHANGES),
        _leaks(_COMMON_NAME, _PYTHON),
    ),
    "aiosmtplib, default": (_safe(_IMPOSTORS, _AIOSMTPLIB), _leaks(_UNOFFERED, _AIOSMTPLIB)),
    "smtpproto": (_safe(_IMPOSTORS, _ANYIO),),
    "Django": (_careful(_DJANGO), _safe(_INJECTED, _SMTPLIB), _leaks(_COMMON_NAME, _PYTHON)),
    "red-mail": (_safe(f"{_STRIPPED} {_INJECTED}", _SMTPLIB), _leaks(_IMPOSTORS, _REDMAIL)),
    "python-emails": (_safe(f"{_STRIPPED} {_INJECTED}", _SMTPLIB), _leaks(_IMPOSTORS, _EMAILS)),
    "nodemailer, older": (
        _safe(f"{_IMPOSTORS} {_REFUSED} {_NO_TLS_PORT}", _NODEMAILER),
        _leaks(f"{_UNOFFERED} {_NO_EHLO}", _NODEMAILER),
        _forged("B02", _NODEMAILER_INJECTION),
    ),
    "nodemailer, older, requireTLS": (
        _careful(_NODEMAILER),
        _forged("B02", _NODEMAILER_INJECTION),
    ),
    "nodemailer": (
        _safe(f"{_IMPOSTORS} {_REFUSED} {_NO_TLS_PORT}", _NODEMAILER),
        _leaks(f"{_UNOFFERED} {_NO_EHLO}", _NODEMAILER),
        _safe("B02", _NODEMAILER_INJECTION),
    ),
    "nodemailer, requireTLS": (_careful(_NODEMAILER), _safe("B02", _NODEMAILER_INJECTION)),
    "swaks, --tls": (_safe(_STRIPPED, _SWAKS), _leaks(_IMPOSTORS, _SWAKS)),
    "swaks, --tls --tls-verify": (
        _safe(f"{_STRIPPED} {_UNTRUSTED}", _SWAKS),
        _leaks(_OTHER_HOST, _SWAKS_CHANGES),
    ),
    "swaks, --tls-optional": (_leaks(f"{_UNOFFERED} {_REFUSED}", _SWAKS),),
    "swaks, --tls-optional-strict": (_leaks(_UNOFFERED, _SWAKS), _safe(_REFUSED, _SWAKS)),
    "swaks, --tls-on-connect": (_safe(_NO_TLS_PORT, _SWAKS), _leaks(_IMPOSTORS, _SWAKS)),
    "swaks, --tls-on-connect --tls-verify": (
        _safe(f"{_NO_TLS_PORT} {_UNTRUSTED}", _SWAKS),
        _leaks(_OTHER_HOST, _SWAKS_CHANGES),
    ),
    "msmtp": (_careful(_MSMTP),),
    "msmtp, tls_certcheck off": (_safe(_STRIPPED, _MSMTP), _leaks(_IMPOSTORS, _MSMTP)),
    "msmtp, tls_starttls off": (_careful(_MSMTP),),
    "curl, --ssl-reqd": (
        _careful(_CURL),
        _safe(_INJECTED, Reference("CVE-2021-22947", "https://curl.se/docs/CVE-2021-22947.html")),
    ),
    "curl, --ssl-reqd --insecure": (_safe(_STRIPPED, _CURL), _leaks(_IMPOSTORS, _CURL)),
    "curl, --ssl": (_safe(_IMPOSTORS, _CURL), _leaks(f"{_UNOFFERED} {_REFUSED}", _CURL)),
    "curl, smtps": (_careful(_CURL),),
    "net-smtp": (
        _safe(f"{_IMPOSTORS} {_REFUSED} {_NO_TLS_PORT}", _NET_SMTP),
        _leaks(f"{_UNOFFERED} {_NO_EHLO}", _NET_SMTP),
    ),
    "net-smtp, always": (_careful(_NET_SMTP),),
    "mail": (
        _safe(f"{_IMPOSTORS} {_REFUSED} {_NO_TLS_PORT}", _NET_SMTP),
        _leaks(f"{_UNOFFERED} {_NO_EHLO}", _MAIL),
    ),
    "mail, always": (_careful(_MAIL),),
    "mail, unverified": (_safe(_STRIPPED, _MAIL), _leaks(_IMPOSTORS, _MAIL)),
}
"""By the names of `tests.parts.lab_clients`."""
