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


@unique
class Records(StrEnum):
    """What it had of TLSA records."""

    USABLE = "usable"
    UNUSABLE = "unusable"
    NONE = "none"


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
_USABLE: Final = r"DNSSEC-signed TLSA record: .*"
_UNUSABLE: Final = r"warning: \S+ unsupported TLSA .*"
# They say how and why; the outcome stands in a line of its own.
_REMARKS: Final = (
    _USABLE,
    _UNUSABLE,
    r"initializing the client-side TLS engine",
    rf"setting up TLS connection to {_PEER}",
    rf"{_PEER}: (?:TLS cipher list|SNI hostname|depth=|subject_CN=|matched |Matched ).*",
    rf"(?:server )?certificate verification failed for {_PEER}: .*",
    r"warning: DANE TLSA lookup problem: .*",
    r"warning: no MX host for \S+ has a valid address record",
    r"MX RRset insecure: log verified as trusted",
    r'no (?:usable )?TLSA records found, resorting to "secure"',
)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of the connection, and what it had to judge the server by."""

    seen: Seen
    records: Records
    output: str


def ask_posttls_finger(
    namespace: NetworkNamespace, folder: Path, level: Level, domain: str
) -> Report:
    """Let it connect to a destination; `folder` has `main.cf`, and `ca.pem` with the authority.

    Where an authority vouches, it is for the name of the host, as MTA-STS and our PKIX want it.
    """
    done = namespace.run(
        *("env", f"MAIL_CONFIG={folder}", "posttls-finger", "-c", "-L", "routine,verbose"),
        *("-F", folder / "ca.pem", "-l", level.value, domain),
        *([] if level in (Level.MAY, Level.ENCRYPT) else ["hostname"]),
    )
    assert done.returncode == 0, done.stderr
    return read_report(done.stdout + done.stderr)


def read_report(output: str) -> Report:
    """Read its lines; without an outcome among them the server had not offered TLS."""
    seen: list[Seen] = []
    records = Records.NONE
    for line in output.splitlines():
        prefix, _, text = line.partition(": ")
        assert prefix == "posttls-finger", line
        for pattern, outcome in _OUTCOMES:
            if found := re.fullmatch(pattern, text):
                seen.append(outcome or Seen(found[1]))
                break
        else:
            assert any(re.fullmatch(remark, text) for remark in _REMARKS), line
        if re.fullmatch(_USABLE, text):
            records = Records.USABLE
        elif re.fullmatch(_UNUSABLE, text) and records is Records.NONE:
            records = Records.UNUSABLE
    assert len(seen) <= 1, output
    return Report(seen[0] if seen else Seen.NO_TLS, records, output)
