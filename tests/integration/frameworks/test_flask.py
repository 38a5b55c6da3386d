from __future__ import annotations

import pytest
from flask import Flask

from examples.flask_app import create_app, mail
from postseal import Message
from postseal.errors import InvalidSetting, StartTLSStripped
from postseal.frameworks.flask import Mail
from postseal.testing import Fault, Mode, SMTPServer

WELCOME = Message(from_="a@example.com", to="b@example.org", subject="Hi", text="Hello")


def test_the_example_greets_over_tls() -> None:
    with SMTPServer() as server:
        app = create_app({"MAIL_URL": server.url, "MAIL_CA_FILE": server.ca_file})
        client = app.test_client()
        for _ in range(3):
            response = client.post("/sign-up", data={"address": "ada@example.org"})
            assert response.text == "1 message sent\n"
        server.outbox.assert_sent(to="ada@example.org", subject="Welcome", times=3)
        assert len(server.sessions) == 1
        with app.app_context():
            mail.close()


def test_under_test_messages_stay_in_the_outbox() -> None:
    app = create_app({"TESTING": True})
    with app.app_context():
        app.test_client().post("/sign-up", data={"address": "ada@example.org"})
        (stored,) = mail.outbox.find(to="ada@example.org")
        assert stored.message.subject == "Welcome"


def test_each_application_has_its_own_outbox() -> None:
    first, second = create_app({"TESTING": True}), create_app({"MAIL_SUPPRESS_SEND": True})
    with first.app_context():
        mail.send(WELCOME)
    with second.app_context():
        assert len(mail.outbox) == 0


def test_settings_of_flask_mail_require_tls() -> None:
    with SMTPServer() as server:
        server.fault(Fault.strip_starttls())
        app = Flask(__name__)
        app.config.update(MAIL_SERVER=server.host, MAIL_PORT=server.port, MAIL_USE_TLS=True)
        extension = Mail(app)
        with app.app_context(), pytest.raises(StartTLSStripped):
            extension.send(WELCOME)
        server.outbox.assert_nothing_sent()


def test_a_relay_on_this_machine_needs_no_tls() -> None:
    with SMTPServer(Mode.PLAINTEXT) as server:
        app = Flask(__name__)
        app.config.update(MAIL_SERVER="localhost", MAIL_PORT=server.port)
        extension = Mail(app)
        with app.app_context():
            assert [one.delivery is not None for one in extension.send_many([WELCOME] * 3)] == [
                True
            ] * 3
            extension.close()
        server.outbox.assert_sent(times=3)


def test_an_application_without_mail_is_told_so() -> None:
    app = Flask(__name__)
    with app.app_context(), pytest.raises(InvalidSetting, match=r"mail\.init_app"):
        mail.send(WELCOME)


def test_an_application_that_sends_has_no_outbox() -> None:
    app = create_app({"MAIL_URL": "memory:flask"})
    with app.app_context(), pytest.raises(InvalidSetting, match="TESTING"):
        len(mail.outbox)


def test_an_application_that_does_not_say_where_mail_goes_does_not_start() -> None:
    with pytest.raises(InvalidSetting, match="nothing says where mail goes"):
        Mail(Flask(__name__))
