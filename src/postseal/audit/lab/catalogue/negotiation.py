"""Cases in which TLS is not refused by the client, but kept from it: stripping (RFC 3207 6)."""

from __future__ import annotations

from typing import Final

from postseal.audit.findings import Reference, Severity
from postseal.audit.lab.case import Case, Clock, Mode, Server
from postseal.audit.lab.catalogue.authentication import AUTHENTICATION
from postseal.audit.lab.catalogue.terms import (
    HANDSHAKE_FAILURE,
    OFFERS,
    READY,
    STARTTLS_ONLY,
    kept_in_clear,
)
from postseal.audit.lab.certificates import Certificates
from postseal.audit.lab.deviations import (
    CONNECT,
    Advertise,
    Answer,
    Append,
    Channel,
    Deviation,
    Then,
)
from postseal.audit.lab.flawed_certificates import Chain
from postseal.audit.lab.handshakes import OpenSSL, Raw
from postseal.audit.lab.server_hello import HANDSHAKE, ServerHello, record

__all__ = ["NEGOTIATION"]

_SEALS_OR_ENDS: Final = "makes TLS, or ends the session without AUTH, MAIL or a message."
_NEVER_WITHOUT_TLS: Final = "does not come back without TLS."
_PRETENDER: Final = Server(feigns_tls=True)
_CLEAR_GREETER: Final = Server(feigns_tls=True, greets_in_clear=True)
_IMPLICIT_ONLY: Final = frozenset({Mode.IMPLICIT})
_IMPLICIT_TLS: Final = (Reference("RFC 8314 3.3"),)


def _pretending(*deviations: Deviation) -> Server:
    """A server that takes in clear whatever the client gives."""
    return Server(feigns_tls=True, deviations=deviations)


def _refused(id_: str, reply: str, why: str) -> Case:
    """A server that offers STARTTLS and answers it with anything but 220."""
    shown = reply.split(" ", 1)[0]
    return kept_in_clear(
        id_,
        f"STARTTLS is answered with {shown}",
        f"offered STARTTLS and answered it with {shown}",
        f"The command is offered, and then {why}.",
        _pretending(OFFERS, Answer(to="STARTTLS", raw=f"{reply}\r\n".encode(), on=Channel.CLEAR)),
    )


def _broken_handshake(id_: str, what: str, answer: bytes, then: Then = Then.GO_ON) -> Case:
    """A handshake that cannot come about; then, and on the next connection, all is in clear."""
    handshake = Raw(lambda hello: answer, then)
    return kept_in_clear(
        id_,
        f"The handshake is answered with {what}",
        f"answered the ClientHello with {what}, and went on in clear",
        "Whoever makes the handshake fail hopes for a client that then does without it.",
        Server(feigns_tls=True, handshake=handshake, deviations=(OFFERS, READY)),
        _CLEAR_GREETER,
        safe="ends, and does not come back without TLS.",
        remedy="Set the client to require TLS: a failed handshake is an error, not a reason to "
        "go on in clear.",
        modes=frozenset(Mode),
    )


def _silent(id_: str, when: str, server: Server, modes: frozenset[Mode] = frozenset(Mode)) -> Case:
    """A server that says nothing any more from some moment on."""
    return Case(
        id=id_,
        title=f"The server falls silent {when}",
        story="Nothing is more easily done on the path than to let nothing through.",
        hostile=f"fell silent {when}",
        safe="gives up after a while, and tells so.",
        severity=Severity.LOW,
        remedy="Set a timeout for each answer. If the client has one, run the lab with a patience "
        "above it.",
        servers=(server,),
        modes=modes,
        clock=Clock.PATIENT,
        references=(Reference("RFC 5321 4.5.3.2"),),
        cwe=(400,),
    )


def _spelt(id_: str, what: str, *offer: str) -> Case:
    """An offer of STARTTLS in a form that a bad parser overlooks."""
    return kept_in_clear(
        f"N18-{id_}",
        f"STARTTLS is offered {what}",
        f"offered STARTTLS {what}",
        "Somebody on the path rewrites the offer, so that a client which compares letters "
        "believes that there is none.",
        _pretending(Advertise(also=offer, on=Channel.CLEAR), READY),
        safe=_SEALS_OR_ENDS,
        severity=Severity.HIGH,
    )


# TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 (RFC 5289 3.2).
_SERVER_HELLO: Final = record(HANDSHAKE, ServerHello(random=bytes(32), suite=0xC02F).message())
_DELAY: Final = 10.0
_ELSEWHERE: Final = "127.0.0.1"


