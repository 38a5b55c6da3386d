"""The mail clients that people use, as the attack lab starts them, and whether they are here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from postseal.audit.lab.case import Mode
from postseal.audit.lab.commands import CommandClient
from tests.conftest import SEARCH_PATH, find_part, report_lack
from tests.parts.node import FOLDER as NODE_FOLDER

__all__ = ["CLIENTS", "LabClient"]

_ROOT: Final = Path(__file__).resolve().parents[2]
_DRIVERS: Final = _ROOT / "tests" / "interop" / "lab"
_LIBRARIES: Final = _ROOT / ".venv" / "lab"
_NEWER: Final = _LIBRARIES / "lab"
_OLDER: Final = _LIBRARIES / "lab-older"
_BOTH: Final = (Mode.STARTTLS, Mode.IMPLICIT)
_STARTTLS: Final = (Mode.STARTTLS,)
_IMPLICIT: Final = (Mode.IMPLICIT,)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabClient:
    """One client in one configuration, told by its `name`: the program, and behind a comma which.

    `setting` says in words how it is configured. `part` is the program that runs it, by its key in
    tests/conftest.py, `folder` what has to be there besides it, and `installer` what puts it there.
    `ask_version` is a command that prints the version.
    """

    name: str
    setting: str
    arguments: tuple[str, ...]
    ask_version: tuple[str, ...]
    part: str | None = None
    folder: Path | None = None
    installer: str = ""
    modes: tuple[Mode, ...] = _BOTH
    template: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def start(self) -> CommandClient:
        """Give it to the lab; where it is not installed, skip the test, or fail where CI=true."""
        if self.part is not None:
            find_part(self.part)
        if self.folder is not None and not self.folder.is_dir():
            report_lack(f"{self.name} is not installed ({self.installer})")
        return CommandClient(
            arguments=self.arguments, template=self.template, environment=self._environment
        )

    def version(self) -> str:
        """Ask it for its version."""
        asked = subprocess.run(
            self.ask_version,
            env=dict(self._environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return asked.stdout.strip()

    @property
    def program(self) -> str:
        """What it is called in each configuration."""
        return self.name.partition(",")[0]

    @property
    def _environment(self) -> Mapping[str, str]:
        return {"PATH": SEARCH_PATH, "HOME": os.devnull, "LC_ALL": "C.UTF-8", **self.variables}


# -S: the libraries of the project's own environment stay out of sight.
_PYTHON: Final = (sys.executable, "-S")


def _python(
    name: str,
    setting: str,
    sender: str,
    *,
    library: str | None = None,
    folder: Path = _NEWER,
    modes: tuple[Mode, ...] = _BOTH,
) -> LabClient:
    """A way to send in tests/interop/lab/by_python.py, by a library or by Python's own."""
    asks = "import platform; print(platform.python_version())"
    if library is not None:
        asks = f"from importlib.metadata import version; print(version('{library}'))"
    return LabClient(
        name=name,
        setting=setting,
        arguments=(*_PYTHON, str(_DRIVERS / "by_python.py"), sender),
        ask_version=(*_PYTHON, "-c", asks),
        folder=folder if library is not None else None,
        installer="scripts/lab-clients",
        modes=modes,
        variables={"PYTHONPATH": str(folder)},
    )


def _nodemailer(
    name: str,
    setting: str,
    package: str,
    options: dict[str, object],
    modes: tuple[Mode, ...] = _STARTTLS,
) -> LabClient:
    folder = NODE_FOLDER / "node_modules" / package
    return LabClient(
        name=name,
        setting=setting,
        arguments=("node", str(NODE_FOLDER / "lab.js"), package, json.dumps(options)),
        ask_version=("node", "-p", f"require({str(folder / 'package.json')!r}).version"),
        part="node",
        folder=folder,
        installer="scripts/node-packages",
        modes=modes,
    )


def _ruby(
    name: str,
    setting: str,
    sender: str,
    *,
    asks: tuple[str, ...],
    modes: tuple[Mode, ...] = _STARTTLS,
) -> LabClient:
    return LabClient(
        name=name,
        setting=setting,
        arguments=("ruby", str(_DRIVERS / "by_ruby.rb"), sender),
        ask_version=asks,
        part="ruby",
        modes=modes,
    )


def _debian(package: str) -> tuple[str, ...]:
    return ("dpkg-query", "--show", "--showformat=${Version}", package)


def _swaks(setting: str, *options: str, modes: tuple[Mode, ...] = _STARTTLS) -> LabClient:
    return LabClient(
        name=f"swaks, {setting}",
        setting=setting,
        arguments=(
            *("swaks", *options, "--tls-sni", "{host}", "--silent", "2", "--timeout", "2"),
            *("--server", "{host}", "--port", "{port}", "--helo", "client.example"),
            *("--auth", "PLAIN", "--auth-user", "{user}", "--auth-password", "{password}"),
            *("--from", "{from}", "--to", "{to}"),
            *("--header", "Subject: {subject}", "--body", "{body}"),
        ),
        ask_version=_debian("swaks"),
        part="swaks",
        modes=modes,
    )


