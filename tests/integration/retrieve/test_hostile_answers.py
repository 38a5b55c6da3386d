"""Servers that answer wrongly, endlessly or never: each is a typed error within its bounds."""

from __future__ import annotations

import time
from typing import Any

import pytest

from postseal import Timeouts
from postseal.errors import (
    Disconnected,
    InvalidInput,
    MailError,
    Phase,
    RemoteProtocolError,
    TimedOut,
)
from postseal.retrieve import Criteria, MessageTooLarge, RetrievalRefused
from tests.integration.retrieve.scripts import (
    MESSAGE,
    answer,
    fetch,
    leave,
    opened,
    refused,
    retriever,
)
from tests.parts.flawed_certificates import HOST, Certificates
from tests.parts.hostile_server import HostileServer, Script, Talk

IMPATIENT = Timeouts(greeting=0.4, command=0.4, handshake=0.4, total=0.8)


@pytest.mark.parametrize("scheme", ["imap", "imaps", "pop3", "pop3s"])
def test_a_server_that_says_nothing(scheme: str, certificates: Certificates) -> None:
    began = time.monotonic()
    error = refused(lambda talk: talk.stall(), certificates, scheme, timeouts=IMPATIENT)
    assert isinstance(error, TimedOut)
    assert error.phase is (Phase.HANDSHAKE if scheme.endswith("s") else Phase.GREETING)
    assert (error.hint is None) == scheme.endswith("s")
    assert time.monotonic() - began < 5


def read_all(script: Script, ca: Certificates, **options: Any) -> MailError:
    with (
        HostileServer(script) as server,
        pytest.raises(MailError) as caught,
        retriever(server, ca, "imaps", **options) as mailbox,
    ):
        list(mailbox.all())
    return caught.value


def trickle(talk: Talk) -> None:
    # Each octet comes in time, and the answer never does.
    talk.hear()
    for _ in range(200):
        talk.send(b"*")
        if talk.over.wait(0.05):
            return


def test_an_answer_that_never_ends_has_a_deadline(certificates: Certificates) -> None:
    error = read_all(opened(certificates, trickle), certificates, timeouts=IMPATIENT)
    assert isinstance(error, TimedOut)


def endless_line(talk: Talk) -> None:
    talk.hear()
    for _ in range(200):
        talk.send(b"x" * 65536)


def endless_lines(talk: Talk) -> None:
    talk.hear()
    for _ in range(1000):
        talk.send((b"* OK " + b"x" * 1000 + b"\r\n") * 100)


def huge_literal(talk: Talk) -> None:
    talk.hear()
    talk.say("* SEARCH {99999999999}")
    talk.take_all()


def absurd_literal(talk: Talk) -> None:
    talk.hear()
    # More digits than Python makes a number of.
    talk.say("* SEARCH {" + "9" * 5000 + "}")
    talk.take_all()


def nonsense(talk: Talk) -> None:
    talk.hear()
    talk.say("what?")
    talk.take_all()


@pytest.mark.parametrize(
    "then", [endless_line, endless_lines, huge_literal, absurd_literal, nonsense]
)
def test_answers_are_bounded_and_checked(then: Script, certificates: Certificates) -> None:
    error = read_all(opened(certificates, then), certificates)
    assert isinstance(error, RemoteProtocolError)
    assert error.host == HOST


@pytest.mark.parametrize(
    ("then", "kind"),
    [
        (lambda talk: talk.end(), Disconnected),
        (lambda talk: (talk.hear(), talk.say("* BYE going down"), talk.take_all()), Disconnected),
    ],
    ids=["cut", "bye"],
)
def test_a_server_that_leaves(
    then: Script, kind: type[MailError], certificates: Certificates
) -> None:
    error = read_all(opened(certificates, then), certificates)
    assert isinstance(error, kind)
    assert error.is_temporary


def test_a_message_may_be_too_large_and_the_next_one_not(certificates: Certificates) -> None:
    def then(talk: Talk) -> None:
        answer(talk, "UID SEARCH ALL", "* SEARCH 7")
        answer(talk, "UID FETCH 7 (RFC822.SIZE)", "* 1 FETCH (UID 7 RFC822.SIZE 1001)")
        fetch(talk)
        leave(talk)

    with (
        HostileServer(opened(certificates, then)) as server,
        retriever(server, certificates, "imaps", max_message_octets=1000) as mailbox,
    ):
        with pytest.raises(MessageTooLarge):
            list(mailbox.all())
        (kept,) = mailbox.all()
    assert bytes(kept.message) == MESSAGE


def test_what_others_change_meanwhile_is_told_apart(certificates: Certificates) -> None:
    def then(talk: Talk) -> None:
        answer(talk, "UID SEARCH ALL", "* SEARCH 7 8")
        answer(talk, "UID FETCH 7 (RFC822.SIZE)", "* 1 FETCH (UID 7 RFC822.SIZE 10)")
        answer(
            talk,
            "UID FETCH 7",
            "* 2 FETCH (UID 8 FLAGS (\\Seen \\Flagged))",
            '* 1 FETCH (UID 7 FLAGS (\\Answered x) BODY[] "")',
            "* 2 FETCH (FLAGS (\\Seen))",
        )
        # The other one was removed by somebody.
        answer(talk, "UID FETCH 8 (RFC822.SIZE)", "* 2 EXPUNGE")
        leave(talk)

    with (
        HostileServer(opened(certificates, then)) as server,
        retriever(server, certificates, "imaps") as mailbox,
    ):
        (kept,) = mailbox.all()
    assert [flag.value for flag in kept.flags] == ["answered"]
    assert bytes(kept.message) == b""


@pytest.mark.parametrize("bad", ["a\r\nX LOGOUT", "a\nb", "a\0b", "a\tb"])
def test_no_line_break_gets_into_a_command(bad: str, certificates: Certificates) -> None:
    def then(talk: Talk) -> None:
        leave(talk)

    with (
        HostileServer(opened(certificates, then)) as server,
        retriever(server, certificates, "imaps") as mailbox,
    ):
        with pytest.raises(InvalidInput):
            mailbox.find(Criteria(subject=bad))
        with pytest.raises(InvalidInput):
            mailbox.select(bad)
    assert bad.encode() not in server.received


def test_a_folder_that_is_not_there_leaves_the_session(certificates: Certificates) -> None:
    def then(talk: Talk) -> None:
        answer(talk, 'SELECT "Caf&AOk-"', status="NO [NONEXISTENT] no such folder")
        answer(talk, 'SELECT "INBOX"', "* 3 EXISTS")
        leave(talk)

    with (
        HostileServer(opened(certificates, then)) as server,
        retriever(server, certificates, "imaps") as mailbox,
    ):
        with pytest.raises(RetrievalRefused, match="NONEXISTENT"):
            mailbox.select("Café")
        assert mailbox.select() == 3
