from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl

import aiosmtplib
import pytest

from postseal import AsyncMailer, Mailer, Message, PreparedMessage, Timeouts
from postseal.errors import (
    AuthError,
    CertificateReason,
    CertificateRejected,
    ConnectError,
    DeliveryUnknown,
    Disconnected,
    HandshakeFailed,
    InvalidSetting,
    MailError,
    PermanentlyRejected,
    Phase,
    StartTLSInjection,
    StartTLSStripped,
    TemporarilyRejected,
    TimedOut,
)
from postseal.mail.envelope import Envelope
from postseal.send import Framing, Outgoing
from postseal.smtp.protocol import Extension
from postseal.testing import Fault, Mode, SMTPServer

USERS = {"ada": "enchantress"}
MESSAGE = Message(
    from_="a@example.com",
    to=["b@example.org", "c@example.org"],
    subject="Hi",
    text="Hello\n.dot\n..dots\n",
)
QUICK = Timeouts(greeting=0.3, command=0.3, handshake=0.3, end_of_data=0.3)


@pytest.mark.parametrize("mode", [Mode.STARTTLS, Mode.IMPLICIT])
def test_mail_arrives_sealed_and_authenticated(mode: Mode) -> None:
    with SMTPServer(mode, users=USERS) as server:
        with Mailer(server.url, password="enchantress", trust=server.trust) as mailer:
            delivery = mailer.send(MESSAGE)
        stored = server.outbox.assert_sent(to="b@example.org", subject="Hi", text=".dot")
        (session,) = server.sessions
    assert delivery.tls.version == session.tls.version == "TLSv1.3"
    assert stored.octets == bytes(MESSAGE)
    assert session.authenticated_as == "ada"
    assert session.client_name == "[127.0.0.1]"


def test_the_dialogue_holds_neither_credentials_nor_bodies() -> None:
    with SMTPServer(users=USERS) as server:
        mechanisms = ("PLAIN", "LOGIN", "SCRAM-SHA-256")
        for name in mechanisms:
            with Mailer(
                server.url, password="enchantress", trust=server.trust, mechanisms=[name]
            ) as mailer:
                mailer.send(MESSAGE)
        dialogue = "\n".join(line for one in server.sessions for line in one.dialogue)
    assert [f"C: AUTH {name} <...>" in dialogue for name in mechanisms] == [True] * 3
    assert "enchantress" not in dialogue
    assert "ZW5jaGFudHJlc3M" not in dialogue
    assert "Hello" not in dialogue
    assert f"C: <{len(bytes(MESSAGE))} octets of a message>" in dialogue


def test_in_clear() -> None:
    with SMTPServer(Mode.PLAINTEXT, users=USERS) as server:
        with Mailer(server.url, password="enchantress") as mailer:
            assert mailer.send(MESSAGE).tls.version is None
        assert server.sessions[0].authenticated_as == "ada"


def test_a_wrong_password_and_none() -> None:
    with SMTPServer(users=USERS) as server:
        with (
            Mailer(server.url, password="wrong", trust=server.trust) as mailer,
            pytest.raises(AuthError),
        ):
            mailer.send(MESSAGE)
        anonymous = server.url.replace("ada@", "")
        with (
            Mailer(anonymous, trust=server.trust) as mailer,
            pytest.raises(PermanentlyRejected) as raised,
        ):
            mailer.send(MESSAGE)
        assert raised.value.code == 530
        server.outbox.assert_nothing_sent()


FAULTS = [
    (Fault.answer(Phase.GREETING, "554 5.3.2 closed"), ConnectError),
    (Fault.drop(Phase.CONNECT), Disconnected),
    (Fault.drop(Phase.GREETING), Disconnected),
    (Fault.stall(Phase.GREETING), TimedOut),
    (Fault.stall(Phase.EHLO), TimedOut),
    (Fault.strip_starttls(), StartTLSStripped),
    (Fault.answer(Phase.STARTTLS, "454 4.7.0 not now"), StartTLSStripped),
    (Fault.inject(Phase.STARTTLS, b"250 injected\r\n"), StartTLSInjection),
    (Fault.drop(Phase.HANDSHAKE), HandshakeFailed),
    (Fault.stall(Phase.HANDSHAKE), TimedOut),
    (Fault.answer(Phase.MAIL, "451 4.3.0 later"), TemporarilyRejected),
    (Fault.answer(Phase.RCPT, "550 5.1.1 nobody"), PermanentlyRejected),
    (Fault.answer(Phase.DATA, "554 5.3.0 no"), PermanentlyRejected),
    (Fault.answer(Phase.DATA, "421 4.3.2 closing"), Disconnected),
    (Fault.drop(Phase.DATA), Disconnected),
    (Fault.answer(Phase.BODY, "452 4.3.1 full"), TemporarilyRejected),
    (Fault.drop(Phase.BODY), DeliveryUnknown),
    (Fault.stall(Phase.BODY), DeliveryUnknown),
]