def _msmtp(name: str, setting: str, *lines: str, modes: tuple[Mode, ...] = _STARTTLS) -> LabClient:
    settings = (
        "host {host}", "port {port}", "from {from}", "user {user}", "password {password}",
        "auth plain", "timeout 2", "domain client.example", "tls on", *lines,
    )  # fmt: skip
    message = r"""printf 'Subject: %s\n\n%s\n' "$POSTSEAL_LAB_SUBJECT" "$POSTSEAL_LAB_BODY" """
    return LabClient(
        name=name,
        setting=setting,
        arguments=(
            *("sh", "-c", message + '| exec msmtp "$@"'),
            *("msmtp", "--file={config_file}", "--", "{to}"),
        ),
        template="".join(f"{line}\n" for line in ("account default", *settings)),
        ask_version=_debian("msmtp"),
        part="msmtp",
        modes=modes,
    )


def _curl(setting: str, *options: str, modes: tuple[Mode, ...] = _STARTTLS) -> LabClient:
    scheme = "smtps" if modes == _IMPLICIT else "smtp"
    return LabClient(
        name=f"curl, {setting}",
        setting=setting,
        arguments=(
            *("curl", "--silent", "--show-error", "--max-time", "2", *options),
            *("--url", f"{scheme}://{{host}}:{{port}}/client.example", "--cacert", "{ca_file}"),
            *("--user", "{user}:{password}", "--login-options", "AUTH=PLAIN"),
            *("--mail-from", "{from}", "--mail-rcpt", "{to}", "--upload-file", "{config_file}"),
        ),
        template="From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n{body}\r\n",
        ask_version=_debian("curl"),
        part="curl",
        modes=modes,
    )


_NET_SMTP: Final = ("ruby", "-rnet/smtp", "-e", "puts Net::SMTP::VERSION")
_VERIFIES: Final = ("--tls-verify", "--tls-ca-path", "{ca_file}")

CLIENTS: Final = (
    _python("smtplib", "starttls() and SMTP_SSL() without context", "smtplib"),
    _python("smtplib, context", "with ssl.create_default_context()", "smtplib-context"),
    _python(
        "aiosmtplib, older",
        "start_tls=True, or use_tls=True",
        "aiosmtplib",
        library="aiosmtplib",
        folder=_OLDER,
    ),
    _python("aiosmtplib", "start_tls=True, or use_tls=True", "aiosmtplib", library="aiosmtplib"),
    _python(
        "aiosmtplib, default",
        "start_tls unset",
        "aiosmtplib-default",
        library="aiosmtplib",
        modes=_STARTTLS,
    ),
    _python("smtpproto", "with a context", "smtpproto", library="smtpproto", modes=_STARTTLS),
    _python("Django", "EMAIL_USE_TLS, or EMAIL_USE_SSL", "django", library="django"),
    _python("red-mail", "use_starttls, or SMTP_SSL", "redmail", library="redmail"),
    _python("python-emails", "tls=True, or ssl=True", "emails", library="emails"),
    _nodemailer("nodemailer, older", "by default", "nodemailer-9.0.2", {}, _BOTH),
    _nodemailer(
        "nodemailer, older, requireTLS", "requireTLS", "nodemailer-9.0.2", {"requireTLS": True}
    ),
    _nodemailer("nodemailer", "by default", "nodemailer", {}, _BOTH),
    _nodemailer("nodemailer, requireTLS", "requireTLS", "nodemailer", {"requireTLS": True}),
    _swaks("--tls", "--tls"),
    _swaks("--tls --tls-verify", "--tls", *_VERIFIES),
    _swaks("--tls-optional", "--tls-optional"),
    _swaks("--tls-optional-strict", "--tls-optional-strict"),
    _swaks("--tls-on-connect", "--tls-on-connect", modes=_IMPLICIT),
    _swaks(
        "--tls-on-connect --tls-verify",
        "--tls-on-connect",
        *_VERIFIES,
        modes=_IMPLICIT,
    ),
    _msmtp("msmtp", "tls on", "tls_trust_file {ca_file}"),
    _msmtp("msmtp, tls_certcheck off", "tls on, tls_certcheck off", "tls_certcheck off"),
    _msmtp(
        "msmtp, tls_starttls off",
        "tls on, tls_starttls off",
        "tls_starttls off",
        "tls_trust_file {ca_file}",
        modes=_IMPLICIT,
    ),
    _curl("--ssl-reqd", "--ssl-reqd"),
    _curl("--ssl-reqd --insecure", "--ssl-reqd", "--insecure"),
    _curl("--ssl", "--ssl"),
    _curl("smtps", modes=_IMPLICIT),
    _ruby("net-smtp", "by default", "net-smtp", asks=_NET_SMTP, modes=_BOTH),
    _ruby("net-smtp, always", "starttls: :always", "net-smtp-always", asks=_NET_SMTP),
    _ruby("mail", "by default", "mail", asks=_debian("ruby-mail"), modes=_BOTH),
    _ruby("mail, always", "enable_starttls: true", "mail-always", asks=_debian("ruby-mail")),
    _ruby(
        "mail, unverified",
        "enable_starttls: true, openssl_verify_mode: 'none'",
        "mail-unverified",
        asks=_debian("ruby-mail"),
    ),
)
"""All of them, each in the versions that the project pins or Debian has."""
