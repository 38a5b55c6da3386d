"""What the exit status of a mail program means (sysexits.h), in the words of SMTP.

The enhanced codes (RFC 3463) are those that sendmail itself gives to each status.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from postseal.errors import PermanentlyRejected, Phase, Rejected, TemporarilyRejected

__all__ = ["rejection_of"]


@dataclass(frozen=True, slots=True)
class _Meaning:
    name: str
    code: int
    enhanced_code: str
    text: str
    hint: str | None = None


_LOGS: Final = "Its log says more, mostly /var/log/mail.log or the journal."
_MEANINGS: Final = {
    os.EX_USAGE: _Meaning(
        "EX_USAGE",
        500,
        "5.0.0",
        "the program does not take these arguments",
        "It must understand -i, -f and --, as sendmail, Postfix, Exim and msmtp do.",
    ),
    os.EX_DATAERR: _Meaning("EX_DATAERR", 501, "5.6.0", "something in the message is not in order"),
    os.EX_NOINPUT: _Meaning("EX_NOINPUT", 550, "5.3.0", "the program could not read its input"),
    os.EX_NOUSER: _Meaning("EX_NOUSER", 550, "5.1.1", "there is no such user"),
    os.EX_NOHOST: _Meaning("EX_NOHOST", 550, "5.1.2", "there is no such host"),
    os.EX_UNAVAILABLE: _Meaning(
        "EX_UNAVAILABLE", 554, "5.0.0", "the mail system does not take it", _LOGS
    ),
    os.EX_SOFTWARE: _Meaning("EX_SOFTWARE", 554, "5.3.0", "the program has a fault", _LOGS),
    os.EX_OSERR: _Meaning("EX_OSERR", 451, "4.0.0", "the operating system failed it", _LOGS),
    os.EX_OSFILE: _Meaning("EX_OSFILE", 554, "5.3.5", "a file of the system is missing", _LOGS),
    os.EX_CANTCREAT: _Meaning(
        "EX_CANTCREAT", 550, "5.0.0", "the program could not make a file", _LOGS
    ),
    os.EX_IOERR: _Meaning("EX_IOERR", 451, "4.0.0", "reading or writing failed", _LOGS),
    os.EX_TEMPFAIL: _Meaning("EX_TEMPFAIL", 450, "4.0.0", "not now", "Try again later."),
    os.EX_PROTOCOL: _Meaning("EX_PROTOCOL", 554, "5.5.0", "the next server broke the protocol"),
    os.EX_NOPERM: _Meaning(
        "EX_NOPERM",
        550,
        "5.7.0",
        "this user may not send by it",
        "Postfix: authorized_submit_users. msmtp: its configuration must belong to this user.",
    ),
    os.EX_CONFIG: _Meaning(
        "EX_CONFIG", 554, "5.3.5", "its configuration is wrong", "Run it by hand to see where."
    ),
}


def rejection_of(status: int, *, host: str, output: str) -> Rejected:
    """The error for an exit status above 0; `output` is what the program said, in one line.

    A status that sysexits.h does not have is one of permanent failure, as it is to sendmail.
    """
    meaning = _MEANINGS.get(
        status, _Meaning("unknown to sysexits.h", 554, "5.3.0", "the program failed", _LOGS)
    )
    kind = TemporarilyRejected if meaning.code < 500 else PermanentlyRejected
    said = f": {output}" if output else ""
    return kind(
        f"{meaning.text} (exit status {status}, {meaning.name}){said}",
        phase=Phase.BODY,
        host=host,
        code=meaning.code,
        enhanced_code=meaning.enhanced_code,
        hint=meaning.hint,
    )