def _good_elsewhere(certificates: Certificates) -> Chain:
    return certificates.chain(certificates.spec(_ELSEWHERE))


def _already_elsewhere(host: str) -> str:
    return "the client asks for the very host that is named" if host == _ELSEWHERE else ""


NEGOTIATION: Final = (
    kept_in_clear(
        "N01",
        "STARTTLS is not offered",
        "offered AUTH without STARTTLS",
        "Somebody on the path removes STARTTLS from the answer to EHLO, and offers AUTH.",
        _PRETENDER,
    ),
    _refused("N02", "502 5.5.1 command not implemented", "not known"),
    _refused("N03", "454 4.7.0 TLS not available", "said to be unavailable for now"),
    _refused("N04", "354 go on", "answered as if a body were awaited"),
    _refused("N05", "200 STRIPTLS", "answered by a success that is not the one of RFC 3207"),
    _refused("N06", "501 5.5.4 syntax error", "said to be misspelt"),
    _refused("N07-250", "250 2.0.0 OK", "taken like any other command, without a handshake"),
    _refused("N07-235", "235 2.7.0 authenticated", "taken for AUTH"),
    kept_in_clear(
        "N08",
        "STARTTLS is answered with 421",
        "answered STARTTLS with 421, closed, and offered none on the next connection",
        "The client is to come back, and then to do without what did not work.",
        _pretending(OFFERS, Answer(to="STARTTLS", raw=b"421 4.3.2 closing\r\n", then=Then.CLOSE)),
        _PRETENDER,
        safe=_NEVER_WITHOUT_TLS,
    ),
    _refused("N09-503", "503 5.5.1 bad sequence of commands", "said to come at a bad time"),
    _refused("N09-530", "530 5.7.0 authentication required", "refused until AUTH has been given"),
    _refused("N09-554", "554 5.7.3 no security", "refused for good"),
    kept_in_clear(
        "N09-BARE",
        "STARTTLS is answered with 220 and no text",
        "answered STARTTLS with 220 and no text",
        "A reply without text is in order (RFC 5321 4.2). Taking it for a refusal is the mistake.",
        _pretending(OFFERS, Answer(to="STARTTLS", raw=b"220\r\n", on=Channel.CLEAR)),
        safe=_SEALS_OR_ENDS,
    ),
    kept_in_clear(
        "N10",
        "EHLO is refused",
        "answered EHLO with 502, and took HELO",
        "HELO knows no extensions, so a client that falls back to it never hears of STARTTLS.",
        _pretending(Answer(to="EHLO", raw=b"502 5.5.1 command not implemented\r\n")),
    ),
    kept_in_clear(
        "N11",
        "EHLO and HELO are refused",
        "answered EHLO and HELO with 500, and took all other commands",
        "A client that goes on ungreeted knows of no extensions, and of no STARTTLS.",
        _pretending(
            Answer(to="EHLO", raw=b"500 5.5.1 what\r\n", then=Then.OBEY),
            Answer(to="HELO", raw=b"500 5.5.1 what\r\n", then=Then.OBEY),
        ),
    ),
    kept_in_clear(
        "N12",
        "The connection is closed at STARTTLS",
        "closed the connection at STARTTLS, and offered none on the next one",
        "The client is to come back, and then to do without what did not work.",
        _pretending(OFFERS, Answer(to="STARTTLS", raw=b"", then=Then.CLOSE)),
        _PRETENDER,
        safe=_NEVER_WITHOUT_TLS,
    ),
    _silent(
        "N13-COMMAND",
        "at STARTTLS",
        Server(deviations=(Answer(to="STARTTLS", raw=b"", then=Then.STALL),)),
        STARTTLS_ONLY,
    ),
    _silent("N13-HANDSHAKE", "in the handshake", Server(handshake=Raw(lambda hello: b""))),
    _silent(
        "N13-SEALED",
        "after the handshake",
        Server(deviations=(Answer(to="EHLO", raw=b"", then=Then.STALL, on=Channel.SEALED),)),
    ),
    kept_in_clear(
        "N14",
        "STARTTLS is refused late",
        f"answered STARTTLS with 454 after {_DELAY:.0f} s",
        "A client that is tired of waiting may do without what it waits for.",
        _pretending(
            OFFERS,
            Answer(to="STARTTLS", raw=b"", on=Channel.CLEAR),
            Append(to="STARTTLS", raw=b"454 4.7.0 TLS not available\r\n", seconds=_DELAY),
        ),
        clock=Clock.PATIENT,
    ),
    _broken_handshake("N15-GARBAGE", "garbage", bytes(range(64, 128))),
    _broken_handshake("N15-HTTP", "HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    _broken_handshake("N15-ALERT", "an alert", HANDSHAKE_FAILURE),
    _broken_handshake("N15-CLOSE", "the end of the connection", b"", Then.CLOSE),
    _broken_handshake("N15-HELLO", "a ServerHello and the end", _SERVER_HELLO, Then.CLOSE),
    kept_in_clear(
        "N16",
        "The port of TLS is unreachable",
        "broke the connection off, and took mail in clear on the same port, 587 and 25",
        "Whoever breaks connections to the port of TLS hopes for a client that then tries a "
        "port where TLS can be kept from it.",
        Server(refuses=True),
        _CLEAR_GREETER,
        safe="ends, and tries no other port in clear.",
        remedy="Take away the fallback to other ports, or require STARTTLS there.",
        modes=_IMPLICIT_ONLY,
        also_on=(587, 25),
        references=_IMPLICIT_TLS,
    ),
    kept_in_clear(
        "N17",
        "The port of TLS greets in clear",
        "greeted in clear on the port of TLS",
        "Somebody on the path speaks first and in clear, where TLS has to come first.",
        _CLEAR_GREETER,
        safe="speaks nothing but TLS there.",
        remedy="Set the client to implicit TLS for this port, not to TLS where it is offered.",
        modes=_IMPLICIT_ONLY,
        references=_IMPLICIT_TLS,
    ),
    _spelt("LOWER", "in small letters", "starttls"),
    _spelt("PARAMETER", "with a parameter", "STARTTLS now"),
    _spelt("MIDDLE", "in the middle of the reply", "STARTTLS", "HELP"),
    kept_in_clear(
        "N18-SUBSTRING",
        "STARTTLS is part of other words",
        "offered XSTARTTLS, and answered STARTTLS with 502",
        "A client that looks for letters anywhere believes in an offer that is none.",
        _pretending(
            Advertise(also=("XSTARTTLS", "X-AFTER STARTTLS")),
            Answer(to="STARTTLS", raw=b"502 5.5.1 command not implemented\r\n"),
        ),
    ),
    kept_in_clear(
        "N19",
        "The greeting does not speak of ESMTP",
        "greeted without the word ESMTP, and offered STARTTLS in answer to EHLO",
        "Whatever the greeting says, EHLO comes next (RFC 5321 3.2); HELO knows no extensions.",
        _pretending(Answer(to=CONNECT, raw=b"220 localhost\r\n", then=Then.OBEY), OFFERS, READY),
        safe=_SEALS_OR_ENDS,
    ),
    *AUTHENTICATION,
    Case(
        id="N23-421",
        title="A greeting in clear names another host",
        story="Before TLS anybody can speak for the server, and send the client to a host whose "
        "certificate is good, though not for the server.",
        hostile="greeted with 421 and a text that names another host, which has a certificate "
        "for its own name",
        safe="takes the name of the server from its settings alone.",
        severity=Severity.HIGH,
        remedy="Do not follow what the text of a reply says.",
        servers=(
            Server(
                deviations=(
                    Answer(
                        to=CONNECT,
                        raw=f"421 4.3.2 busy; try {_ELSEWHERE}\r\n".encode(),
                        then=Then.CLOSE,
                    ),
                )
            ),
            Server(handshake=OpenSSL(_good_elsewhere)),
        ),
        modes=STARTTLS_ONLY,
        channel_is_sound=False,
        not_covered_for=_already_elsewhere,
        references=(Reference("RFC 9525 1.1"),),
        cwe=(345,),
    ),
    Case(
        id="N23-551",
        title="The recipient is said to be elsewhere",
        story="The server refuses the recipient and names another address (RFC 5321 3.4).",
        hostile="answered RCPT with 551 and another address",
        safe="reports that the message was not delivered.",
        severity=Severity.MEDIUM,
        remedy="Report refused recipients to the caller.",
        servers=(
            Server(
                deviations=(
                    Answer(
                        to="RCPT",
                        raw=b"551 5.1.6 not local; try <someone@elsewhere.lab.example>\r\n",
                        on=Channel.SEALED,
                    ),
                )
            ),
        ),
        references=(Reference("RFC 5321 3.4"),),
        cwe=(252,),
    ),
)
