"""Promises 1 to 3 for mailboxes: servers that lie get no password, and none can hang the reader.

- CVE-2011-0411 and its kin: what stands behind the answer to STARTTLS in the same segment.
- PREAUTH before TLS (NO STARTTLS, USENIX Security 2021): a session that cannot be sealed any more.
"""

from __future__ import annotations

import pytest

from postseal.errors import (
    AuthError,
    CertificateReason,
    CertificateRejected,
    HandshakeFailed,
    InvalidInput,
    Phase,
    PolicyNotMet,
    StartTLSInjection,
    StartTLSStripped,
)
from postseal.retrieve import Retriever
from postseal.testing import MemoryNetwork
from tests.integration.retrieve.scripts import (
    CANARIES,
    CAPABILITY,
    MESSAGE,
    PASSWORD,
    USER,
    answer,
    fetch,
    greet,
    greet_pop3,
    leave,
    log_in,
    log_in_pop3,
    refused,
    retriever,
)
from tests.parts.canaries import find_canaries
from tests.parts.flawed_certificates import HOST, Certificates, Flaw
from tests.parts.hostile_server import HostileServer, Talk


@pytest.mark.parametrize("scheme", ["imap", "imaps"])
def test_an_honest_imap_server_is_read(scheme: str, certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        if scheme == "imap":
            greet(talk, "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED")
            answer(talk, "STARTTLS", status="OK begin")
            talk.seal(certificates.context())
            answer(talk, "CAPABILITY", CAPABILITY)
        else:
            talk.seal(certificates.context())
            greet(talk)
        log_in(talk)
        fetch(talk)
        leave(talk)

    with HostileServer(script) as server, retriever(server, certificates, scheme) as mailbox:
        assert mailbox.tls.authenticated_by
        (kept,) = mailbox.all()
    assert bytes(kept.message) == MESSAGE
    # The control: the search finds the password where it may be, and the wire has none of it.
    assert find_canaries(bytes(server.talks[0].received), CANARIES)
    assert not find_canaries(bytes(server.talks[0].on_the_wire), CANARIES)


@pytest.mark.parametrize("scheme", ["pop3", "pop3s"])
def test_an_honest_pop3_server_is_read(scheme: str, certificates: Certificates) -> None:
    long_line = b"x" * 5000

    def script(talk: Talk) -> None:
        if scheme == "pop3":
            greet_pop3(talk, "STLS")
            talk.hear("STLS")
            talk.say("+OK begin")
            talk.seal(certificates.context())
            talk.hear("CAPA")
            talk.say("+OK", "SASL PLAIN", ".")
        else:
            talk.seal(certificates.context())
            greet_pop3(talk, "SASL PLAIN")
        log_in_pop3(talk)
        talk.hear("RETR 1")
        talk.send(b"+OK\r\n" + MESSAGE + long_line + b"\r\n..\r\n.\r\n")
        talk.hear("QUIT")
        talk.say("+OK bye")
        talk.end()

    with (
        HostileServer(script) as server,
        retriever(server, certificates, scheme) as mailbox,
    ):
        (kept,) = mailbox.all()
    assert kept.key == "abc"
    assert bytes(kept.message) == MESSAGE + long_line + b"\r\n.\r\n"


INJECTED = [
    b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n",
    b"* PREAUTH\r\n",
    b"+OK\r\n.\r\n",
    b"*",
    b"\r",
    b"\x16\x03\x03\x00\x02\x01\x00",
]


@pytest.mark.parametrize("injected", INJECTED, ids=ascii)
@pytest.mark.parametrize("scheme", ["imap", "pop3"])
def test_octets_behind_starttls_in_the_same_segment(
    scheme: str, injected: bytes, certificates: Certificates
) -> None:
    def imap(talk: Talk) -> None:
        greet(talk)
        tag = talk.hear().split()[0]
        talk.send(f"{tag} OK begin\r\n".encode() + injected)
        talk.take_all()

    def pop3(talk: Talk) -> None:
        greet_pop3(talk, "STLS")
        talk.hear("STLS")
        talk.send(b"+OK begin\r\n" + injected)
        talk.take_all()

    error = refused(imap if scheme == "imap" else pop3, certificates, scheme)
    assert isinstance(error, StartTLSInjection)
    assert error.phase is Phase.STARTTLS


@pytest.mark.parametrize("scheme", ["imap", "pop3"])
def test_octets_behind_starttls_in_a_later_segment(scheme: str, certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        if scheme == "imap":
            greet(talk)
            answer(talk, "STARTTLS", status="OK begin")
        else:
            greet_pop3(talk, "STLS")
            talk.hear("STLS")
            talk.say("+OK begin")
        # The ClientHello is on its way: what comes now, in clear, is no answer to it.
        talk.take()
        talk.say("* CAPABILITY IMAP4rev1 AUTH=PLAIN")
        talk.take_all()

    assert isinstance(refused(script, certificates, scheme), StartTLSInjection)


def test_an_answer_that_came_before_the_question(certificates: Certificates) -> None:
    # The tag can be guessed from the command before it.
    def script(talk: Talk) -> None:
        talk.say("* OK ready")
        tag = talk.hear().split()[0]
        following = f"{tag[:-1]}{int(tag[-1]) + 1}"
        talk.say(CAPABILITY, f"{tag} OK done", f"{following} OK begin")
        talk.hear(f"{following} STARTTLS")
        talk.say(f"{following} OK begin")
        talk.take_all()

    assert isinstance(refused(script, certificates, "imap"), StartTLSInjection)


@pytest.mark.parametrize(
    "status", ["NO not now", "BAD unknown command"], ids=["refused", "unknown"]
)
def test_starttls_is_refused(status: str, certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        greet(talk)
        answer(talk, "STARTTLS", status=status)
        talk.take_all()

    error = refused(script, certificates, "imap")
    assert isinstance(error, StartTLSStripped)
    assert error.hint is not None


def test_starttls_is_not_offered(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        greet(talk, "* CAPABILITY IMAP4rev1 AUTH=PLAIN")
        talk.take_all()

    assert isinstance(refused(script, certificates, "imap"), StartTLSStripped)


def test_stls_is_refused(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        greet_pop3(talk, "USER")
        talk.hear("STLS")
        talk.say("-ERR what is that")
        talk.take_all()

    assert isinstance(refused(script, certificates, "pop3"), StartTLSStripped)


def test_preauth_before_tls(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        talk.say("* PREAUTH welcome, ada")
        answer(talk, "CAPABILITY", CAPABILITY)
        talk.take_all()

    error = refused(script, certificates, "imap")
    assert isinstance(error, StartTLSStripped)
    assert "PREAUTH" in error.text


def test_preauth_under_tls_needs_no_login(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        talk.seal(certificates.context())
        talk.say("* PREAUTH welcome, ada")
        answer(talk, "CAPABILITY", CAPABILITY)
        answer(talk, 'SELECT "INBOX"', "* 0 EXISTS")
        leave(talk)

    with HostileServer(script) as server, retriever(server, certificates, "imaps"):
        pass
    assert find_canaries(server.received, CANARIES) == set()


@pytest.mark.parametrize(
    ("flaw", "reason"),
    [
        (Flaw.OTHER_NAME, CertificateReason.WRONG_NAME),
        (Flaw.EXPIRED, CertificateReason.EXPIRED),
        (Flaw.UNKNOWN_AUTHORITY, CertificateReason.UNKNOWN_ISSUER),
        (Flaw.SELF_SIGNED, CertificateReason.SELF_SIGNED),
    ],
)
@pytest.mark.parametrize("scheme", ["imap", "imaps", "pop3", "pop3s"])
def test_a_certificate_that_proves_nothing(
    scheme: str, flaw: Flaw, reason: CertificateReason, certificates: Certificates
) -> None:
    def script(talk: Talk) -> None:
        if scheme == "imap":
            greet(talk)
            answer(talk, "STARTTLS", status="OK begin")
        elif scheme == "pop3":
            greet_pop3(talk, "STLS")
            talk.hear("STLS")
            talk.say("+OK begin")
        talk.seal(certificates.context(flaw))
        talk.take_all()

    error = refused(script, certificates, scheme)
    assert isinstance(error, CertificateRejected)
    assert error.reason is reason


@pytest.mark.parametrize("scheme", ["imaps", "pop3s"])
def test_a_port_that_greets_in_clear(scheme: str, certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        talk.say("* OK ready" if scheme == "imaps" else "+OK ready")
        talk.take_all()

    error = refused(script, certificates, scheme)
    assert isinstance(error, HandshakeFailed)
    assert "imap://" in str(error)


def test_logindisabled_is_respected(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        talk.seal(certificates.context())
        greet(talk, "* CAPABILITY IMAP4rev1 LOGINDISABLED")
        talk.take_all()

    error = refused(script, certificates, "imaps")
    assert isinstance(error, AuthError)
    assert error.phase is Phase.AUTH


def test_capabilities_of_the_clear_are_forgotten(certificates: Certificates) -> None:
    # AUTH=PLAIN was said in clear; the sealed server has LOGIN alone, and disabled.
    def script(talk: Talk) -> None:
        greet(talk)
        answer(talk, "STARTTLS", status="OK begin")
        talk.seal(certificates.context())
        answer(talk, "CAPABILITY", "* CAPABILITY IMAP4rev1 LOGINDISABLED")
        talk.take_all()

    assert isinstance(refused(script, certificates, "imap"), AuthError)


def test_a_refused_password_is_not_in_the_error(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        talk.seal(certificates.context())
        greet(talk)
        tag = talk.hear().split()[0]
        talk.say("+ ")
        said = talk.hear()
        talk.say(f"{tag} NO [AUTHENTICATIONFAILED] {PASSWORD} {said}?")
        talk.take_all()

    with (
        HostileServer(script) as server,
        pytest.raises(AuthError) as caught,
        retriever(server, certificates, "imaps"),
    ):
        raise AssertionError("it was opened")
    assert not find_canaries(str(caught.value).encode(), CANARIES)
    assert "AUTHENTICATIONFAILED" in caught.value.text
    assert caught.value.phase is Phase.AUTH


def test_login_is_what_is_left_without_sasl(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        talk.seal(certificates.context())
        greet(talk, "* CAPABILITY IMAP4rev1")
        assert answer(talk, "LOGIN") == f'"{USER}" "{PASSWORD}"'
        answer(talk, "CAPABILITY", CAPABILITY)
        answer(talk, 'SELECT "INBOX"', "* 0 EXISTS")
        leave(talk)

    with HostileServer(script) as server, retriever(server, certificates, "imaps"):
        pass


def test_user_and_pass_are_what_is_left_without_capa(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        talk.seal(certificates.context())
        talk.say("+OK ready")
        talk.hear("CAPA")
        talk.say("-ERR what is that")
        assert talk.hear() == f"USER {USER}"
        talk.say("+OK")
        assert talk.hear() == f"PASS {PASSWORD}"
        talk.say("+OK")
        talk.hear("LIST")
        talk.say("+OK", ".")
        talk.hear("UIDL")
        talk.say("-ERR what is that")
        talk.hear("QUIT")
        talk.say("+OK")
        talk.end()

    with HostileServer(script) as server, retriever(server, certificates, "pop3s") as mailbox:
        assert list(mailbox.all()) == []


def test_in_clear_is_for_this_machine_alone() -> None:
    network = MemoryNetwork("")
    with (
        pytest.raises(PolicyNotMet),
        Retriever("imap+insecure://ada@localhost", password=PASSWORD, network=network),
    ):
        raise AssertionError("it was opened")
    (stream,) = network.streams
    assert not stream.written


def test_in_clear_on_this_machine(certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        greet(talk)
        log_in(talk)
        fetch(talk)
        leave(talk)

    with (
        HostileServer(script) as server,
        Retriever(f"imap+insecure://{USER}@{HOST}:{server.port}", password=PASSWORD) as mailbox,
    ):
        assert [bytes(one.message) for one in mailbox.last(5)] == [MESSAGE]


@pytest.mark.parametrize("bad", ["hunter2\r\nDELE 1", "hunter2\n", "hunter\t2"])
@pytest.mark.parametrize("scheme", ["imaps", "pop3s"])
def test_no_password_can_become_a_command(
    scheme: str, bad: str, certificates: Certificates
) -> None:
    def script(talk: Talk) -> None:
        talk.seal(certificates.context())
        if scheme == "imaps":
            greet(talk, "* CAPABILITY IMAP4rev1")
        else:
            greet_pop3(talk, "USER")
            assert talk.hear() == f"USER {USER}"
            talk.say("+OK")
        talk.take_all()

    with (
        HostileServer(script) as server,
        pytest.raises(InvalidInput) as caught,
        retriever(server, certificates, scheme, password=bad),
    ):
        raise AssertionError("it was opened")
    assert b"hunter" not in server.received
    assert "hunter" not in str(caught.value)