@pytest.mark.parametrize(
    ("fault", "error"),
    FAULTS,
    ids=[f"{one.kind.name} {one.phase} {error.__name__}" for one, error in FAULTS],
)
def test_each_fault_is_its_error(fault: Fault, error: type[MailError]) -> None:
    with SMTPServer(faults=[fault]) as server:
        options = {"trust": server.trust, "timeouts": QUICK}
        with Mailer(server.url, **options) as mailer, pytest.raises(error):  # type: ignore[arg-type]
            mailer.send(MESSAGE)
        server.outbox.assert_nothing_sent()
        # It is the fault and nothing else.
        server.heal()
        with Mailer(server.url, trust=server.trust) as mailer:
            mailer.send(MESSAGE)
        server.outbox.assert_sent(times=1)


def test_one_recipient_is_refused() -> None:
    refusal = Fault.refuse("b@example.org", times=1)
    with SMTPServer(faults=[refusal]) as server, Mailer(server.url, trust=server.trust) as mailer:
        first, second = (mailer.send(MESSAGE) for _ in range(2))
    assert [str(one.recipient) for one in first.refused] == ["b@example.org"]
    assert second.refused == ()


def test_a_late_answer_is_an_answer() -> None:
    delay = Fault.delay(Phase.EHLO, 0.05)
    with SMTPServer(faults=[delay]) as server, Mailer(server.url, trust=server.trust) as mailer:
        mailer.send(MESSAGE)
    server.outbox.assert_sent()


@pytest.mark.parametrize("mode", [Mode.STARTTLS, Mode.IMPLICIT])
def test_another_hosts_certificate(mode: Mode) -> None:
    with (
        SMTPServer(mode, names=["another.example"]) as server,
        Mailer(server.url, trust=server.trust) as mailer,
        pytest.raises(CertificateRejected) as raised,
    ):
        mailer.send(MESSAGE)
    assert raised.value.reason is CertificateReason.WRONG_NAME


def test_chunks_with_octets_of_every_kind() -> None:
    binary = b"Subject: b\r\n\r\n\x00\nbare\r.\r\n.\r\n" + bytes(range(256)) * 400
    with (
        SMTPServer(extensions=frozenset(Extension)) as server,
        Mailer(server.url, trust=server.trust) as mailer,
    ):
        mailer.send_raw(MESSAGE.envelope, [bytes(MESSAGE)], framing=Framing.BDAT)
        mailer.send_raw(MESSAGE.envelope, [binary], is_binary=True)
        server.fault(Fault.answer(Phase.BODY, "452 4.3.1 full", times=1))
        with pytest.raises(TemporarilyRejected):
            mailer.send_raw(MESSAGE.envelope, [binary], is_binary=True)
        mailer.send_raw(MESSAGE.envelope, [bytes(MESSAGE)], framing=Framing.BDAT)
        assert [one.octets for one in server.outbox] == [bytes(MESSAGE), binary, bytes(MESSAGE)]


async def test_many_messages_at_once() -> None:
    with SMTPServer() as server:
        async with AsyncMailer(server.url, trust=server.trust) as mailer:
            async for sent in mailer.send_many([MESSAGE] * 50):
                assert sent.result().refused == ()
        assert len(server.outbox) == 50
        assert 1 <= len(server.sessions) <= 5


def test_8_bits_and_names_beyond_ascii() -> None:
    message = Message(from_="grüße@example.com", to="пётр@example.org", subject="Ы", text="Ы")
    envelope = Envelope(MESSAGE.envelope.sender, MESSAGE.envelope.recipients)
    raw = PreparedMessage(envelope, "Subject: a\r\n\r\nÜ\r\n".encode(), is_8bit=True)
    with SMTPServer() as server, Mailer(server.url, trust=server.trust) as mailer:
        mailer.send(message)
        mailer.send(raw)
        server.outbox.assert_sent(to="пётр@example.org")
        assert server.outbox[1].octets == raw.content
        again = list(mailer.send_many([one.outgoing for one in server.outbox]))
        assert [isinstance(one.message, Outgoing) for one in again] == [True, True]


