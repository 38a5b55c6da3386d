from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from postseal.errors import CertificateRejected, InvalidHeader, InvalidSetting, StartTLSStripped
from postseal.frameworks.sharing import close_shared_mailers
from postseal.testing import Fault, SMTPServer

# The example configures Django, once for the process.
from examples import django_app  # isort: skip
from django.core import mail
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection, send_mail
from django.test import Client, override_settings

from postseal.frameworks.django import EmailBackend

if TYPE_CHECKING:
    from postseal.send import Delivery

BACKEND = django_app.BACKEND


@pytest.fixture
def server() -> Iterator[SMTPServer]:
    with SMTPServer() as server:
        options = {"url": server.url, "ca_file": str(server.ca_file)}
        with override_settings(EMAIL_BACKEND=BACKEND, POSTSEAL_MAILER=options):
            yield server
        close_shared_mailers()


def delivery_of(message: EmailMessage) -> Delivery:
    delivery: Delivery = vars(message)["delivery"]
    return delivery


def test_the_example_confirms_an_order(server: SMTPServer) -> None:
    response = Client().get("/order", {"to": "ada@example.org"})
    assert response.status_code == 200
    stored = server.outbox.assert_sent(
        to="ada@example.org", from_="shop@example.com", subject="Your order", times=1
    )
    assert {str(one) for one in stored.envelope.recipients} == {
        "ada@example.org",
        "orders@example.com",
    }
    assert b"orders@example.com" not in stored.octets
    assert b"X-Tags" not in stored.octets
    (attachment,) = stored.message.attachments
    assert attachment.filename == "terms.txt"


def test_many_requests_share_a_connection(server: SMTPServer) -> None:
    for _ in range(5):
        send_mail("Hello", "text", "shop@example.com", ["ada@example.org"])
    assert len(server.outbox) == 5
    assert len(server.sessions) == 1


def test_alternatives_and_mass_mail(server: SMTPServer) -> None:
    first = EmailMultiAlternatives("One", "text", "a@example.com", ["b@example.org"])
    first.attach_alternative("<p>html</p>", "text/html")
    second = EmailMessage("Two", "text", "a@example.com", cc=["c@example.org"])
    nobody = EmailMessage("Three", "text", "a@example.com")
    assert get_connection().send_messages([first, second, nobody]) == 2
    html = server.outbox.assert_sent(subject="One").message.html
    assert html is not None
    assert "<p>html</p>" in html
    server.outbox.assert_sent(to="c@example.org", subject="Two")


def test_the_header_may_say_something_else_than_the_envelope(server: SMTPServer) -> None:
    message = EmailMessage(
        "News",
        "text",
        "bounces@example.com",
        ["ada@example.org"],
        headers={"From": "List <list@example.com>", "To": "list@example.com"},
    )
    message.send()
    stored = server.outbox.assert_sent(from_="list@example.com", to="ada@example.org")
    assert str(stored.envelope.sender) == "bounces@example.com"
    assert str(stored.message.to[0].address) == "list@example.com"


def test_who_was_refused_is_on_the_message(server: SMTPServer) -> None:
    server.fault(Fault.refuse("bob@example.org"))
    message = EmailMessage("Hi", "text", "a@example.com", ["ada@example.org", "bob@example.org"])
    assert message.send() == 1
    assert [str(one.recipient) for one in delivery_of(message).refused] == ["bob@example.org"]


def test_a_stripped_server_gets_nothing(server: SMTPServer) -> None:
    server.fault(Fault.strip_starttls())
    with pytest.raises(StartTLSStripped):
        send_mail("Hi", "text", "a@example.com", ["ada@example.org"])
    assert send_mail("Hi", "text", "a@example.com", ["ada@example.org"], fail_silently=True) == 0
    server.outbox.assert_nothing_sent()


def test_tags_and_metadata_stay_off_the_wire(server: SMTPServer) -> None:
    message = EmailMessage(
        "Hi",
        "text",
        "a@example.com",
        ["ada@example.org"],
        headers={"X-Metadata": '{"order": "17"}'},
    )
    vars(message).update(tags=["spring"], metadata={"user": 4})
    message.send()
    octets = server.outbox.assert_sent(subject="Hi").octets
    assert b"order" not in octets
    assert b"spring" not in octets


def test_metadata_that_cannot_be_read_is_an_error(server: SMTPServer) -> None:
    with pytest.raises(InvalidHeader, match="X-Metadata"):
        EmailMessage(
            "Hi", "text", "a@example.com", ["ada@example.org"], headers={"X-Metadata": "[1]"}
        ).send()


def test_djangos_own_test_outbox_stays_what_it_is() -> None:
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"):
        mail.outbox = []
        send_mail("Hi", "text", "a@example.com", ["ada@example.org"])
        assert [one.subject for one in mail.outbox] == ["Hi"]


def test_classic_settings_ask_for_tls(server: SMTPServer) -> None:
    with (
        override_settings(
            POSTSEAL_MAILER=None, EMAIL_HOST=server.host, EMAIL_PORT=server.port, EMAIL_USE_TLS=True
        ),
        pytest.raises(CertificateRejected),
    ):
        # Nobody knows the authority of the test server, and the classic settings name none.
        send_mail("Hi", "text", "a@example.com", ["ada@example.org"])
    server.outbox.assert_nothing_sent()


def test_options_of_a_mailer_of_django_6_1(server: SMTPServer) -> None:
    backend = EmailBackend(alias="default", url=server.url, ca_file=str(server.ca_file))
    message = EmailMessage("Hi", "text", "a@example.com", ["ada@example.org"])
    assert backend.send_messages([message]) == 1
    server.outbox.assert_sent(to="ada@example.org")


def test_what_a_call_adds_to_a_mailer_of_django_6_1_counts() -> None:
    with SMTPServer(users={"ada": "enchantress"}) as server:
        backend = EmailBackend(
            alias="default",
            url=server.url,
            ca_file=str(server.ca_file),
            password="enchantress",
            _ignore_unknown_kwargs={"password"},
        )
        message = EmailMessage("Hi", "text", "a@example.com", ["ada@example.org"])
        assert backend.send_messages([message]) == 1
        assert server.sessions[0].authenticated_as == "ada"
        close_shared_mailers()


def test_an_unknown_option_is_named_with_its_mailer() -> None:
    with pytest.raises(InvalidSetting, match=r"MAILERS\['default'\]: 'urll'.*Did you mean url"):
        EmailBackend(alias="default", urll="smtp://mail.example.com")
