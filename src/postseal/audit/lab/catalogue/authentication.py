"""Cases about what a client says of itself, where and in answer to what (RFC 4954)."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from postseal.audit.findings import Reference, Severity
from postseal.audit.lab.canaries import CRAM_CHALLENGE
from postseal.audit.lab.case import SAYING_PASSWORD, Case, Mode, Server
from postseal.audit.lab.catalogue.terms import STARTTLS_ONLY, kept_in_clear
from postseal.audit.lab.deviations import (
    AUTH_RESPONSE,
    Advertise,
    Answer,
    Channel,
    Deviation,
)
from postseal.smtp.sasl.offer import ServerOffer, ServerSASL

__all__ = ["AUTHENTICATION"]

_REFERENCES: Final = (Reference("RFC 4954 4"), Reference("RFC 4954 9"))
_CHALLENGE: Final = b"334 " + b64encode(CRAM_CHALLENGE) + b"\r\n"
_FAILED: Final = b"535 5.7.8 credentials invalid\r\n"
_SCRAM: Final = ServerOffer(
    frozenset({ServerSASL.SCRAM_SHA_256}), decoy_secret=b"nobody else is ever asked for"
)
# None of them is one that a client with a user and a password would choose.
_ODD: Final = " ".join(
    ("EXTERNAL ANONYMOUS GSSAPI KERBEROS_V4 NTLM OTP SKEY SECURID", *(f"X-{i}" for i in range(90)))
)


def _in_clear(
    id_: str,
    title: str,
    hostile: str,
    story: str,
    *deviations: Deviation,
    offer: ServerOffer = SAYING_PASSWORD,
    severity: Severity = Severity.HIGH,
) -> Case:
    """A server without STARTTLS that asks for credentials in some way."""
    return kept_in_clear(
        id_,
        title,
        hostile,
        story,
        Server(feigns_tls=True, deviations=deviations, offer=offer),
        safe="says nothing of itself in clear, by no mechanism.",
        severity=severity,
        remedy="Require TLS before AUTH, whatever the mechanism.",
        references=_REFERENCES,
    )


def _too_early(id_: str, line: str) -> Case:
    """A server that is honest, but that would take AUTH before TLS."""
    return Case(
        id=id_,
        title=f"{line.partition(' ')[0]} is offered before TLS",
        story="Both STARTTLS and AUTH are on offer, and the order is left to the client.",
        hostile=f"offered {line!r} beside STARTTLS",
        safe="makes TLS first, and goes by what is offered then.",
        severity=Severity.CRITICAL,
        remedy="Require TLS before AUTH.",
        servers=(Server(deviations=(Advertise(also=(line,), on=Channel.CLEAR),)),),
        modes=STARTTLS_ONLY,
        references=_REFERENCES,
        cwe=(319, 523),
    )


AUTHENTICATION: Final = (
    _too_early("N20", "AUTH=PLAIN LOGIN"),
    _too_early("N20-AUTH", "AUTH PLAIN LOGIN"),
    _in_clear(
        "N21-CRAM",
        "Only CRAM-MD5 is offered, and no TLS",
        "offered AUTH CRAM-MD5 without STARTTLS",
        "A mechanism that hides the password looks safe in clear, and lets anybody guess at it.",
        Advertise(without=frozenset({"AUTH"}), also=("AUTH CRAM-MD5",)),
        Answer(to="AUTH", raw=_CHALLENGE),
        Answer(to=AUTH_RESPONSE, raw=b"235 2.7.0 welcome\r\n"),
    ),
    _in_clear(
        "N21-SCRAM",
        "Only SCRAM is offered, and no TLS",
        "offered AUTH SCRAM-SHA-256 without STARTTLS",
        "A mechanism that hides the password looks safe in clear, and lets anybody guess at it.",
        offer=_SCRAM,
    ),
    _in_clear(
        "N21-ODD",
        "A hundred odd mechanisms are offered, and no TLS",
        "offered EXTERNAL, ANONYMOUS and a hundred others without STARTTLS",
        "Some mechanisms carry no password, but they tell who is there.",
        Advertise(without=frozenset({"AUTH"}), also=(f"AUTH {_ODD}",)),
        Answer(to="AUTH", raw=b"235 2.7.0 welcome\r\n"),
        severity=Severity.MEDIUM,
    ),
    Case(
        id="N21-PLUS",
        title="SCRAM-PLUS is taken from the offer",
        story="Who sits between two TLS connections removes the mechanisms that are bound to one.",
        hostile="offered SCRAM without -PLUS under TLS",
        safe="tells the server by the flag y that it was not offered -PLUS.",
        severity=Severity.MEDIUM,
        remedy="Use a client that knows tls-server-end-point or tls-exporter.",
        servers=(Server(offer=_SCRAM),),
        not_covered="the server, not the client, sees this attack (RFC 5802 6), and a client "
        "without -PLUS does nothing wrong",
        references=(Reference("RFC 5802 6"),),
    ),
    _in_clear(
        "N22-WEAKER",
        "CRAM-MD5 fails and PLAIN is left, without TLS",
        "offered CRAM-MD5 and PLAIN without STARTTLS, and refused the first",
        "Whoever lets one mechanism fail chooses the next one for the client.",
        Advertise(without=frozenset({"AUTH"}), also=("AUTH CRAM-MD5 PLAIN",)),
        Answer(to="AUTH", raw=_CHALLENGE, times=1),
        Answer(to=AUTH_RESPONSE, raw=_FAILED, times=1),
        severity=Severity.CRITICAL,
    ),
    Case(
        id="N22-ENDLESS",
        title="AUTH is answered by one challenge after another",
        story="A mechanism has a last message. A client that answers whatever it is asked does not "
        "come to an end.",
        hostile="answered each response with another empty challenge",
        safe="ends the exchange where its mechanism does.",
        severity=Severity.LOW,
        remedy="Use a client that ends an exchange which goes on for too long.",
        servers=(
            Server(
                deviations=(
                    Answer(to="AUTH", raw=b"334 \r\n", on=Channel.SEALED),
                    Answer(to=AUTH_RESPONSE, raw=b"334 \r\n", on=Channel.SEALED),
                )
            ),
        ),
        modes=frozenset(Mode),
        references=_REFERENCES,
        cwe=(835,),
    ),
)
