from __future__ import annotations

import io
import json
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import InvalidInput
from postseal.mail import Attachment, Message
from tests.parts.composed import COMPOSED
from tests.parts.compositions import MESSAGES


@pytest.mark.parametrize("name", COMPOSED)
def test_json_gives_the_same_message_back(name: str) -> None:
    message = COMPOSED[name]
    assert Message.from_json(message.to_json()) == message
    assert Message.from_json(message.to_json().encode()) == message


@given(MESSAGES)
def test_any_message_comes_back_from_json(message: Message) -> None:
    assert Message.from_json(message.to_json()) == message


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"to": "b@example.com"}, "message.to is 'b@example.com', not a list"),
        ({"to": [1]}, r"message\.to\[0\] is 1, not a string"),
        ({"subject": 1}, "message.subject is 1, not a string"),
        ({"nope": 1}, "the key 'nope', which nobody knows"),
        ({"date": "soon"}, "not a date"),
        ({"priority": "extreme"}, "not one of high, normal, low"),
        ({"headers": [["X-A"]]}, r"message\.headers\[0\] is .*, not a list of a name and a value"),
        ({"attachments": [{"filename": "a"}]}, r"attachments\[0\]\.content is missing"),
        ({"attachments": [{"filename": "a", "content": "*"}]}, "not base64"),
        ({"attachments": [3]}, r"attachments\[0\] is 3, not an object"),
    ],
)
def test_what_is_wrong_in_json_is_named_by_its_place(fields: dict[str, object], says: str) -> None:
    good = {"from_": ["a@example.com"], "to": ["b@example.com"]}
    with pytest.raises(InvalidInput, match=says):
        Message.from_json(json.dumps({**good, **fields}))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "[" * 100_000, '{"to": [], "to": []}', "1" * 5000, b"\xff\xfe", "NaN"],
)
def test_what_is_no_message_is_a_typed_error(text: str | bytes) -> None:
    with pytest.raises(InvalidInput):
        Message.from_json(text)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.sampled_from(["from_", "to", "html", "attachments", "calendar", "date"]), each)))  # fmt: skip # noqa: E501
def test_any_json_is_read_or_refused(value: object) -> None:
    text = json.dumps(value)
    try:
        message = Message.from_json(text)
    except InvalidInput as error:
        said = str(error)
    else:
        said = ""
        assert Message.from_json(message.to_json()) == message
    # An error goes into logs and terminals.
    assert not said or said.isprintable()


def test_json_is_bounded() -> None:
    message = Message(
        from_="a@example.com",
        to="b@example.com",
        attachments=[Attachment.from_file(io.BytesIO(b"x" * 1000), filename="a")],
    )
    assert message.to_json(max_octets=1000)
    with pytest.raises(InvalidInput, match="more than 999 octets together"):
        message.to_json(max_octets=999)
    with pytest.raises(InvalidInput, match="more than 100"):
        Message.from_json(message.to_json(), max_octets=100)


# What is written of a domain are A-labels.
@pytest.mark.parametrize("name", [name for name in COMPOSED if name != "a domain in German"])
def test_the_standard_librarys_message_gives_the_same_back(name: str) -> None:
    message = COMPOSED[name]
    again = Message.from_email(message.to_email())
    for field in ("from_", "to", "cc", "reply_to", "subject", "date", "message_id", "references"):
        assert getattr(again, field) == getattr(message, field), field
    assert [each.filename for each in again.attachments] == [
        each.filename for each in message.attachments
    ]
    assert [each.filename for each in again.inline_images] == [
        each.filename for each in message.inline_images
    ]
    assert (again.amp is None, again.calendar is None) == (
        message.amp is None,
        message.calendar is None,
    )


def test_a_message_of_the_standard_library_is_taken_over() -> None:
    email = EmailMessage()
    email["From"] = "Jürgen <j@example.com>"
    email["To"] = "b@example.com"
    email["Bcc"] = "hidden@example.com"
    email["Subject"] = "Grüße"
    email["X-Own"] = "1"
    email["DKIM-Signature"] = "v=1"
    email.set_content("Hällo\n")
    email.add_alternative("<p>Hällo</p>\n", subtype="html")
    email.add_attachment(b"\x00\x01", maintype="application", subtype="pdf", filename="ä.pdf")
    message = Message.from_email(email)
    assert (message.subject, message.text, message.html) == ("Grüße", "Hällo\n", "<p>Hällo</p>\n")
    assert [each.address.local for each in message.bcc] == ["hidden"]
    assert b"hidden" not in bytes(message)
    assert [(each.name, each.value) for each in message.headers] == [("X-Own", "1")]
    assert [(each.filename, b"".join(each.pieces())) for each in message.attachments] == [
        ("ä.pdf", b"\x00\x01")
    ]
    assert message.to_email()["Subject"] == "Grüße"


def test_what_cannot_be_taken_over_is_a_typed_error() -> None:
    with pytest.raises(InvalidInput, match="no author"):
        Message.from_email(EmailMessage())
    with pytest.raises(InvalidInput, match="is no EmailMessage"):
        Message.from_email("x")  # type: ignore[arg-type]
    signed = EmailMessage()
    signed["From"] = "a@example.com"
    signed["Content-Type"] = "multipart/signed; boundary=x"
    with pytest.raises(InvalidInput, match="multipart/signed"):
        Message.from_email(signed)


def test_pieces_of_an_iterable_are_attached() -> None:
    again = Attachment.from_iterable([b"a", b"b" * 100_000], filename="a")
    assert b"".join(again.pieces()) == b"".join(again.pieces()) == b"a" + b"b" * 100_000
    once = Attachment.from_iterable(iter([b"a"]), filename="a")
    assert b"".join(once.pieces()) == b"a"
    with pytest.raises(InvalidInput, match="cannot be started anew"):
        once.content.check()
    for wrong in (b"octets", "text", 3):
        with pytest.raises(InvalidInput, match="no iterable of pieces"):
            Attachment.from_iterable(wrong, filename="a")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="gives str, not bytes"):
        list(Attachment.from_iterable(["text"], filename="a").pieces())  # type: ignore[list-item]
