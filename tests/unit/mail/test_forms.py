from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes, policy
from itertools import repeat

import pytest

from postseal.errors import InvalidAddress, InvalidHeader, InvalidInput
from postseal.mail import (
    Attachment,
    AutoSubmitted,
    Calendar,
    CalendarMethod,
    Message,
    MissingText,
    Priority,
    TextLayout,
)

LOGO = Attachment.from_bytes(b"\x89PNG", filename="logo.png")
INVITATION = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"


def compose(**fields: object) -> Message:
    return Message(**{"from_": "a@example.com", "to": "b@example.com", **fields})  # type: ignore[arg-type]


def types_of(message: Message) -> list[str]:
    return re.findall(r"^Content-Type: ([a-z/-]+)", bytes(message).decode("ascii"), re.MULTILINE)


def fields_of(message: Message) -> list[str]:
    head = bytes(message).decode("ascii").partition("\r\n\r\n")[0]
    return head.replace("\r\n ", " ").split("\r\n")


def test_the_tree_is_mixed_around_related_around_alternative() -> None:
    message = compose(
        text="t",
        amp="<html amp4email>",
        html='<img src="logo.png">',
        calendar=Calendar(INVITATION),
        inline_images=[LOGO],
        attachments=[Attachment.from_bytes(b"%PDF", filename="a.pdf")],
    )
    assert types_of(message) == [
        "multipart/mixed",
        "multipart/related",
        "multipart/alternative",
        "text/plain",
        "text/x-amp-html",
        "text/html",
        "text/calendar",
        "image/png",
        "application/pdf",
        "application/ics",
    ]
    # RFC 2387 3.1: the type of the root is told.
    assert 'multipart/related; type="multipart/alternative";' in bytes(message).decode()


def test_an_inline_image_is_referred_to_by_name() -> None:
    message = compose(
        html=(
            "<img src=\"logo.png\"><img src='cid:logo.png'><img src=logo.png>"
            '<td background="logo.png" style="background: url(logo.png)">'
            '<a href="logo.png">logo.png</a><img src="other.png">'
        ),
        inline_images=[LOGO],
    )
    parsed = message_from_bytes(bytes(message), policy=policy.default)
    image = next(part for part in parsed.walk() if part.get_content_type() == "image/png")
    content_id = image["Content-ID"].strip("<>")
    assert re.fullmatch(r"[0-9a-f]{32}\.1@inline", content_id)
    assert image.get_content_disposition() == "inline"
    html = parsed.get_body(("html",))
    assert html is not None
    assert html.get_content().strip() == (
        f"<img src=\"cid:{content_id}\"><img src='cid:{content_id}'><img src=cid:{content_id}>"
        f'<td background="cid:{content_id}" style="background: url(cid:{content_id})">'
        '<a href="logo.png">logo.png</a><img src="other.png">'
    )
    assert message.html is not None
    assert content_id not in message.html


@pytest.mark.parametrize("reference", ["a b.png", "a%20b.png", "a&#32;b.png", "cid:a%20b.png"])
def test_a_name_is_found_however_html_writes_it(reference: str) -> None:
    image = Attachment.from_bytes(b"x", filename="a b.png")
    message = compose(html=f'<img src="{reference}">', inline_images=[image])
    assert b'src="cid:' in bytes(message)


def test_an_image_that_nothing_shows_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"the HTML shows no image named 'logo\.png'"):
        compose(html="<img src='other.png'>", inline_images=[LOGO])
    with pytest.raises(InvalidInput, match=r"two inline images are named 'logo\.png'"):
        compose(html="<img src='logo.png'>", inline_images=[LOGO, LOGO])
    with pytest.raises(InvalidInput, match="no HTML to show them"):
        compose(text="t", inline_images=[LOGO])