def test_the_standard_library_as_a_client() -> None:
    with SMTPServer(users=USERS) as server:
        context = ssl.create_default_context(cafile=str(server.ca_file))
        with smtplib.SMTP(server.host, server.port, timeout=10) as client:
            client.starttls(context=context)
            client.login("ada", "enchantress")
            assert client.sendmail("a@example.com", ["b@example.org"], "Subject: x\n\ny") == {}
        server.outbox.assert_sent(subject="x")


async def test_aiosmtplib_as_a_client() -> None:
    with SMTPServer(Mode.IMPLICIT, users=USERS) as server:
        await aiosmtplib.send(
            b"Subject: x\r\n\r\ny",
            sender="a@example.com",
            recipients=["b@example.org"],
            hostname=server.host,
            port=server.port,
            use_tls=True,
            username="ada",
            password="enchantress",
            tls_context=ssl.create_default_context(cafile=str(server.ca_file)),
        )
        server.outbox.assert_sent(subject="x")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"EHLO x\r\nSTARTTLS\r\nEHLO y\r\n", "data in clear behind STARTTLS"),
        (b"nonsense\r\nQUIT\r\n", "500"),
        (b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nQUIT\r\n", "530"),
        (b"\x16\x03\x01\x00\x05", ""),
        (b"x" * 70_000, "the line is too long"),
        (b"BDAT 5 LAST\r\nhelloQUIT\r\n", "530"),
    ],
)
def test_a_client_that_breaks_the_rules(said: bytes, expected: str) -> None:
    with SMTPServer(patience=0.5) as server:
        with socket.create_connection((server.host, server.port), timeout=10) as client:
            assert client.recv(4096).startswith(b"220 ")
            client.sendall(said)
            # Where octets arrive that nobody reads any more, the system resets the connection.
            with contextlib.suppress(ConnectionResetError):
                while client.recv(4096):
                    pass
        dialogue = "\n".join(server.sessions[0].dialogue)
    assert expected in dialogue
    assert dialogue.endswith("the connection is closed")


def test_a_client_that_does_not_wait_for_the_go_ahead() -> None:
    with SMTPServer(Mode.PLAINTEXT) as server:
        with socket.create_connection((server.host, server.port), timeout=10) as client:
            client.recv(4096)
            client.sendall(
                b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n"
                b"DATA\r\nSubject: smuggled\r\n\r\n.\r\n"
            )
            heard = b""
            while data := client.recv(4096):
                heard += data
        assert b"503 5.5.0 data was sent before the go-ahead" in heard
        server.outbox.assert_nothing_sent()


def test_its_end_breaks_conversations_off() -> None:
    server = SMTPServer().start()
    with socket.create_connection((server.host, server.port), timeout=10) as client:
        client.recv(4096)
        server.stop()
        # Whether it is an end or a reset, is the kernel's choice.
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(4096) == b""
    server.stop()
    for use in (lambda: server.port, lambda: server.ca_file, lambda: server.url):
        with pytest.raises(InvalidSetting, match="does not run"):
            use()


def test_it_may_be_started_again() -> None:
    server = SMTPServer()
    for number in range(2):
        with server, Mailer(server.url, trust=server.trust) as mailer:
            mailer.send(MESSAGE)
            assert len(server.outbox) == number + 1


def test_it_is_not_started_twice() -> None:
    with SMTPServer() as server, pytest.raises(InvalidSetting, match="already"):
        server.start()


def test_faults_that_make_no_sense() -> None:
    for reply in ("no reply", "", "250-unfinished"):
        with pytest.raises(InvalidSetting, match="is no reply"):
            Fault.answer(Phase.MAIL, reply)
    for phase in (Phase.CONNECT, Phase.HANDSHAKE, Phase.RESOLVE):
        with pytest.raises(InvalidSetting, match="says nothing"):
            Fault.answer(phase, "250 ok")
    with pytest.raises(InvalidSetting, match="times"):
        Fault.drop(Phase.MAIL, times=0)
    with pytest.raises(InvalidSetting, match="seconds"):
        Fault.delay(Phase.MAIL, -1)
