"""Whatever a server says in an AUTH exchange, the client's next command is one line, the exchange
ends in success or AuthError, and SCRAM succeeds for nobody who does not know the keys.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from fuzz.chunks import flights, text_of
from postseal.errors import AuthError, LocalProtocolError
from postseal.smtp.commands import Command
from postseal.smtp.reply import Reply
from postseal.smtp.sasl import (
    BearerToken,
    ClientCertificate,
    Credentials,
    Negotiation,
    Password,
    choose_mechanisms,
)

__all__ = ["run"]

_BINDING: Final = b"\x01" * 32
_SCRAM: Final = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1")
_EXCHANGES: Final[tuple[tuple[Credentials, frozenset[str]], ...]] = (
    (Password("ada", "secret"), frozenset(_SCRAM)),
    (Password("ada", "secret"), frozenset((*_SCRAM, "CRAM-MD5", "PLAIN", "LOGIN"))),
    (Password("ada", "secret"), frozenset(("CRAM-MD5", "LOGIN"))),
    (BearerToken("ada", "t0ken", "mx.example", 587), frozenset(("OAUTHBEARER", "XOAUTH2"))),
    (ClientCertificate("ada"), frozenset(("EXTERNAL",))),
)


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses credentials and offer, the rest are replies.

    A reply is its code and text, as on the wire; a pause stands between two of them. A text behind
    `334 ~` is put into base64 first, so that the messages in it can be read and mutated.
    """
    if not data:
        return
    credentials, offer = _EXCHANGES[data[0] % len(_EXCHANGES)]
    mechanisms = choose_mechanisms(
        credentials, offer, channel_binding=_BINDING, nonce=lambda: "CLIENT"
    )
    negotiation = Negotiation(mechanisms)
    command: Command | None = negotiation.begin()
    try:
        for flight in flights(data[1:]):
            reply = _reply(flight)
            if reply is None:
                return
            assert command is not None
            assert command.encode().count(b"\r\n") == 1
            command = negotiation.answer(reply)
            if command is None:
                assert reply.code == 235
                assert "SCRAM" not in negotiation.mechanism.name
                return
    except AuthError as error:
        assert str(error).isprintable()
        assert "secret" not in str(error)


def _reply(octets: bytes) -> Reply | None:
    code, _, text = octets.partition(b" ")
    if not (len(code) == 3 and code.isdigit()):
        return None
    if text.startswith(b"~"):
        text = b64encode(text[1:])
    try:
        return Reply(int(code), (text_of(text),))
    except LocalProtocolError:
        return None
