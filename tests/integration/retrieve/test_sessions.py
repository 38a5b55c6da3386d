"""What a retriever does with honest servers of less common kinds."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from postseal import Secret
from postseal.errors import AuthError, Disconnected, LocalProtocolError
from postseal.retrieve import Afterwards, RetrievalRefused
from postseal.secrets.provider import SecretReference, SecretVersion
from postseal.secrets.source import SecretSource
from tests.integration.retrieve.scripts import (
    CAPABILITY,
    MESSAGE,
    PASSWORD,
    answer,
    fetch,
    greet_pop3,
    leave,
    log_in_pop3,
    opened,
    retriever,
    sealed,
)
from tests.parts.flawed_certificates import Certificates
from tests.parts.hostile_server import HostileServer, Talk


def test_a_token_goes_by_oauthbearer(certificates: Certificates) -> None:
    tokens = iter(["first", "second"])
    heard = []

    def script(talk: Talk) -> None:
        tag, _, said = talk.hear().partition(" ")
        assert said == "AUTHENTICATE OAUTHBEARER"
        talk.say("+ ")
        heard.append(b64decode(talk.hear()))
        talk.say(f"{tag} OK logged in")
        answer(talk, "CAPABILITY", CAPABILITY)
        answer(talk, 'SELECT "INBOX"', "* 0 EXISTS")
        leave(talk)

    capability = "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 AUTH=OAUTHBEARER AUTH=PLAIN"
    with HostileServer(sealed(certificates, script, capability)) as server:
        for _ in range(2):
            with retriever(server, certificates, password=None, token=lambda: Secret(next(tokens))):
                pass
    assert b"auth=Bearer first\x01" in heard[0]
    assert b"auth=Bearer second\x01" in heard[1]


class Vault:
    """A provider whose password is replaced after it was fetched once."""

    scheme = "test"

    def __init__(self, *passwords: str) -> None:
        self._passwords = list(passwords)

    def fetch(self, reference: SecretReference, **_: Any) -> SecretVersion:
        password = self._passwords.pop(0) if len(self._passwords) > 1 else self._passwords[0]
        return SecretVersion(Secret(password))


def refuse(talk: Talk) -> None:
    tag = talk.hear().split()[0]
    talk.say("+ ")
    talk.hear()
    talk.say(f"{tag} NO [AUTHENTICATIONFAILED] no")
    talk.take_all()


def source_of(*passwords: str) -> SecretSource:
    return SecretSource("vault:mail", provider=Vault(*passwords))


def test_a_password_that_was_replaced_is_fetched_anew(certificates: Certificates) -> None:
    with (
        HostileServer(sealed(certificates, refuse), opened(certificates, leave)) as server,
        retriever(server, certificates, password=source_of("old", PASSWORD)),
    ):
        pass
    assert len(server.talks) == 2


def test_a_password_that_stays_the_same_is_tried_once(certificates: Certificates) -> None:
    with (
        HostileServer(sealed(certificates, refuse)) as server,
        pytest.raises(AuthError),
        retriever(server, certificates, password=source_of("old")),
    ):
        raise AssertionError("it was opened")
    assert len(server.talks) == 1


def test_nothing_is_deleted_where_others_would_go_with_it(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        tag = talk.hear().split()[0]
        talk.say("+ ")
        talk.hear()
        talk.say(f"{tag} OK done")
        answer(talk, "CAPABILITY", "* CAPABILITY IMAP4rev1")
        answer(talk, 'SELECT "INBOX"', "* 1 EXISTS")
        answer(talk, "UID SEARCH ALL", "* SEARCH 7")
        leave(talk)

    with (
        HostileServer(sealed(certificates, script)) as server,
        retriever(server, certificates) as mailbox,
        pytest.raises(RetrievalRefused, match="UIDPLUS"),
    ):
        mailbox.all(afterwards=Afterwards.DELETE)


def test_a_message_is_deleted_when_the_next_is_asked_for(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        fetch(talk)
        answer(talk, "UID STORE 7 +FLAGS.SILENT (\\Deleted)")
        answer(talk, "UID EXPUNGE 7", "* 1 EXPUNGE")
        # Behind a `break` there is no deletion.
        fetch(talk)
        leave(talk)

    with (
        HostileServer(opened(certificates, script)) as server,
        retriever(server, certificates) as mailbox,
    ):
        taken = []
        for kept in mailbox.all(afterwards=Afterwards.DELETE):
            assert b"EXPUNGE" not in server.talks[0].received
            taken.append(bytes(kept.message))
        assert taken == [MESSAGE]
        assert server.talks[0].received.count(b"EXPUNGE") == 1
        for _ in mailbox.all(afterwards=Afterwards.DELETE):
            break
    assert server.talks[0].received.count(b"EXPUNGE") == 1


def test_a_key_is_not_used_in_another_folder(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        fetch(talk)
        answer(talk, 'SELECT "Sent"', "* 1 EXISTS")
        leave(talk)

    with (
        HostileServer(opened(certificates, script)) as server,
        retriever(server, certificates) as mailbox,
    ):
        messages = mailbox.all(afterwards=Afterwards.DELETE)
        next(messages)
        mailbox.select("Sent")
        with pytest.raises(LocalProtocolError):
            next(messages)


def test_after_an_interruption_no_answer_is_taken_for_another(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        talk.hear()
        talk.take_all()

    with (
        HostileServer(opened(certificates, script)) as server,
        retriever(server, certificates) as mailbox,
    ):
        wire = mailbox._open.wire

        def interrupted() -> None:
            with wire.operation(max_octets=1):
                wire.write(b"X NOOP\r\n")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        with pytest.raises(Disconnected):
            mailbox.folders()


def test_pop3_deletes_when_the_session_ends(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        talk.seal(certificates.context())
        greet_pop3(talk, "SASL PLAIN")
        log_in_pop3(talk)
        talk.hear("RETR 1")
        talk.send(b"+OK\r\n" + MESSAGE + b".\r\n")
        talk.hear("DELE 1")
        talk.say("+OK")
        talk.hear("QUIT")
        talk.say("-ERR some deleted messages were not removed")
        talk.end()

    with (
        HostileServer(script) as server,
        pytest.raises(RetrievalRefused, match="not removed"),
        retriever(server, certificates, "pop3s") as mailbox,
    ):
        assert len(list(mailbox.all(afterwards=Afterwards.DELETE))) == 1


def test_unique_ids_that_tell_nothing_apart_are_not_used(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        talk.seal(certificates.context())
        greet_pop3(talk, "USER")
        for _ in range(2):
            talk.hear()
            talk.say("+OK")
        talk.hear("LIST")
        talk.say("+OK", f"1 {len(MESSAGE)}", f"2 {len(MESSAGE)}", ".")
        talk.hear("UIDL")
        talk.say("+OK", "1 same", "2 same", ".")
        for number in (1, 2):
            talk.hear(f"RETR {number}")
            talk.send(b"+OK\r\n" + MESSAGE + b".\r\n")
        talk.hear("QUIT")
        talk.say("+OK")
        talk.end()

    with (
        HostileServer(script) as server,
        retriever(server, certificates, "pop3s") as mailbox,
    ):
        assert [kept.key for kept in mailbox.all()] == ["1", "2"]


def test_folders_however_they_are_listed(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        answer(
            talk,
            'LIST "" *',
            '* LIST () "/" INBOX',
            '* LIST (\\Noselect \\HasChildren) "/" "[Gmail]"',
            '* LIST (\\Sent) "/" "[Gmail]/Sent \\"Mail\\""',
            "* LIST () NIL {8}",
            '"quoted"',
            '* LIST () "\\\\" "Entw&APw-rfe"',
            "* STATUS INBOX (MESSAGES 3)",
        )
        leave(talk)

    with (
        HostileServer(opened(certificates, script)) as server,
        retriever(server, certificates) as mailbox,
    ):
        assert mailbox.folders() == ("INBOX", '[Gmail]/Sent "Mail"', '"quoted"', "Entwürfe")


def test_a_folder_that_can_only_be_read(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        answer(talk, 'SELECT "Shared"', "* 1 EXISTS", status="OK [READ-ONLY] open")
        answer(talk, 'EXAMINE "Shared"', "* 1 EXISTS", status="OK [READ-ONLY] open")
        fetch(talk)
        leave(talk)

    with (
        HostileServer(opened(certificates, script)) as server,
        retriever(server, certificates) as mailbox,
    ):
        with pytest.raises(RetrievalRefused, match="read_only=True"):
            mailbox.select("Shared")
        assert mailbox.select("Shared", read_only=True) == 1
        assert len(list(mailbox.all())) == 1
