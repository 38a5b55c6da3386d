"""Cases in which words said in clear are to be believed under TLS (RFC 3207 4.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from postseal.audit.findings import Reference, Severity
from postseal.audit.lab.case import Case, Clock, Server
from postseal.audit.lab.catalogue.terms import (
    HANDSHAKE_FAILURE,
    OFFERS,
    READY,
    kept_in_clear,
)
from postseal.audit.lab.deviations import (
    ANYTHING,
    Advertise,
    Answer,
    Append,
    Channel,
    Deviation,
    Then,
    Trap,
)
from postseal.audit.lab.handshakes import Raw

__all__ = ["INJECTION"]

_REFERENCES: Final = (
    Reference("RFC 3207 4.2"),
    Reference("NO STARTTLS", "https://nostarttls.secvuln.info/"),
)
_DISCARD: Final = (
    "Use a client that ends the session when anything stands behind the reply to STARTTLS, and "
    "forgets what it learnt before TLS."
)
_GREETS: Final = b"250-injected\r\n250 AUTH PLAIN LOGIN\r\n"
_WHOLE_SESSION: Final = (
    _GREETS
    + b"235 2.7.0 welcome\r\n250 2.1.0 OK\r\n250 2.1.5 OK\r\n354 go on\r\n"
    + b"250 2.0.0 taken\r\n221 2.0.0 bye\r\n"
)
_FLOOD: Final = _GREETS + b"250 " + b"x" * 60 + b"\r\n"
_FLOODED: Final = 1024 * 1024

# Under TLS the server refuses all, so that a client which goes on has believed somebody else.
_SHUT: Final = Answer(to=ANYTHING, raw=b"554 5.3.2 no service\r\n", on=Channel.SEALED)
_BELIEVED: Final = "took what was said in clear for the answer to what it said under TLS"
_TRAPS: Final = (
    Trap(to="AUTH", told=_BELIEVED, on=Channel.SEALED),
    Trap(to="MAIL", told=_BELIEVED, on=Channel.SEALED),
)


def _injected(
    id_: str,
    title: str,
    hostile: str,
    story: str,
    *deviations: Deviation,
    safe: str = "drops what came in clear, and hears under TLS that the server refuses all.",
    severity: Severity = Severity.HIGH,
    traps: tuple[Trap, ...] = _TRAPS,
    clock: Clock = Clock.QUICK,
    seen_in: tuple[Reference, ...] = (),
) -> Case:
    """Words in clear, and then TLS with a server that is who it says."""
    said_in_clear = kept_in_clear(
        id_,
        title,
        hostile,
        story,
        Server(deviations=(*deviations, *traps)),
        safe=safe,
        severity=severity,
        remedy=_DISCARD,
        clock=clock,
        references=_REFERENCES + seen_in,
    )
    # Nobody is content with a forgery.
    return replace(
        said_in_clear, answers_are_forged=True, allowed_opportunistic=frozenset(), cwe=(77, 345)
    )


def _kept(id_: str, keyword: str, trap: Trap, *offers: Advertise) -> Case:
    """An honest server whose offers differ in clear and under TLS."""
    return _injected(
        id_,
        f"{keyword} is offered otherwise in clear than under TLS",
        f"offered another {keyword} in clear than under TLS",
        "What EHLO offered in clear can come from anybody, and has to be forgotten under TLS.",
        *offers,
        safe="goes by what EHLO offers under TLS.",
        severity=Severity.MEDIUM,
        traps=(trap,),
    )


INJECTION: Final = (
    _injected(
        "B01",
        "An answer to EHLO stands behind the 220",
        "said 220 and an answer to EHLO in one segment",
        "Somebody on the path adds a reply in clear, which then stands before the first one under "
        "TLS: the attacker chooses the extensions and the mechanisms.",
        Append(to="STARTTLS", raw=_GREETS),
        _SHUT,
        seen_in=(
            Reference("CVE-2021-22947", "https://curl.se/docs/CVE-2021-22947.html"),
            Reference("CVE-2026-41319", "https://www.cve.org/CVERecord?id=CVE-2026-41319"),
            Reference("GHSA-vxj7-4xrp-5vr4", "https://github.com/advisories/GHSA-vxj7-4xrp-5vr4"),
        ),
    ),
    _injected(
        "B02",
        "Half a line stands behind the 220",
        "said 220 and half a line in one segment",
        "What a client drops by whole lines leaves this half, and the first line under TLS "
        "becomes the end of it: a refusal is read as success.",
        Append(to="STARTTLS", raw=b"250 AUTH PLAIN LOGIN "),
        _SHUT,
        seen_in=(
            Reference("nodemailer #1835", "https://github.com/nodemailer/nodemailer/pull/1835"),
        ),
    ),
    _injected(
        "B03",
        "A whole session stands behind the 220",
        "said 220 and all replies of a session in one segment, and refused all under TLS",
        "With each reply known beforehand the client reports success, and no server has taken "
        "the message.",
        Append(to="STARTTLS", raw=_WHOLE_SESSION),
        _SHUT,
        severity=Severity.CRITICAL,
        traps=(),
    ),
    _injected(
        "B04",
        "STARTTLS is answered before it is said",
        "said the 220 for STARTTLS and an answer to EHLO behind the reply to EHLO in clear",
        "A reply that comes before its command can only come from somebody who guesses at it.",
        Append(to="EHLO", raw=b"220 go ahead\r\n" + _GREETS, on=Channel.CLEAR),
        Answer(to="STARTTLS", raw=b"", then=Then.OBEY),
        _SHUT,
        # Who drops the early reply waits for another one.
        clock=Clock.PATIENT,
        seen_in=(Reference("CVE-2026-42246", "https://www.cve.org/CVERecord?id=CVE-2026-42246"),),
    ),
    _injected(
        "B05",
        "A mebibyte stands behind the 220",
        "said 220 and a mebibyte of replies before the handshake",
        "What does not fit into one segment or one buffer may be treated in another way.",
        Append(to="STARTTLS", raw=_FLOOD * (_FLOODED // len(_FLOOD))),
        _SHUT,
    ),
    _injected(
        "B06",
        "The 220 has two lines",
        "answered STARTTLS with a reply of two lines",
        "A client that takes the first line for all of the reply keeps the second for later.",
        Answer(to="STARTTLS", raw=b"220-go ahead\r\n220 AUTH PLAIN LOGIN\r\n", then=Then.OBEY),
        _SHUT,
        severity=Severity.MEDIUM,
    ),
    kept_in_clear(
        "B07",
        "The 220 comes octet by octet",
        "said the 220 one octet at a time",
        "A segment is no line. What a client has read so far may look like another answer.",
        Server(
            feigns_tls=True,
            deviations=(
                OFFERS,
                Answer(to="STARTTLS", raw=READY.raw[:1], on=Channel.CLEAR),
                *(
                    Append(to="STARTTLS", raw=bytes([octet]), seconds=0.02, on=Channel.CLEAR)
                    for octet in READY.raw[1:]
                ),
            ),
        ),
        safe="waits for the end of the line.",
        severity=Severity.HIGH,
        remedy="Use a client that reads replies by lines.",
        references=(Reference("RFC 5321 4.2.1"),),
    ),
    kept_in_clear(
        "B08",
        "A record of TLS stands behind the 220",
        "said 220 and an alert in one segment, another one for the ClientHello, and went on in "
        "clear",
        "What looks like TLS may be handed to TLS, although it came before the handshake.",
        Server(
            feigns_tls=True,
            handshake=Raw(lambda hello: HANDSHAKE_FAILURE, Then.GO_ON),
            deviations=(
                OFFERS,
                READY,
                Append(to="STARTTLS", raw=HANDSHAKE_FAILURE, on=Channel.CLEAR),
            ),
        ),
        safe="ends, and does not go on in clear.",
        severity=Severity.HIGH,
        remedy=_DISCARD,
        references=_REFERENCES,
    ),
    _kept(
        "B09-SIZE",
        "SIZE",
        Trap(
            to="MAIL",
            holding=b"SIZE=",
            told="used SIZE, which was offered in clear alone",
            on=Channel.SEALED,
        ),
        Advertise(without=frozenset({"SIZE"}), on=Channel.SEALED),
    ),
    _kept(
        "B09-AUTH",
        "AUTH",
        Trap(
            to="AUTH",
            holding=b"LOGIN",
            told="used AUTH LOGIN, which was offered in clear alone",
            on=Channel.SEALED,
        ),
        Advertise(also=("AUTH LOGIN",), on=Channel.CLEAR),
        Advertise(without=frozenset({"AUTH"}), also=("AUTH PLAIN",), on=Channel.SEALED),
    ),
    Case(
        id="B10",
        title="The same in IMAP and POP",
        story="PREAUTH, referrals and capabilities before TLS are the same weakness in the "
        "protocols by which mail is read.",
        hostile="nothing: there is no such server in the lab",
        safe="drops what came in clear.",
        severity=Severity.HIGH,
        remedy=_DISCARD,
        servers=(Server(),),
        not_covered="the lab speaks SMTP alone, neither IMAP nor POP",
        references=_REFERENCES,
    ),
)
