"""What Postfix's posttls-finger says of a destination, read strictly: a line nobody knows fails."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

from tests.parts.namespace import NetworkNamespace

MAIN_CF: Final = """\
compatibility_level = 3.6
smtp_dns_support_level = dnssec
"""


@unique
class Level(StrEnum):
    """The levels of smtp_tls_security_level (postconf(5))."""

    MAY = "may"
    ENCRYPT = "encrypt"
    SECURE = "secure"
    DANE = "dane"
    DANE_ONLY = "dane-only"


@unique
class Seen(StrEnum):
    """What came of the connection."""

    VERIFIED = "Verified"
    TRUSTED = "Trusted"
    UNTRUSTED = "Untrusted"
    ANONYMOUS = "Anonymous"
    NO_TLS = "TLS was not offered"
    TLS_REFUSED = "STARTTLS was refused"
    TLS_BROKEN = "the handshake failed"
    NO_ANSWER = "a lookup failed"


_PEER: Final = r"\S+\[[0-9.]+\]:25"
_OUTCOMES: Final = (
    (rf"(Verified|Trusted|Untrusted|Anonymous) TLS connection established to {_PEER}: .*", None),
    (r"STARTTLS rejected: .*", Seen.TLS_REFUSED),
    (rf"SSL_connect error to {_PEER}: .*", Seen.TLS_BROKEN),
    (r"Destination address lookup failed: .*Name service error .*", Seen.NO_ANSWER),
    (
        r"Failed to establish session to \S+ via \S+: (TLSA lookup error|Name service error) .*",
        Seen.NO_ANSWER,
    ),
)
# They say why; the outcome stands in a line of its own.
_REMARKS: Final = (
    rf"{_PEER}: (?:subject_CN=|matched peername: |Matched DANE ).*",
    rf"(?:server )?certificate verification failed for {_PEER}: (.*)",
    r"warning: \S+ unsupported TLSA .*",
    r"warning: DANE TLSA lookup problem: .*",
    r'no (?:usable )?TLSA records found, resorting to "secure"',
)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of the connection, and the lines that say why."""

    seen: Seen
    remarks: tuple[str, ...]

    @property
    def resorted(self) -> bool:
        """Whether it went on without TLSA records, which Postfix itself does not (dane-only)."""
        return any("resorting to" in remark for remark in self.remarks)

    @property
    def found_no_authority(self) -> bool:
        """Whether it looked for an authority, and so had no TLSA records to go by."""
        reasons = (": untrusted issuer", ": self-signed certificate")
        return any(reason in remark for remark in self.remarks for reason in reasons)


def ask_posttls_finger(
    namespace: NetworkNamespace, folder: Path, level: Level, domain: str
) -> Report:
    """Let it connect to a destination; `folder` has `main.cf`, and `ca.pem` with the authority.

    At the DANE levels it trusts no authority, or it would not tell what vouched for the server.
    At `secure` the name that counts is that of the host, as MTA-STS and our PKIX want it.
    """
    program = ["env", f"MAIL_CONFIG={folder}", "posttls-finger", "-c", "-l", level.value]
    if level not in (Level.DANE, Level.DANE_ONLY):
        program += ["-F", str(folder / "ca.pem")]
    names = [] if level in (Level.MAY, Level.ENCRYPT) else ["hostname"]
    done = namespace.run(*program, domain, *names)
    assert done.returncode == 0, done.stderr
    return read_report(done.stdout + done.stderr)


def read_report(output: str) -> Report:
    """Read its lines; without an outcome among them the server had not offered TLS."""
    seen: list[Seen] = []
    remarks: list[str] = []
    for line in output.splitlines():
        prefix, _, text = line.partition(": ")
        assert prefix == "posttls-finger", line
        for pattern, outcome in _OUTCOMES:
            if found := re.fullmatch(pattern, text):
                seen.append(outcome or Seen(found[1]))
                break
        else:
            assert any(re.fullmatch(remark, text) for remark in _REMARKS), line
            remarks.append(text)
    assert len(seen) <= 1, output
    return Report(seen[0] if seen else Seen.NO_TLS, tuple(remarks))
