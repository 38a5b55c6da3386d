"""Mailbox servers for tests to play, line by line: IMAP and POP3."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from postseal.errors import MailError
from postseal.retrieve import Retriever
from postseal.tls import Trust
from tests.parts.canaries import Canary, find_canaries
from tests.parts.flawed_certificates import HOST, Certificates
from tests.parts.hostile_server import HostileServer, Script, Talk

USER = "ada"
PASSWORD = "correct horse battery staple"
CAPABILITY = "* CAPABILITY IMAP4rev1 STARTTLS UIDPLUS AUTH=PLAIN"
MESSAGE = b"From: Eve <eve@example.net>\r\nSubject: hello\r\n\r\nHello.\r\n"


CANARIES = (Canary("password", PASSWORD.encode()),)


def retriever(
    server: HostileServer, ca: Certificates, scheme: str = "imaps", **options: Any
) -> Retriever:
    """A retriever for the user's mailbox, which trusts the authority of the tests."""
    options = {"password": PASSWORD, "trust": Trust.only(ca.ca_file), **options}
    return Retriever(f"{scheme}://{USER}@{HOST}:{server.port}", **options)


def refused(script: Script, ca: Certificates, scheme: str, **options: Any) -> MailError:
    """Open a mailbox that must not be opened; return why."""
    with (
        HostileServer(script) as server,
        pytest.raises(MailError) as caught,
        retriever(server, ca, scheme, **options),
    ):
        raise AssertionError("it was opened")
    assert find_canaries(server.received, CANARIES) == set()
    assert len(server.talks) == 1
    assert caught.value.host == HOST
    return caught.value


def sealed(certificates: Certificates, then: Script, capability: str = CAPABILITY) -> Script:
    """Play `then` behind the greeting under TLS."""

    def script(talk: Talk) -> None:
        talk.seal(certificates.context())
        greet(talk, capability)
        then(talk)

    return script


def opened(certificates: Certificates, then: Script) -> Script:
    """Play `then` behind the login under TLS, with INBOX open."""

    def script(talk: Talk) -> None:
        log_in(talk)
        then(talk)

    return sealed(certificates, script)


def leave(talk: Talk) -> None:
    """Take the farewell."""
    answer(talk, "LOGOUT", "* BYE so long")
    talk.end()


def plain() -> str:
    """What AUTH PLAIN says, in base64."""
    return b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()


def answer(talk: Talk, command: str, *untagged: str, status: str = "OK done") -> str:
    """Hear an IMAP command and answer it; give its arguments."""
    tag, _, said = talk.hear().partition(" ")
    assert said.startswith(command), f"{command} was due, and not {said!r}"
    talk.say(*untagged, f"{tag} {status}")
    return said.removeprefix(command).strip()


def greet(talk: Talk, capability: str = CAPABILITY) -> None:
    """Greet in IMAP and tell the capabilities."""
    talk.say("* OK ready")
    answer(talk, "CAPABILITY", capability)


def log_in(talk: Talk) -> None:
    """Take the login by PLAIN, and open INBOX with one message in it."""
    tag, _, said = talk.hear().partition(" ")
    assert said == "AUTHENTICATE PLAIN"
    talk.say("+ ")
    assert talk.hear() == plain()
    talk.say(f"{tag} OK logged in")
    answer(talk, "CAPABILITY", CAPABILITY)
    answer(talk, 'SELECT "INBOX"', "* 1 EXISTS", status="OK [READ-WRITE] open")


def fetch(talk: Talk, octets: bytes = MESSAGE) -> None:
    """Answer for the one message: its number, its size, and itself."""
    answer(talk, "UID SEARCH ALL", "* SEARCH 7")
    answer(talk, "UID FETCH 7 (RFC822.SIZE)", f"* 1 FETCH (UID 7 RFC822.SIZE {len(octets)})")
    tag = talk.hear().partition(" ")[0]
    talk.send(
        b"* 1 FETCH (UID 7 FLAGS (\\Seen) BODY[] {%d}\r\n%b)\r\n%b OK done\r\n"
        % (len(octets), octets, tag.encode())
    )


def greet_pop3(talk: Talk, *capabilities: str) -> None:
    """Greet in POP3 and tell the capabilities."""
    talk.say("+OK ready")
    talk.hear("CAPA")
    talk.say("+OK", *capabilities, ".")


def log_in_pop3(talk: Talk) -> None:
    """Take the login by PLAIN, and list one message."""
    talk.hear("AUTH PLAIN")
    talk.say("+ ")
    assert talk.hear() == plain()
    talk.say("+OK logged in")
    talk.hear("LIST")
    talk.say("+OK", f"1 {len(MESSAGE)}", ".")
    talk.hear("UIDL")
    talk.say("+OK", "1 abc", ".")