def test_an_invitation_is_an_alternative_and_a_file() -> None:
    message = compose(text="Come", calendar=Calendar(INVITATION))
    parsed = message_from_bytes(bytes(message), policy=policy.default)
    alternative, file = parsed.iter_parts()
    invitation = list(alternative.iter_parts())[-1]
    assert invitation.get_content_type() == "text/calendar"
    assert invitation.get_param("method") == "REQUEST"
    assert invitation.get_param("charset") == "utf-8"
    assert invitation.get_payload(decode=True) == INVITATION.encode()
    assert file.get_filename() == "invite.ics"
    assert file.get_payload(decode=True) == INVITATION.encode()


def test_the_method_is_read_where_it_stands() -> None:
    folded = "BEGIN:VCALENDAR\nMETH\n OD;X-A=b:can\n cel\nEND:VCALENDAR"
    assert Calendar(folded).method is CalendarMethod.CANCEL
    assert Calendar(folded).to_octets().endswith(b"\r\nEND:VCALENDAR\r\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no calendar object"),
        ("METHOD:REQUEST", "no calendar object"),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR", "no METHOD lines"),
        ("BEGIN:VCALENDAR\nMETHOD:ADD\nMETHOD:ADD\nEND:VCALENDAR", "2 METHOD lines"),
        ("BEGIN:VCALENDAR\nMETHOD:DANCE\nEND:VCALENDAR", "'DANCE' is no METHOD"),
        ("BEGIN:VCALENDAR\nMETHOD:ADD\nX:\udcff\nEND:VCALENDAR", r"lone surrogate U\+DCFF"),
        ("x" * 5_000_000, "more than 4194304 characters"),
    ],
)
def test_what_is_no_invitation_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        Calendar(text)


def test_what_has_nothing_to_stand_in_for_it_is_refused() -> None:
    with pytest.raises(InvalidInput, match="AMP and no HTML"):
        compose(text="t", amp="<html>")
    with pytest.raises(InvalidInput, match="calendar object and no text"):
        compose(calendar=Calendar(INVITATION))


def test_text_is_made_of_html_unless_it_is_left_out() -> None:
    message = compose(html="<p>See <a href='https://example.com/x'>this</a></p>")
    assert b"\r\n\r\nSee this <https://example.com/x>\r\n" in bytes(message)
    assert message.text is None
    other = replace(message, missing_text=MissingText.LEFT_OUT)
    assert types_of(other) == ["text/html"]


def test_threading_headers() -> None:
    identifiers = [f"<{n}.{'x' * 30}@example.com>" for n in range(5)]
    message = compose(in_reply_to=identifiers[-1], references=identifiers)
    fields = fields_of(message)
    assert f"In-Reply-To: {identifiers[-1]}" in fields
    assert f"References: {' '.join(identifiers)}" in fields
    assert max(map(len, bytes(message).split(b"\r\n"))) <= 78


def test_one_click_unsubscribes() -> None:
    uris = ["mailto:leave@example.com?subject=x", "https://example.com/u/1?a=b"]
    message = compose(list_unsubscribe=uris)
    fields = fields_of(message)
    assert f"List-Unsubscribe: <{uris[0]}>, <{uris[1]}>" in fields
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in fields
    by_mail = compose(list_unsubscribe=uris[0])
    assert b"List-Unsubscribe-Post" not in bytes(by_mail)


@pytest.mark.parametrize(
    "uri",
    [
        *("", "http://example.com/", "https:", "javascript:x", "https://example.com/a,b"),
        *("https://example.com/>\r\nBcc: x", "https://ex\u00e4mple.com/", "mailto:"),
        f"https://example.com/{'x' * 900}",
    ],
)
def test_what_is_no_way_to_unsubscribe_is_refused(uri: str) -> None:
    with pytest.raises(InvalidHeader, match="no way to unsubscribe"):
        compose(list_unsubscribe=[uri])


def test_marks_for_programs() -> None:
    fields = fields_of(compose(auto_submitted=AutoSubmitted.REPLIED, priority=Priority.HIGH))
    assert "Auto-Submitted: auto-replied" in fields
    assert {"Importance: high", "Priority: urgent", "X-Priority: 1"} <= set(fields)


