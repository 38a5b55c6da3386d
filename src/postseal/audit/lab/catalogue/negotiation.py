"""Cases in which TLS is not refused by the client, but kept from it: stripping (RFC 3207 6)."""

from __future__ import annotations

from typing import Final

from postseal.audit.findings import Reference, Severity
from postseal.audit.lab.case import Case, Mode, Server
from postseal.audit.lab.deviations import Advertise, Answer
from postseal.audit.lab.verdicts import Verdict

__all__ = ["NEGOTIATION"]

_STARTTLS: Final = frozenset({Mode.STARTTLS})
_IN_CLEAR: Final = frozenset({Verdict.LEAK_MAIL, Verdict.LEAK_ENVELOPE})
_STRIPPING: Final = (Reference("RFC 3207 6"), Reference("RFC 8314 3"))
_REQUIRE: Final = (
    "Set the client to require TLS, so that it sends nothing to a server that offers none."
)

_offers = Advertise(also=("STARTTLS",))

NEGOTIATION: Final = (
    Case(
        id="N01",
        title="STARTTLS is not offered",
        story="Somebody on the path removes STARTTLS from the answer to EHLO, and offers AUTH.",
        hostile="offered AUTH without STARTTLS",
        safe="ends the session without AUTH, MAIL or a message.",
        severity=Severity.CRITICAL,
        remedy=_REQUIRE,
        servers=(Server(feigns_tls=True),),
        modes=_STARTTLS,
        allowed_opportunistic=_IN_CLEAR,
        references=_STRIPPING,
        cwe=(319, 757),
    ),
    Case(
        id="N02",
        title="STARTTLS is refused with 502",
        story="The command is offered, and then answered as if the server did not know it.",
        hostile="offered STARTTLS and answered it with 502",
        safe="ends the session without AUTH, MAIL or a message.",
        severity=Severity.CRITICAL,
        remedy=_REQUIRE,
        servers=(
            Server(
                feigns_tls=True,
                deviations=(
                    _offers,
                    Answer(to="STARTTLS", raw=b"502 5.5.1 command not implemented\r\n"),
                ),
            ),
        ),
        modes=_STARTTLS,
        allowed_opportunistic=_IN_CLEAR,
        references=_STRIPPING,
        cwe=(319, 757),
    ),
)
