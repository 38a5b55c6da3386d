"""What the scripts of hostile servers have in common, and the message that they are after."""

from __future__ import annotations

import ssl

from postseal import Address, Envelope
from tests.parts.canaries import Canary
from tests.parts.hostile_server import Talk

PASSWORD = "correct-horse-battery-staple"
ENVELOPE = Envelope(
    Address.parse("canary-sender@example.com"), (Address.parse("canary-recipient@example.org"),)
)
CONTENT = (b"Subject: canary of the subject\r\n\r\n", b"The body holds canary number 4711.\r\n")
CANARIES = (
    Canary("password", PASSWORD.encode()),
    Canary("sender", b"canary-sender"),
    Canary("recipient", b"canary-recipient"),
    Canary("subject", b"canary of the subject"),
    Canary("body", b"canary number 4711"),
)


def greet(talk: Talk, *extensions: str) -> None:
    """Greeting and the answer to EHLO."""
    talk.say("220 hostile.test ESMTP")
    hello(talk, *extensions)


def hello(talk: Talk, *extensions: str) -> None:
    """The answer to EHLO."""
    talk.hear("EHLO ")
    offered = [f"250-{extension}" for extension in extensions]
    talk.say("250-hostile.test", *offered, "250 HELP")


def starttls(talk: Talk, context: ssl.SSLContext, *extensions: str) -> None:
    """STARTTLS as it should be, offering AUTH in clear already, and EHLO behind it."""
    greet(talk, "AUTH PLAIN LOGIN", "STARTTLS")
    talk.hear("STARTTLS")
    talk.say("220 go ahead")
    talk.seal(context)
    hello(talk, *extensions)


def take_auth(talk: Talk) -> None:
    """Take any credentials."""
    talk.hear("AUTH PLAIN ")
    talk.say("235 2.7.0 welcome")


def take_envelope(talk: Talk) -> None:
    """One MAIL, one RCPT, and DATA, each answered when it is heard."""
    for verb, reply in (("MAIL FROM:", "250 ok"), ("RCPT TO:", "250 ok"), ("DATA", "354 go")):
        talk.hear(verb)
        talk.say(reply)


def take_message(talk: Talk) -> bytes:
    """Envelope and body of one message."""
    take_envelope(talk)
    body = talk.hear_body()
    talk.say("250 2.0.0 taken")
    return body


def take_quit(talk: Talk) -> None:
    """QUIT and its answer."""
    talk.hear("QUIT")
    talk.say("221 bye")
    talk.end()
