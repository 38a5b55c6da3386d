"""Header protection beyond the examples: what attackers add, what must not leak, what is odd."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal import Attachment, Message
from postseal.crlf import to_crlf
from postseal.mail import TextLayout
from postseal.mail.authentication.raw_message import InvalidMessage
from postseal.mail.header_protection import (
    FieldProtection,
    HeaderConfidentiality,
    ProtectedMessage,
    ProtectionScheme,
    UnwrappedMessage,
    protect_for_encryption,
    protect_for_signing,
    unwrap,
)
from postseal.mail.reading import parse
from tests.parts.compositions import MESSAGES
from tests.parts.doc_blocks import run_examples


def read(protected: ProtectedMessage, outer: bytes | None = None) -> UnwrappedMessage:
    return unwrap(
        protected.outer if outer is None else outer,
        protected.payload,
        is_signature_valid=True,
        is_encrypted=True,
    )


def message(**changes: object) -> Message:
    arguments = {
        "from_": "Ada <ada@example.com>",
        "to": ["Bob <bob@example.org>"],
        "subject": "Grüße",
        "text": "Hello\n",
    } | changes
    return Message(**arguments)  # type: ignore[arg-type]


def with_body(body: str, content_type: str = "text/plain") -> bytes:
    return (
        f"From: ada@example.com\r\nSubject: hello\r\nContent-Type: {content_type}\r\n\r\n"
    ).encode() + to_crlf(body.encode())


# -- what is hidden -------------------------------------------------------------------------------


def test_nobody_is_told_of_blind_copies() -> None:
    octets = b"Bcc: secret@example.org\r\nResent-Bcc: secret@example.org\r\n" + bytes(message())
    for protected in (protect_for_signing(octets), protect_for_encryption(octets)):
        assert b"secret" not in protected.outer + protected.payload


def test_a_record_that_was_there_before_is_no_record() -> None:
    octets = b"HP-Outer: Subject: hello\r\n" + with_body("text")
    protected = protect_for_encryption(octets)
    assert protected.payload.count(b"HP-Outer: Subject:") == 1
    assert read(protected).protection("Subject") is FieldProtection.SIGNED_AND_ENCRYPTED


def test_the_shy_policy_tells_neither_names_nor_time_zone() -> None:
    octets = (
        b"From: Ada Lovelace <ada@example.com>\r\nReply-To: Ada <ada@example.com>\r\n"
        b'To: "Bob, B." <bob@example.org>,\r\n friends: Carol <carol@example.org>;\r\n'
        b"Date: Sat, 20 Feb 2021 10:09:02 -0500\r\nSubject: hello\r\nKeywords: a\r\n\r\ntext\r\n"
    )
    protected = protect_for_encryption(octets, confidentiality=HeaderConfidentiality.SHY)
    assert protected.outer == (
        b"From: ada@example.com\r\nReply-To: ada@example.com\r\n"
        b"To: bob@example.org, carol@example.org\r\n"
        b"Date: Sat, 20 Feb 2021 15:09:02 +0000\r\nSubject: [...]\r\n"
    )
    text = read(protected).message.text
    assert text == "text\n"
    assert "From: Ada Lovelace <ada@example.com>" in (parse(protected.payload).text or "")
    # What was kept is kept in the answer.
    assert read(protected).confidentiality is HeaderConfidentiality.SHY
    assert read(protect_for_encryption(octets)).confidentiality is HeaderConfidentiality.BASELINE
    # The addresses agree, so nobody is warned of a mismatch.
    assert not read(protected).has_from_mismatch


def test_the_shy_policy_leaves_what_it_cannot_read() -> None:
    octets = b"From: ada@example.com\r\nTo: not an address\r\nDate: soon\r\n\r\ntext\r\n"
    protected = protect_for_encryption(octets, confidentiality=HeaderConfidentiality.SHY)
    assert protected.outer == octets.partition(b"\r\n\r\n")[0] + b"\r\n"


def test_a_field_that_fills_its_line_is_recorded_in_lines_that_may_be_sent() -> None:
    octets = b"X-Long: " + b"x" * 990 + b"\r\n" + with_body("text")
    payload = protect_for_encryption(octets).payload
    assert max(map(len, payload.splitlines())) <= 999
    assert read(protect_for_encryption(octets)).protection("X-Long") is FieldProtection.SIGNED_ONLY


# -- the elements for older readers ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<p>hi</p>", "\n{}\n<p>hi</p>"),
        ("<!DOCTYPE html>\n<p>hi</p>", "<!DOCTYPE html>\n{}\n\n<p>hi</p>"),
        ("<html><p>hi</p></html>", "<html>\n{}\n<p>hi</p></html>"),
        ("<head></head ><p>hi</p>", "<head></head >\n{}\n<p>hi</p>"),
        ("<!-- <body> --><BODY a='>'>hi", "<!-- <body> --><BODY a='>'>\n{}\nhi"),
        ("<html>\n<body\nclass=x>\nhi<body>", "<html>\n<body\nclass=x>\n{}\n\nhi<body>"),
    ],
)
def test_the_element_stands_where_the_body_of_the_html_begins(html: str, shown: str) -> None:
    protected = protect_for_encryption(with_body(html, "text/html; charset=utf-8"))
    element = '<div class="header-protection-legacy-display">\n<pre>Subject: hello</pre></div>'
    assert (parse(protected.payload).html or "").rstrip("\n") == shown.format(element)
    assert (read(protected).message.html or "").rstrip("\n") == shown.format("")


def test_only_the_main_texts_are_changed() -> None:
    composed = message(
        html="<p>Hello</p>",
        attachments=[Attachment.from_bytes(b"a file", filename="a.txt", content_type="text/plain")],
    )
    parts = parse(protect_for_encryption(bytes(composed)).payload).root.walk()
    marked = [part.media_type for part in parts if part.content_type.get("hp-legacy-display")]
    assert marked == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    "body",
    [
        "Content-Type: text/plain; charset=x-unknown\r\n\r\nGrüße",
        "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: attachment\r\n\r\nfile",
        "Content-Type: text/calendar; charset=utf-8\r\n\r\nBEGIN:VCALENDAR",
        "Content-Type: multipart/signed; boundary=y\r\n\r\n--y\r\n\r\ntext\r\n--y--",
    ],
)
def test_what_cannot_be_changed_without_doubt_stays(body: str) -> None:
    octets = with_body(f"--x\r\n{body}\r\n--x--\r\n", "multipart/mixed; boundary=x")
    payload = protect_for_encryption(octets).payload
    assert payload.endswith(f"--x\r\n{body}\r\n--x--\r\n".encode())


def test_flowed_text_stays_flowed() -> None:
    composed = message(text="long " * 40 + "\n", text_layout=TextLayout.FLOWED)
    root = read(protect_for_encryption(bytes(composed))).message.root
    assert root.content_type.get("format") == "flowed"


@pytest.mark.parametrize(
    "html",
    [
        '<div class="header-protection-legacy-display">never closed',
        '<div class="not-header-protection-legacy-display">text</div>',
        "</div><div>text</div>",
    ],
)
def test_what_is_no_element_is_shown(html: str) -> None:
    payload = with_body(html, 'text/html; charset=utf-8; hp="cipher"; hp-legacy-display=1')
    shown = unwrap(b"", payload, is_signature_valid=True, is_encrypted=True).message.html
    assert (shown or "").rstrip("\n") == html


def test_the_element_ends_where_its_own_end_is() -> None:
    html = (
        "a<DIV id=1 CLASS='x header-protection-legacy-display'>b<div>c</div>d</div >e<div>f</div>"
    )
    payload = with_body(html, 'text/html; charset=utf-8; hp="cipher"; hp-legacy-display=1')
    shown = unwrap(b"", payload, is_signature_valid=True, is_encrypted=True).message.html
    assert shown == "ae<div>f</div>\n"


# -- what attackers do ----------------------------------------------------------------------------


def test_fields_that_were_added_on_the_way_are_told_apart() -> None:
    protected = protect_for_encryption(bytes(message()))
    replayed = read(protected, b"Cc: mallory@example.net\r\n" + protected.outer)
    assert replayed.message.cc == ()
    assert [field.name for field in replayed.added] == ["Cc"]
    assert replayed.protection("Cc") is FieldProtection.UNPROTECTED


def test_an_author_inside_who_is_not_the_one_outside() -> None:
    protected = protect_for_encryption(bytes(message()))
    assert not read(protected).has_from_mismatch
    assert not read(protected, b"From: ADA@EXAMPLE.COM\r\n").has_from_mismatch
    assert read(protected, b"From: mallory@example.com\r\n").has_from_mismatch
    assert read(protected, b"").has_from_mismatch


def test_the_same_domain_in_both_its_forms_is_no_mismatch() -> None:
    payload = 'From: a@bücher.example\r\nContent-Type: text/plain; hp="clear"\r\n\r\n'.encode()
    outer = b"From: a@xn--bcher-kva.example\r\n"
    found = unwrap(outer, payload, is_signature_valid=True, is_encrypted=False)
    assert not found.has_from_mismatch


def test_a_record_that_says_the_same_in_other_octets_hides_nothing() -> None:
    payload = (
        'Content-Type: text/plain; hp="cipher"\r\nSubject: Grüße  an\r\n alle\r\n'
        "HP-Outer: Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= an alle\r\n\r\n"
    ).encode()
    found = unwrap(b"", payload, is_signature_valid=True, is_encrypted=True)
    assert found.protection("Subject") is FieldProtection.SIGNED_ONLY


def test_without_a_scheme_only_the_outer_fields_count() -> None:
    payload = with_body("text").replace(b"hello", b"forged")
    found = unwrap(b"Subject: seen\r\n", payload, is_signature_valid=True, is_encrypted=True)
    assert (found.scheme, found.fields) == (ProtectionScheme.NONE, ())
    assert found.message.subject == "seen"
    assert found.message.text == "text"
    assert found.message.from_ == ()


def test_a_message_that_was_read_already() -> None:
    protected = protect_for_signing(bytes(message()))
    received = parse(
        protected.outer
        + b"Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n"
        + protected.payload
        + b"\r\n--x\r\nContent-Type: application/pkcs7-signature\r\n\r\n--x--\r\n"
    )
    found = unwrap(received, received.root.parts[0], is_signature_valid=True, is_encrypted=False)
    assert found.protection("Subject") is FieldProtection.SIGNED_ONLY
    assert found.message.subject == "Grüße"
    assert found.added == ()


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets",
    [
        b"From: a@example.com\n\ntext\n",
        b"From: a@example.com\r\n\r\ntext\n",
        b"no field\r\n\r\ntext\r\n",
        b"From: a@example.com",
        b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\ntext\r\n",
        b"Content-Type: nonsense\r\n\r\ntext\r\n",
        b'Content-Type: text/plain; charset="unclosed\r\n\r\ntext\r\n',
        b"Content-Type: text/plain; n\xff=1\r\n\r\ntext\r\n",
        b'Content-Type: text/=?utf-8?q?=C3=A9?=; hp="clear"\r\n\r\ntext\r\n',
        b"Content-Type: text/plain (without an end\r\n\r\ntext\r\n",
        b"Content-Type: text/plain; charset=utf-8 (without (an) end\r\n\r\ntext\r\n",
    ],
)
def test_octets_that_readers_would_not_agree_about_are_refused(octets: bytes) -> None:
    for protect in (protect_for_signing, protect_for_encryption):
        with pytest.raises(InvalidMessage):
            protect(octets)


@pytest.mark.parametrize(
    ("field", "media_type"),
    [
        (b"", "text/plain"),
        (b'Content-Type: text/html; hp="cipher"; charset=utf-8\r\n', "text/html"),
        (b"Content-Type: text/html (comment);\r\n", "text/html"),
    ],
)
def test_the_type_of_the_body_is_marked(field: bytes, media_type: str) -> None:
    payload = protect_for_signing(field + b"From: a@example.com\r\n\r\nx\r\n").payload
    content_type = parse(payload).root.content_type
    assert content_type.media_type == media_type
    assert [value for name, value in content_type.parameters if name == "hp"] == ["clear"]


@given(MESSAGES)
def test_every_composition_comes_back_as_it_was(composed: Message) -> None:
    octets = bytes(composed)
    original = parse(octets)
    found = read(protect_for_encryption(octets)).message
    assert (found.subject, found.from_, found.to, found.date) == (
        original.subject,
        original.from_,
        original.to,
        original.date,
    )
    assert found.text == original.text
    assert [each.content for each in found.attachments] == [
        each.content for each in original.attachments
    ]


def test_the_page_runs() -> None:
    names: dict[str, object] = {}
    run_examples("header-protection.md", names)
    shown = names["read"]
    assert isinstance(shown, UnwrappedMessage)
    assert (shown.message.subject, shown.message.text) == ("The contract", "Hello.\n")
    assert not shown.has_from_mismatch


_SNIPPETS = st.sampled_from(
    [
        *(b"\r\n", b"\n", b" ", b";", b'"', b"--x", b"--x--", b"<div", b"</div>", b"<body", b">"),
        *(b'hp="cipher"', b"hp-legacy-display=1", b"hp-outer: ", b"subject: ", b"from: a@\xc3\xbc"),
        *(b"content-type: text/html; charset=utf-16; ", b"content-type: text/plain; "),
        *(b"content-type: multipart/mixed; boundary=x; ", b"content-type: message/rfc822\r\n"),
        *(
            b'class="header-protection-legacy-display"',
            b"=?utf-16?b?2AA=?=",
            b"\xed\xa0\x80",
            b"\0",
        ),
        *(b"charset=utf-7; ", b"+2AA-", b"content-transfer-encoding: base64\r\n", b"a" * 300),
    ]
)


@given(st.lists(_SNIPPETS | st.binary(max_size=8)).map(b"".join))
def test_nothing_that_arrives_raises(octets: bytes) -> None:
    start = b'content-type: text/html; hp="cipher"; hp-legacy-display=1; '
    for payload in (octets, start + octets):
        found = unwrap(octets, payload, is_signature_valid=False, is_encrypted=True)
        assert {field.protection for field in found.fields} <= {
            FieldProtection.ENCRYPTED_ONLY,
            FieldProtection.UNPROTECTED,
        }
        assert isinstance(found.message.text, str | None)
