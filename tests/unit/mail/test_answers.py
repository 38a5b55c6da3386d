from __future__ import annotations

from datetime import UTC, datetime

import pytest

from postseal.errors import InvalidInput
from postseal.mail import Attachment, Calendar, Message
from postseal.mail.answers import Quote, ReplyTo, forward, reply
from postseal.mail.reading import parse

ORIGINAL = Message(
    from_="Ada <ada@example.com>",
    to=["Bob <bob@example.org>", "carol@example.net"],
    cc=["dave@example.net", "ADA@example.com"],
    bcc="eve@example.net",
    subject="Lunch",
    text="Shall we?\n\n> before\n",
    html='<p>Shall we? <img src="logo.png"></p>',
    inline_images=[Attachment.from_bytes(b"png", filename="logo.png")],
    attachments=[Attachment.from_bytes(b"%PDF", filename="menu.pdf")],
    references=["<0@example.com>"],
    date=datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC),
    message_id="<1@example.com>",
)
# What is written of it and read again is answered in the same way.
ORIGINALS = pytest.mark.parametrize("original", [ORIGINAL, parse(bytes(ORIGINAL))], ids=type)


@ORIGINALS
def test_an_answer_holds_the_thread_and_quotes(original: Message) -> None:
    answer = reply(original, from_="Bob <bob@example.org>", text="Yes!")
    assert [str(each) for each in answer.to] == ["Ada <ada@example.com>"]
    assert answer.cc == ()
    assert answer.subject == "Re: Lunch"
    assert answer.in_reply_to == ("<1@example.com>",)
    assert answer.references == ("<0@example.com>", "<1@example.com>")
    assert answer.text == (
        "Yes!\n\nOn Sun, 01 Mar 2026 12:00:05 +0000, Ada wrote:\n> Shall we?\n>\n>> before\n"
    )


@ORIGINALS
def test_an_answer_to_all_leaves_out_who_answers(original: Message) -> None:
    answer = reply(
        original, from_="bob@example.org", text="Yes", to=ReplyTo.ALL, quote=Quote.NOTHING
    )
    assert [each.address.local for each in answer.to] == ["ada"]
    assert [each.address.local for each in answer.cc] == ["carol", "dave"]
    assert answer.text == "Yes"


def test_an_answer_to_oneself_goes_to_the_recipients() -> None:
    answer = ORIGINAL.reply(from_="ada@example.com", text="And?")
    assert [each.address.local for each in answer.to] == ["bob", "carol"]


def test_reply_to_comes_first() -> None:
    message = Message(from_="a@example.com", to="b@example.com", reply_to="desk@example.com")
    answer = message.reply(from_="b@example.com", text="x")
    assert [each.address.local for each in answer.to] == ["desk"]


@pytest.mark.parametrize(
    ("subject", "answered", "forwarded"),
    [
        (None, "Re:", "Fwd:"),
        ("x", "Re: x", "Fwd: x"),
        ("RE: x", "RE: x", "Fwd: RE: x"),
        ("Re[2]: x", "Re[2]: x", "Fwd: Re[2]: x"),
        ("Fw: x", "Re: Fw: x", "Fw: x"),
        ("Regards", "Re: Regards", "Fwd: Regards"),
    ],
)
def test_a_subject_is_marked_once(subject: str | None, answered: str, forwarded: str) -> None:
    message = Message(from_="a@example.com", to="b@example.com", subject=subject)
    assert message.reply(from_="b@example.com", text="x").subject == answered
    assert message.forward(from_="b@example.com", to="c@example.com").subject == forwarded


def test_html_of_strangers_is_quoted_as_text() -> None:
    evil = Message(from_="a@example.com", to="b@example.com", html="<p>&lt;script&gt;x</p>")
    answer = evil.reply(from_="b@example.com", text="x", html="<p>x</p>")
    assert answer.html is not None
    assert '<blockquote type="cite">&lt;script&gt;x</blockquote>' in answer.html


@ORIGINALS
def test_a_message_is_passed_on_with_all_that_it_has(original: Message) -> None:
    passed = forward(original, from_="bob@example.org", to="frank@example.org", text="Look")
    assert passed.text is not None
    assert passed.text.startswith(
        "Look\n\n---------- Forwarded message ----------\nFrom: Ada <ada@example.com>\n"
        "Date: Sun, 01 Mar 2026 12:00:05 +0000\nSubject: Lunch\n"
    )
    assert "eve@" not in passed.text
    assert passed.text.endswith("\n\nShall we?\n\n> before\n")
    assert passed.references == ("<0@example.com>", "<1@example.com>")
    assert [each.filename for each in passed.inline_images] == ["logo.png"]
    assert [each.filename for each in passed.attachments] == ["menu.pdf"]
    assert passed.html is not None
    assert b'<img src="cid:' in bytes(passed)


def test_an_invitation_is_passed_on_as_a_file() -> None:
    calendar = Calendar("BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR")
    message = Message(from_="a@example.com", to="b@example.com", text="t", calendar=calendar)
    for original in (message, parse(bytes(message))):
        passed = forward(original, from_="b@example.com", to="c@example.com")
        assert passed.calendar is None
        assert [each.filename for each in passed.attachments] == ["invite.ics"]


def test_what_strangers_write_can_be_answered() -> None:
    received = parse(
        b"From: =?utf-8?q?a=0D=0AB?= <a@example.com>\r\nSubject: =?utf-8?q?x=0D=0ABcc:_y?=\r\n"
        b"Message-ID: <odd id@x>\r\nReferences: <a@b> <ok..@x> junk\r\n\r\nx\r\n"
    )
    answer = reply(received, from_="b@example.com", text="x")
    assert "Bcc" not in [line.partition(":")[0] for line in bytes(answer).decode().split("\r\n")]
    with pytest.raises(InvalidInput, match="nobody to answer"):
        reply(parse(b"Subject: x\r\n\r\n"), from_="b@example.com", text="x")


def test_a_long_thread_keeps_its_first_and_its_last() -> None:
    references = [f"<{n}@example.com>" for n in range(500)]
    message = Message(
        from_="a@example.com", to="b@example.com", references=references, message_id="<m@x>"
    )
    answer = message.reply(from_="b@example.com", text="x")
    assert len(answer.references) == 50
    assert (answer.references[0], answer.references[-1]) == ("<0@example.com>", "<m@x>")
