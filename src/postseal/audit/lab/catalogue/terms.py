"""What cases of several modules say alike: how a server keeps TLS away, and what that costs."""

from __future__ import annotations

from typing import Final

from postseal.audit.findings import Reference, Severity
from postseal.audit.lab.case import Case, Clock, Mode, Server
from postseal.audit.lab.deviations import Advertise, Answer, Channel
from postseal.audit.lab.server_hello import fatal
from postseal.audit.lab.verdicts import Verdict

__all__ = [
    "HANDSHAKE_FAILURE",
    "IN_CLEAR",
    "OFFERS",
    "READY",
    "STARTTLS_ONLY",
    "beyond_the_lab",
    "kept_in_clear",
]


STARTTLS_ONLY: Final = frozenset({Mode.STARTTLS})

# What a server says that pretends to have TLS below it already, where its engine would offer none.
OFFERS: Final = Advertise(also=("STARTTLS",), on=Channel.CLEAR)
READY: Final = Answer(to="STARTTLS", raw=b"220 go ahead\r\n", on=Channel.CLEAR)

HANDSHAKE_FAILURE: Final = fatal(40)
"""The alert of that name (RFC 8446 6)."""

_STRIPPING: Final = (Reference("RFC 3207 6"), Reference("RFC 8314 3"))
IN_CLEAR: Final = frozenset({Verdict.LEAK_MAIL, Verdict.LEAK_ENVELOPE})
"""What a client may do that is content without TLS; its credentials are not among it."""


def kept_in_clear(
    id_: str,
    title: str,
    hostile: str,
    story: str,
    *servers: Server,
    safe: str = "ends the session without AUTH, MAIL or a message.",
    severity: Severity = Severity.CRITICAL,
    remedy: str = "Set the client to require TLS, so that it sends nothing to a server that "
    "offers none.",
    modes: frozenset[Mode] = STARTTLS_ONLY,
    also_on: tuple[int, ...] = (),
    clock: Clock = Clock.QUICK,
    references: tuple[Reference, ...] = _STRIPPING,
) -> Case:
    """Declare a case in which a client that requires TLS says nothing that anybody may not hear."""
    return Case(
        id=id_,
        title=title,
        story=story,
        hostile=hostile,
        safe=safe,
        severity=severity,
        remedy=remedy,
        servers=servers,
        also_on=also_on,
        modes=modes,
        allowed_opportunistic=IN_CLEAR,
        clock=clock,
        references=references,
        cwe=(319, 757),
    )


def beyond_the_lab(id_: str, title: str, story: str, safe: str, why: str, *references: str) -> Case:
    """A case that is named for completeness, and why it is not run."""
    return Case(
        id=id_,
        title=title,
        story=story,
        hostile="nothing, for it was not run",
        safe=safe,
        severity=Severity.INFO,
        remedy="Look elsewhere: the lab cannot tell.",
        servers=(Server(),),
        not_covered=why,
        references=tuple(map(Reference, references)),
    )
