from __future__ import annotations

import pytest

from postseal import AsyncMailer, Mailer, Message
from postseal.errors import InvalidURL
from postseal.send.hooks import Hooks
from postseal.testing import Outbox, captured_mail


def message(to: str, subject: str, text: str = "Hello") -> Message:
    return Message(from_="shop@example.com", to=to, subject=subject, text=text)


@pytest.fixture
def outbox() -> Outbox:
    outbox = Outbox()
    with Mailer(outbox) as mailer:
        mailer.send(message("ada@example.org", "Your invoice"))
        mailer.send(message("bob@example.org", "Welcome", "x" * 500))
    return outbox


def test_what_was_sent_is_given(outbox: Outbox) -> None:
    assert outbox.assert_sent().message.subject == "Welcome"
    assert outbox.assert_sent(to="ada@example.org", from_="shop@example.com", times=1) is outbox[0]
    assert outbox.assert_sent(text="Hello", subject="invoice") is outbox[0]
    assert outbox.assert_sent(times=2) is outbox[1]
    outbox.assert_nothing_sent(to="carol@example.org")


def test_what_was_not_sent_is_shown_beside_what_was(outbox: Outbox) -> None:
    with pytest.raises(AssertionError) as raised:
        outbox.assert_sent(to="bob@example.org", subject="invoice")
    assert str(raised.value).splitlines() == [
        "expected a message with to='bob@example.org', subject='invoice'",
        "sent were 2:",
        "  1. does not fit",
        "     ! to: ada@example.org",
        "       from_: shop@example.com",
        "       subject: 'Your invoice'",
        "  2. does not fit",
        "       to: bob@example.org",
        "       from_: shop@example.com",
        "     ! subject: 'Welcome'",
    ]


def test_the_number_counts(outbox: Outbox) -> None:
    with pytest.raises(AssertionError, match="expected 3 messages, and there are 2, with from_="):
        outbox.assert_sent(from_="shop@example.com", times=3)


def test_a_long_text_is_cut(outbox: Outbox) -> None:
    with pytest.raises(AssertionError, match=r"! text: 'x{200}' \.\.\."):
        outbox.assert_sent(text="y")


def test_what_should_not_have_been_sent_is_shown(outbox: Outbox) -> None:
    with pytest.raises(AssertionError, match=r"expected no message at all\nsent were 2:"):
        outbox.assert_nothing_sent()
    with pytest.raises(AssertionError, match=r"1\. fits"):
        outbox.assert_nothing_sent(to="ada@example.org")


def test_an_empty_outbox_says_so() -> None:
    with pytest.raises(AssertionError, match=r"expected a message at all\nnothing was sent"):
        Outbox().assert_sent()


def test_only_the_newest_are_shown() -> None:
    outbox = Outbox(max_messages=25)
    with Mailer(outbox) as mailer:
        for number in range(30):
            mailer.send(message("ada@example.org", str(number)))
    with pytest.raises(AssertionError, match=r"sent were 30:\n  11\. does not fit\n") as raised:
        outbox.assert_sent(subject="no such")
    assert "  30. does not fit" in str(raised.value)


def test_captured_is_what_any_mailer_sends_whenever_it_was_made() -> None:
    before = Mailer("smtp://mail.invalid")
    with captured_mail() as outbox:
        delivery = before.send(message("ada@example.org", "before"))
        with Mailer("smtps://mail.invalid") as mailer:
            assert len(list(mailer.send_many([message("b@example.org", "many")] * 3))) == 3
            assert mailer.verify().host == "memory:"
        outbox.assert_sent(subject="before", times=1)
        outbox.assert_sent(subject="many", times=3)
    assert delivery.host == "memory:"
    before.close()


async def test_captured_is_what_tasks_send() -> None:
    with captured_mail() as outbox:
        async with AsyncMailer("mx:") as mailer:
            await mailer.send(message("ada@example.org", "task"))
            async for sent in mailer.send_many([message("b@example.org", "many")] * 3):
                assert sent.delivery is not None
        outbox.assert_sent(times=4)


def test_hooks_see_captured_messages() -> None:
    def renamed(given: object) -> Message:
        assert isinstance(given, Message)
        return message("dan@example.org", f"{given.subject}, again")

    with captured_mail() as outbox, Mailer("smtp://a.invalid", hooks=Hooks((renamed,))) as mailer:
        mailer.send(message("ada@example.org", "hook"))
        outbox.assert_sent(to="dan@example.org", subject="hook, again", times=1)


def test_the_innermost_capture_has_the_mail_and_none_after_the_end() -> None:
    mailer = Mailer("memory:after-capture")
    with captured_mail() as outer:
        with captured_mail() as inner:
            mailer.send(message("ada@example.org", "inner"))
        mailer.send(message("ada@example.org", "outer"))
    assert mailer.send(message("ada@example.org", "out")).host == "memory:after-capture"
    inner.assert_sent(subject="inner")
    outer.assert_sent(subject="outer")
    assert (len(inner), len(outer)) == (1, 1)


def test_capture_does_not_hide_mistakes_in_what_a_mailer_is_told() -> None:
    with captured_mail(), pytest.raises(InvalidURL):
        Mailer("smtpx://mail.example.com")
