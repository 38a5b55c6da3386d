from __future__ import annotations

import smtplib as standard
import ssl
from email.message import EmailMessage
from pathlib import Path

import pytest

from examples import old_script
from postseal.errors import InvalidAddress, InvalidSetting, MailError, Phase
from postseal.frameworks import smtplib_compat as smtplib
from postseal.testing import Fault, Mode, SMTPServer
from postseal.tls import Trust

USERS = {"script": "example"}
MESSAGE = "Subject: Hi\n\nHello\n.\nthere\n"


def trusting(ca_file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file))


def test_the_old_script_works_and_is_sealed() -> None:
    with SMTPServer(users=USERS) as server:
        old_script.report(server.host, server.port, context=trusting(server.ca_file))
        server.outbox.assert_sent(to="ops@example.org", subject="Daily report", text="All is well.")
        assert server.sessions[-1].authenticated_as == "script"
        assert server.sessions[-1].tls.version == "TLSv1.3"


def test_a_context_of_the_system_does_not_take_an_unknown_authority() -> None:
    with SMTPServer(users=USERS) as server:
        with pytest.raises(ssl.SSLError, match="certificate"):
            old_script.report(server.host, server.port, context=ssl.create_default_context())
        assert not any(one.authenticated_as for one in server.sessions)


def test_a_stripped_server_gets_no_password() -> None:
    with SMTPServer(users=USERS, faults=[Fault.strip_starttls()]) as server:
        connection = smtplib.SMTP(server.host, server.port)
        assert not connection.has_extn("starttls")
        with pytest.raises(standard.SMTPNotSupportedError, match="STARTTLS"):
            connection.starttls()
        with pytest.raises(standard.SMTPServerDisconnected):
            connection.sendmail("a@example.com", "b@example.org", MESSAGE)
        assert not any("C: AUTH" in line for one in server.sessions for line in one.dialogue)


def test_a_context_that_verifies_nobody_is_refused() -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    with (
        SMTPServer() as server,
        smtplib.SMTP(server.host, server.port) as connection,
        pytest.raises(InvalidSetting, match="does not verify"),
    ):
        connection.starttls(context=context)


def test_without_starttls_the_way_is_sealed_where_the_server_offers_it() -> None:
    with SMTPServer() as server:
        with smtplib.SMTP(server.host, server.port) as connection:
            assert connection.sendmail("a@example.com", ["b@example.org"], MESSAGE) == {}
            assert connection.noop()[0] == 250
            assert connection.rset()[0] == 250
        stored = server.outbox.assert_sent(to="b@example.org")
        assert stored.octets == b"Subject: Hi\r\n\r\nHello\r\n.\r\nthere\r\n"
        assert server.sessions[0].tls.version == "TLSv1.3"
        assert len(server.sessions) == 1


def test_tls_from_the_first_octet() -> None:
    with SMTPServer(Mode.IMPLICIT, users=USERS) as server:
        trusted = trusting(server.ca_file)
        with smtplib.SMTP_SSL(server.host, server.port, context=trusted) as connection:
            assert connection.login("script", "example")[0] == 235
            connection.sendmail("a@example.com", "b@example.org", MESSAGE)
            with pytest.raises(standard.SMTPNotSupportedError):
                connection.starttls()
        server.outbox.assert_sent(to="b@example.org", times=1)
        with pytest.raises(ssl.SSLError):
            smtplib.SMTP_SSL(server.host, server.port)


def test_a_relay_on_this_machine_may_be_in_clear() -> None:
    with SMTPServer(Mode.PLAINTEXT, users=USERS) as server:
        with smtplib.SMTP(f"{server.host}:{server.port}", timeout=5) as connection:
            connection.login("script", "example")
            connection.sendmail("a@example.com", "b@example.org", MESSAGE.encode())
        server.outbox.assert_sent(to="b@example.org")


def test_a_wrong_password() -> None:
    with SMTPServer(users=USERS) as server:
        connection = smtplib.SMTP(server.host, server.port, trust=server.trust)
        connection.starttls()
        with pytest.raises(standard.SMTPAuthenticationError) as raised:
            connection.login("script", "wrong")
        assert raised.value.smtp_code == 535
        assert isinstance(raised.value.__cause__, MailError)


