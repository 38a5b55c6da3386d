"""What counts as smuggled, and what is only a text that looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from postseal.audit.lab.canaries import Canaries
from postseal.audit.lab.case import Mode
from postseal.audit.lab.clients import Settings
from postseal.audit.lab.commands import CommandClient
from postseal.audit.lab.hostile_inputs import Field, HostileInput, InputNotTaken, Smuggling
from postseal.audit.lab.records import Connection, Record

CANARIES = Canaries(
    user="ada",
    password="secret",
    sender="from@lab.example",
    recipient="bob@lab.example",
    subject="hello",
    body="text",
)
SESSION = b"EHLO me\r\nMAIL FROM:<from@lab.example>\r\nRCPT TO:<bob@lab.example>\r\nDATA\r\n"
HEADERS = b"Subject: hello\r\n\r\n"


def said(body: bytes, *, session: bytes = SESSION) -> bytes:
    return session + HEADERS + body + b"\r\n.\r\nQUIT\r\n"


@pytest.mark.parametrize(
    ("what", "octets"),
    [
        (Smuggling.LINE, said(b"a\rX-Smuggled: yes")),
        (Smuggling.LINE, said(b"a\nx-smuggled: yes")),
        (Smuggling.LINE, SESSION + b"Subject: a\r\nVRFY smuggled.example\r\n"),
        (Smuggling.NUL, b"RCPT TO:<bob@lab.example\0>\r\n"),
        (Smuggling.RECIPIENT, b"\r\nRCPT TO:<bob@smuggled.example x@lab.example>\r\n"),
        (Smuggling.RECIPIENT, b"\r\nRCPT TO:<bob@smuggled.example>\r\n"),
        (Smuggling.PARAMETER, b"\r\nMAIL FROM:<from> BODY=smuggled.example x@lab.example>\r\n"),
        (Smuggling.MESSAGE, said(b"a\n.\nb")),
        (Smuggling.MESSAGE, said(b"a\r.\r\nb")),
        (Smuggling.MESSAGE, said(b"a\r\n.\r\r\nb")),
        (Smuggling.MESSAGE, said(b"a\r\n\0.\r\nb")),
        (Smuggling.MESSAGE, said(b"a\r\n.\r\nVRFY smuggled.example")),
    ],
)
def test_what_is_smuggled_is_seen(what: Smuggling, octets: bytes) -> None:
    assert what.is_in(octets)


@pytest.mark.parametrize(
    ("what", "octets"),
    [
        # Folded, encoded, or amid a line.
        (Smuggling.LINE, said(b"Subject: a\r\n X-Smuggled: yes")),
        (Smuggling.LINE, said(b"Subject: =?utf-8?q?a=0D=0AX-Smuggled:_yes?=")),
        (Smuggling.LINE, said(b"Subject: a X-Smuggled: yes")),
        # A quoted local part is one address (RFC 5321 4.1.2).
        (Smuggling.RECIPIENT, b'\r\nRCPT TO:<"bob@smuggled.example x"@lab.example>\r\n'),
        (Smuggling.PARAMETER, b'\r\nMAIL FROM:<"from> BODY=smuggled.example x"@lab.example>\r\n'),
        (Smuggling.PARAMETER, b"\r\nMAIL FROM:<from@lab.example> SIZE=100\r\n"),
        # With its dots doubled (RFC 5321 4.5.2) there is one end.
        (Smuggling.MESSAGE, said(b"a\r\n..\r\nVRFY smuggled.example")),
        (Smuggling.MESSAGE, said(b"a.\r\nb .\r\n")),
        (Smuggling.MESSAGE, SESSION),
    ],
)
def test_what_is_only_text_is_none(what: Smuggling, octets: bytes) -> None:
    assert not what.is_in(octets)


def test_the_input_takes_the_place_of_its_field_alone() -> None:
    hostile = HostileInput(Field.RECIPIENT, '"{word} x"@lab.example, {value}', Smuggling.RECIPIENT)

    given = hostile.given_in(CANARIES)

    assert given.recipient == '"bob x"@lab.example, bob@lab.example'
    assert (given.sender, given.body) == (CANARIES.sender, CANARIES.body)


def test_a_field_is_used_when_its_canary_was_seen() -> None:
    hostile = HostileInput(Field.SUBJECT, "{value}\r\nX-Smuggled: yes", Smuggling.LINE)
    seen = Connection(0)
    seen.sealed += said(b"text")

    assert hostile.is_used(CANARIES, Record([seen]))
    assert not hostile.is_used(CANARIES, Record([Connection(0)]))


def settings(canaries: Canaries) -> Settings:
    return Settings(
        host="localhost", port=1, mode=Mode.STARTTLS, canaries=canaries, ca_file=Path("ca.pem")
    )


@pytest.mark.parametrize(
    ("text", "template", "reason"),
    [
        ("{value}\0", None, "can hold a NUL"),
        ("{value}\r\nhost evil.example", "from {from}", "its configuration file"),
    ],
)
async def test_what_a_command_cannot_be_given_is_said(
    text: str, template: str | None, reason: str
) -> None:
    hostile = HostileInput(Field.SENDER, text, Smuggling.NUL)
    client = CommandClient(arguments=("true", "{from}"), template=template)
    with pytest.raises(InputNotTaken, match=reason):
        await client.run(settings(hostile.given_in(CANARIES)), patience=5)
