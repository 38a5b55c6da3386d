from __future__ import annotations

import os
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from postseal import AsyncMailer, Mailer, Message
from postseal.errors import AuthError, InvalidHeader, InvalidSetting
from postseal.frameworks.labels import take_metadata, take_tags
from postseal.frameworks.settings import MailerSettings
from postseal.frameworks.sharing import close_shared_mailers, shared_mailer
from postseal.secrets import Secret


@pytest.fixture(autouse=True)
def _own_mailers() -> Iterator[None]:
    yield
    close_shared_mailers()


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"url": "smtps://mail.example.com"}, "smtps://mail.example.com"),
        ({"host": "mail.example.com"}, "smtp://mail.example.com"),
        ({"host": "mail.example.com", "port": 25, "use_tls": True}, "smtp://mail.example.com:25"),
        # Nothing goes over a network in clear because a flag was forgotten.
        ({"host": "mail.example.com", "port": 25}, "smtp://mail.example.com:25"),
        ({"host": "mail.example.com", "use_ssl": True}, "smtps://mail.example.com"),
        ({"host": "localhost", "port": 25}, "smtp+insecure://localhost:25"),
        ({"host": "localhost", "use_tls": True}, "smtp://localhost"),
        ({"host": "::1", "port": 25, "use_tls": False}, "smtp+insecure://[::1]:25"),
        ({"host": "mail.example.com", "username": "ada@x"}, "smtp://ada%40x@mail.example.com"),
        ({"url": "memory:", "host": "", "port": None, "use_tls": False}, "memory:"),
    ],
)
def test_a_host_or_a_url_says_where_mail_goes(given: dict[str, object], url: str) -> None:
    assert MailerSettings.read(given).url == url


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "nothing says where mail goes"),
        ({"url": "memory:", "host": "a.example"}, "url and host both"),
        ({"host": "a.example", "use_tls": True, "use_ssl": True}, "exclude each other"),
        ({"url": "memory:", "pasword": "x"}, "'pasword' is no option.*Did you mean password"),
        ({"host": "a.example", "port": "25"}, "port cannot be of the type str"),
        ({"url": 17}, "url cannot be of the type int"),
        ({"url": "memory:", "password": 17}, "password cannot be of the type int"),
        (
            {"url": "memory:", "password": "x", "password_from": "env:X"},
            "password and password_from both",
        ),
    ],
)
def test_what_contradicts_or_is_unknown_is_named(given: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidSetting, match=said):
        MailerSettings.read(given)


def test_settings_do_not_show_the_password() -> None:
    settings = MailerSettings.read({"url": "smtp://ada@mail.example.com", "password": "hunter2"})
    assert settings.password == Secret("hunter2")
    assert "hunter2" not in repr(settings)


def test_they_make_both_kinds_of_mailers(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2")
    secret.chmod(0o600)
    settings = MailerSettings.read(
        {
            "url": "smtp://ada@mail.example.com",
            "password_from": f"file:{secret}",
            "local_name": "app.example.com",
            "timeout": 5,
        }
    )
    assert isinstance(settings.mailer(), Mailer)
    assert isinstance(settings.async_mailer(), AsyncMailer)
    with pytest.raises(AuthError):
        MailerSettings(url="smtp://ada@mail.example.com").mailer()


def test_equal_settings_share_a_mailer() -> None:
    one, same, other = (
        MailerSettings(url="smtp://ada@mail.example.com", password=Secret(password))
        for password in ("a", "a", "b")
    )
    assert shared_mailer(one) is shared_mailer(same)
    assert shared_mailer(one) is not shared_mailer(other)
    first = shared_mailer(one)
    close_shared_mailers()
    assert shared_mailer(one) is not first


def test_the_mailer_that_was_used_longest_ago_makes_room() -> None:
    first = MailerSettings(url="memory:first")
    kept = shared_mailer(first)
    second = shared_mailer(MailerSettings(url="memory:second"))
    for number in range(30):
        shared_mailer(MailerSettings(url=f"memory:n{number}"))
        assert shared_mailer(first) is kept
    shared_mailer(MailerSettings(url="memory:last"))
    assert shared_mailer(first) is kept
    assert shared_mailer(MailerSettings(url="memory:second")) is not second


def test_a_forked_process_can_take_one_while_a_thread_of_its_parent_does() -> None:
    from postseal.frameworks import sharing

    settings = MailerSettings(url="memory:fork")
    message = Message(from_="a@example.com", to="b@example.org", subject="s", text="t")
    with sharing._shared.lock:  # as a thread of the parent would hold it
        child = os.fork()
        if not child:
            os._exit(0 if shared_mailer(settings).send(message).accepted else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_tags_and_metadata_are_taken_out_of_the_header() -> None:
    email = EmailMessage()
    email["From"] = "a@example.com"
    email["To"] = "b@example.org"
    email["X-Tags"] = "spring, first,, spring"
    email["X-Tags"] = "Grüße"
    email["X-Metadata"] = '{"order": "17"}'
    email.set_content("Hello")
    tags, metadata = take_tags(email), take_metadata(email)
    assert tags == ("spring", "first", "Grüße")
    assert metadata == {"order": "17"}
    message = Message.from_email(email, tags=tags, metadata=metadata)
    assert message.tags == ("spring", "first", "Grüße")
    assert message.metadata == (("order", "17"),)
    assert b"X-" not in bytes(message)


@pytest.mark.parametrize("value", ["", "[]", '{"a": 1}', "{", '"text"', "null"])
def test_metadata_that_is_no_object_of_texts(value: str) -> None:
    email = EmailMessage()
    email["X-Metadata"] = value
    with pytest.raises(InvalidHeader, match="X-Metadata"):
        take_metadata(email)