def test_messages_of_the_standard_library() -> None:
    message = EmailMessage()
    message["From"] = "Ada <ada@example.com>"
    message["To"] = "bob@example.org, carol@example.org"
    message["Bcc"] = "dan@example.org"
    message["Subject"] = "Grüße"
    message.set_content("Schöne Grüße")
    with SMTPServer() as server:
        with smtplib.SMTP(server.host, server.port) as connection:
            assert connection.send_message(message) == {}
        stored = server.outbox.assert_sent(to="dan@example.org", subject="Grüße", text="Schöne")
        assert b"dan@example.org" not in stored.octets
        assert str(stored.envelope.sender) == "ada@example.com"


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        ([Fault.answer(Phase.MAIL, "550 5.7.1 not you")], standard.SMTPSenderRefused),
        ([Fault.answer(Phase.RCPT, "550 5.1.1 nobody")], standard.SMTPRecipientsRefused),
        ([Fault.answer(Phase.DATA, "451 4.3.0 later")], standard.SMTPDataError),
        ([Fault.answer(Phase.BODY, "554 5.6.0 no")], standard.SMTPDataError),
        ([Fault.drop(Phase.DATA)], standard.SMTPServerDisconnected),
    ],
)
def test_refusals_are_the_exceptions_of_smtplib(
    faults: list[Fault], error: type[Exception]
) -> None:
    with SMTPServer() as server, smtplib.SMTP(server.host, server.port) as connection:
        server.fault(*faults)
        with pytest.raises(error):
            connection.sendmail("a@example.com", ["b@example.org", "c@example.org"], MESSAGE)


def test_some_recipients_refused_are_a_result() -> None:
    faults = [Fault.refuse("b@example.org"), Fault.refuse("c@example.org", "452 4.2.2 full")]
    with SMTPServer(faults=faults) as server:
        to = ["a@example.org", "b@example.org", "c@example.org"]
        with smtplib.SMTP(server.host, server.port) as connection:
            refused = connection.sendmail("x@example.com", to, MESSAGE)
        assert refused == {
            "b@example.org": (550, b"no such user"),
            "c@example.org": (452, b"full"),
        }


def test_all_recipients_refused_are_told_one_by_one() -> None:
    faults = [Fault.refuse("b@example.org"), Fault.refuse("c@example.org", "452 4.2.2 full")]
    with (
        SMTPServer(faults=faults) as server,
        smtplib.SMTP(server.host, server.port) as connection,
        pytest.raises(standard.SMTPRecipientsRefused) as raised,
    ):
        connection.sendmail("x@example.com", ["b@example.org", "c@example.org"], MESSAGE)
    assert {name: code for name, (code, _) in raised.value.recipients.items()} == {
        "b@example.org": 550,
        "c@example.org": 452,
    }


def test_single_commands_are_not_said() -> None:
    with SMTPServer() as server, smtplib.SMTP(server.host, server.port) as connection:
        with pytest.raises(standard.SMTPNotSupportedError):
            connection.docmd("VRFY", "a")
        with pytest.raises(standard.SMTPNotSupportedError):
            connection.mail("a@b.example")
        with pytest.raises(standard.SMTPNotSupportedError, match="NOTIFY"):
            connection.sendmail(
                "a@b.example", "c@d.example", MESSAGE, rcpt_options=["NOTIFY=NEVER"]
            )


def test_injection_is_no_address() -> None:
    with SMTPServer() as server, smtplib.SMTP(server.host, server.port) as connection:
        with pytest.raises(InvalidAddress):
            connection.sendmail(
                "a@example.com>\r\nRCPT TO:<x@example.org", "b@example.org", MESSAGE
            )
        server.outbox.assert_nothing_sent()


def test_a_port_where_nobody_listens_is_an_os_error() -> None:
    with SMTPServer() as server:
        host, port = server.host, server.port
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP(host, port)


def test_a_silent_server_costs_no_more_than_the_timeout() -> None:
    with (
        SMTPServer(faults=[Fault.stall(Phase.GREETING)]) as server,
        pytest.raises(standard.SMTPServerDisconnected, match="in time"),
    ):
        smtplib.SMTP(server.host, server.port, timeout=0.2)


def test_before_a_connection_and_after_its_end() -> None:
    connection = smtplib.SMTP(trust=Trust.system())
    with pytest.raises(standard.SMTPServerDisconnected, match="connect"):
        connection.sendmail("a@example.com", "b@example.org", MESSAGE)
    with SMTPServer() as server:
        connection.connect(server.host, server.port)
        assert connection.ehlo()[0] == connection.helo()[0] == 250
        assert connection.quit()[0] == 221
        connection.close()
        with pytest.raises(standard.SMTPServerDisconnected):
            connection.noop()
    assert isinstance(connection, standard.SMTP)