@pytest.mark.parametrize(
    ("argument", "header"),
    [
        ({"auto_submitted": AutoSubmitted.GENERATED}, "Auto-Submitted"),
        ({"priority": Priority.LOW}, "x-priority"),
        ({"list_unsubscribe": "mailto:a@example.com"}, "List-Unsubscribe-Post"),
    ],
)
def test_nothing_is_written_twice(argument: dict[str, object], header: str) -> None:
    with pytest.raises(InvalidHeader, match=f"{header} is given twice"):
        compose(**argument, headers={header: "x"})
    # Without the argument, it is a header like others.
    assert f"{header}: x" in fields_of(compose(headers={header: "x"}))


def test_tags_and_metadata_are_no_headers() -> None:
    message = compose(tags=["tagged"], metadata={"key": "metavalue"})
    assert (message.tags, message.metadata) == (("tagged",), (("key", "metavalue"),))
    assert b"tagged" not in bytes(message)
    assert b"metavalue" not in bytes(message)
    assert hash(message)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tags": "a"},
        {"tags": ["a\n"]},
        {"tags": repeat("a")},
        {"metadata": {"a": "b\r"}},
        {"metadata": [("a", "1"), ("a", "2")]},
        {"metadata": {"a": "x" * 20_000}},
    ],
)
def test_unfit_labels_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        compose(**wrong)


def test_flowing_text_is_said_to_flow() -> None:
    text = "word " * 40 + "\n> quoted " + "word " * 20 + "\nFrom here\n-- \nAda"
    octets = bytes(compose(text=text, text_layout=TextLayout.FLOWED))
    assert b"Content-Type: text/plain; charset=utf-8; format=flowed\r\n" in octets
    body = octets.partition(b"\r\n\r\n")[2].decode().split("\r\n")
    assert max(map(len, body)) <= 78
    assert body[0].endswith("word ")
    assert " From here" in body
    assert "-- " in body


@pytest.mark.parametrize("field", ["in_reply_to", "references"])
@pytest.mark.parametrize("wrong", ["", "a@b", "<a b@c>", "<a@b>\r\nBcc: x", "<a@b> <c@d>", "<ä@b>"])
def test_a_malformed_identifier_is_refused(field: str, wrong: str) -> None:
    with pytest.raises(InvalidHeader, match=f"in {field} is no Message-ID"):
        compose(**{field: [wrong]})


@pytest.mark.parametrize(
    "name", ["X A", "X:A", "X\tA", "X\x00A", "X\rA", "X\nA", "", "Xä", "X\x7f"]
)
def test_no_header_has_such_a_name(name: str) -> None:
    with pytest.raises(InvalidHeader):
        compose(headers=[(name, "x")])


def test_lone_surrogates_are_refused_everywhere() -> None:
    bad = "a\udcff"
    for field in ("subject", "text", "html", "amp"):
        with pytest.raises(InvalidInput, match=r"U\+DCFF"):
            compose(**{"html": "<p>", field: bad})
    for field in ("to", "cc", "bcc", "reply_to", "sender"):
        with pytest.raises(InvalidAddress):
            compose(**{field: f"{bad} <a@example.com>"})


def test_a_huge_subject_is_refused() -> None:
    with pytest.raises(InvalidHeader, match="Subject has 5000000 characters"):
        compose(subject="x" * 5_000_000)


def test_too_many_recipients_are_refused_before_all_are_read() -> None:
    read = 0

    def mailboxes() -> object:
        nonlocal read
        for number in range(100_000):
            read += 1
            yield f"p{number}@example.com"

    with pytest.raises(InvalidInput, match="more mailboxes than the 10000"):
        compose(bcc=mailboxes())
    assert read == 10_001
    # In sight of all readers, fewer fit.
    with pytest.raises(InvalidHeader, match="To takes more than 102400 characters"):
        compose(to=[f"p{number}@example.com" for number in range(10_000)])


@pytest.mark.parametrize("wrong", [b"text", 1, ["text"]])
def test_what_is_no_text_is_refused(wrong: object) -> None:
    for field in ("text", "html", "amp"):
        with pytest.raises(InvalidInput, match=f"{field} is made of text"):
            compose(**{"html": "<p>", field: wrong})
