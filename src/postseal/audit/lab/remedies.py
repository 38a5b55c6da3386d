"""The remedy for the client at hand: what it sends mail by, and what to change there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path
from typing import Final

__all__ = ["MailLibrary", "recognise", "remedy_for"]

_READ: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signs:
    """How a library is recognised: by a word of the command, or by a line of a source."""

    word: str
    source: str = r"(?!)"


@unique
class MailLibrary(Enum):
    """What clients send mail by, the special before what it may itself be made of."""

    POSTSEAL = _Signs(word=r"postseal", source=r"^\s*(?:from|import) postseal\b")
    DJANGO = _Signs(word=r"django|manage\.py", source=r"^\s*(?:from|import) django\b")
    FLASK_MAIL = _Signs(word=r"flask[_-]mail", source=r"^\s*(?:from|import) flask_mail\b")
    RED_MAIL = _Signs(word=r"red-?mail", source=r"^\s*(?:from|import) redmail\b")
    PYTHON_EMAILS = _Signs(word=r"(?:python-)?emails", source=r"^\s*(?:from|import) emails\b")
    AIOSMTPLIB = _Signs(word=r"aiosmtplib", source=r"^\s*(?:from|import) aiosmtplib\b")
    SMTPLIB = _Signs(word=r"smtplib", source=r"^\s*(?:from|import) smtplib\b")
    NODEMAILER = _Signs(
        word=r"nodemailer", source=r"""(?:from|require\(|import\()\s*['"]nodemailer\b"""
    )
    MAIL_GEM = _Signs(
        word=r"rails", source=r"""^\s*require\s*\(?\s*['"]mail['"]|\bActionMailer\b"""
    )
    NET_SMTP = _Signs(word=r"net-smtp", source=r"""^\s*require\s*\(?\s*['"]net/smtp['"]""")
    PHPMAILER = _Signs(word=r"phpmailer", source=r"\bPHPMailer\b")
    GO_NET_SMTP = _Signs(word=r"net/smtp", source=r"""^\s*(?:import\s+)?"net/smtp"\s*$""")
    SWAKS = _Signs(word=r"swaks", source=r"^[^#]*\bswaks\s+-")
    MSMTP = _Signs(word=r"msmtp", source=r"^[^#]*\bmsmtp\s+-")
    CURL = _Signs(word=r"curl", source=r"^[^#]*\bcurl\s+.*\bsmtps?://")

    def is_named_by(self, command: str) -> bool:
        """Tell whether a word of a command is its name, alone or in a path or with a version."""
        name = rf"(?<![\w.@-])(?:{self.value.word})(?:@?[\d.-][\w.-]*)?(?![\w/@-])"
        return re.search(name, command, re.IGNORECASE) is not None

    def is_used_by(self, source: str) -> bool:
        """Tell whether the text of a program loads or calls it."""
        return re.search(self.value.source, source, re.MULTILINE) is not None


def recognise(arguments: Sequence[str], directory: Path | None = None) -> MailLibrary | None:
    """Give what a command sends mail by, as its words say or else the files among them.

    Relative files are those of `directory`, by default the current one. None where nothing is
    known; what cannot be read says nothing.
    """
    command = " ".join(arguments)
    for library in MailLibrary:
        if library.is_named_by(command):
            return library
    for source in _sources(arguments, directory or Path()):
        for library in MailLibrary:
            if library.is_used_by(source):
                return library
    return None


def _sources(arguments: Sequence[str], directory: Path) -> Iterator[str]:
    # The first is the interpreter, or a program that is no text.
    for argument in arguments:
        try:
            path = directory / argument
            if not path.is_file():
                continue
            with path.open("rb") as file:
                octets = file.read(_READ)
        except (OSError, ValueError):
            continue
        if b"\0" not in octets:
            yield octets.decode("utf-8", "replace")


@unique
class _Weakness(Enum):
    """What a remedy mends, by the weaknesses of CWE that cases look for."""

    NO_TLS = frozenset({319, 523, 757})
    NO_VERIFICATION = frozenset({295, 296, 297, 298, 299})
    BELIEVES_CLEAR = frozenset({77})


_NO_CONTEXT: Final = (
    "passes no context to smtplib, which then verifies nothing: give it a subclass of smtplib's "
    "SMTP or SMTP_SSL that passes ssl.create_default_context()"
)

_REMEDIES: Final[Mapping[MailLibrary, Mapping[_Weakness, str]]] = {
    MailLibrary.POSTSEAL: {
        _Weakness.NO_TLS: "Write the URL as smtp:// or smtps://, not smtp+opportunistic:// or "
        "smtp+insecure://.",
        _Weakness.NO_VERIFICATION: "Take out the options whose names begin with dangerous_.",
    },
    MailLibrary.DJANGO: {
        _Weakness.NO_TLS: "Set EMAIL_USE_TLS = True, or for port 465 EMAIL_USE_SSL = True.",
        _Weakness.NO_VERIFICATION: "Use Django's own EmailBackend, 4.2 or later, without another "
        "ssl_context.",
    },
    MailLibrary.FLASK_MAIL: {
        _Weakness.NO_TLS: "Set MAIL_USE_TLS = True, or for port 465 MAIL_USE_SSL = True.",
        _Weakness.NO_VERIFICATION: f"Flask-Mail {_NO_CONTEXT}, or send by another library.",
    },
    MailLibrary.RED_MAIL: {
        _Weakness.NO_TLS: "Leave use_starttls=True, or for port 465 pass "
        "cls_smtp=smtplib.SMTP_SSL and use_starttls=False.",
        _Weakness.NO_VERIFICATION: f"red-mail {_NO_CONTEXT}, as cls_smtp.",
    },
    MailLibrary.PYTHON_EMAILS: {
        _Weakness.NO_TLS: "Pass tls=True in smtp, or for port 465 ssl=True.",
        _Weakness.NO_VERIFICATION: f"python-emails {_NO_CONTEXT}, as SMTPBackend.connection_cls.",
    },
    MailLibrary.AIOSMTPLIB: {
        _Weakness.NO_TLS: "Pass start_tls=True, or for port 465 use_tls=True: with neither, TLS is "
        "used where the server offers it.",
        _Weakness.NO_VERIFICATION: "Take out validate_certs=False, and pass "
        "tls_context=ssl.create_default_context() where a context is needed.",
        _Weakness.BELIEVES_CLEAR: "Update aiosmtplib to 5.1.2 or later.",
    },
    MailLibrary.SMTPLIB: {
        _Weakness.NO_TLS: "Call starttls(context=ssl.create_default_context()) before login(), "
        "without asking has_extn() and without catching what it raises.",
        _Weakness.NO_VERIFICATION: "Pass context=ssl.create_default_context() to starttls() or "
        "SMTP_SSL().",
    },
    MailLibrary.NODEMAILER: {
        _Weakness.NO_TLS: "Set requireTLS: true, or for port 465 secure: true; take out ignoreTLS "
        "and opportunisticTLS.",
        _Weakness.NO_VERIFICATION: "Take out tls.rejectUnauthorized: false, "
        "tls.checkServerIdentity and NODE_TLS_REJECT_UNAUTHORIZED=0.",
        _Weakness.BELIEVES_CLEAR: "Update nodemailer to 9.0.3 or later.",
    },
    MailLibrary.MAIL_GEM: {
        _Weakness.NO_TLS: "Set enable_starttls: :always, or for port 465 tls: true: "
        "enable_starttls_auto takes no for an answer.",
        _Weakness.NO_VERIFICATION: "Take out openssl_verify_mode: 'none'.",
    },
    MailLibrary.NET_SMTP: {
        _Weakness.NO_TLS: "Pass starttls: :always to Net::SMTP.new, or for port 465 tls: true: the "
        "default, :auto, takes no for an answer.",
        _Weakness.NO_VERIFICATION: "Take out tls_verify: false and OpenSSL::SSL::VERIFY_NONE.",
    },
    MailLibrary.PHPMAILER: {
        _Weakness.NO_TLS: "Set SMTPSecure to PHPMailer::ENCRYPTION_STARTTLS, or for port 465 to "
        "PHPMailer::ENCRYPTION_SMTPS: SMTPAutoTLS takes no for an answer.",
        _Weakness.NO_VERIFICATION: "Take verify_peer, verify_peer_name and allow_self_signed out "
        "of SMTPOptions.",
    },
    MailLibrary.GO_NET_SMTP: {
        _Weakness.NO_TLS: "Call StartTLS on a smtp.Client whatever it offers: smtp.SendMail takes "
        "no for an answer.",
        _Weakness.NO_VERIFICATION: "Take InsecureSkipVerify out of the tls.Config.",
    },
    MailLibrary.SWAKS: {
        _Weakness.NO_TLS: "Write --tls, or for port 465 --tls-on-connect, not --tls-optional or "
        "--tls-optional-strict.",
        _Weakness.NO_VERIFICATION: "Add --tls-verify, and use swaks 20240103 or later, which then "
        "compares the host name, too.",
    },
    MailLibrary.MSMTP: {
        _Weakness.NO_TLS: "Write `tls on`, and for port 465 `tls_starttls off`.",
        _Weakness.NO_VERIFICATION: "Take out `tls_certcheck off`, and name a tls_trust_file.",
    },
    MailLibrary.CURL: {
        _Weakness.NO_TLS: "Write --ssl-reqd, not --ssl, or for port 465 smtps://.",
        _Weakness.NO_VERIFICATION: "Take out --insecure (-k), and name authorities by --cacert.",
        _Weakness.BELIEVES_CLEAR: "Update curl to 7.79.0 or later.",
    },
}


def remedy_for(library: MailLibrary, cwe: Sequence[int]) -> str | None:
    """Give a library's own remedy for what a check looks for, by numbers of CWE; else None."""
    for weakness, text in _REMEDIES[library].items():
        if not weakness.value.isdisjoint(cwe):
            return text
    return None
