from __future__ import annotations

import email.policy
from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postseal.serve.web import rendering
from postseal.serve.web.rendering import Rendering, Window, read_window, render
from postseal.serve.web.templating import render_page


def show(octets: bytes) -> Rendering:
    return render(Window(octets, is_whole=True))


def test_a_text() -> None:
    shown = show(b"Subject: a\r\n =?utf-8?q?b?=\r\nX: y\r\n\r\nHello.\r\n\r\nBye\r\n")
    assert [(field.name, field.value) for field in shown.headers] == [
        ("Subject", "a b"),
        ("X", "y"),
    ]
    assert shown == Rendering(shown.headers, text="Hello.\n\nBye\n")


def test_the_first_text_and_the_first_html_are_the_body() -> None:
    message = EmailMessage(email.policy.SMTP)
    message.set_content("Grüße")
    message.add_alternative("<p>Grüße</p>", subtype="html")
    message.add_attachment("second text", filename="notes.txt")
    message.add_attachment(b"\x00\xff", "image", "png", filename="Bild ß.png")
    shown = show(bytes(message))
    assert shown.text == "Grüße\n"
    assert shown.html == "<p>Grüße</p>\n"
    assert [(a.number, a.filename, a.content_type, a.content) for a in shown.attachments] == [
        (1, "notes.txt", "text/plain", b"second text\r\n"),
        (2, "Bild ß.png", "image/png", b"\x00\xff"),
    ]
    assert shown.notes == ()


def test_an_enclosed_message_is_an_attachment_octet_for_octet() -> None:
    enclosed = (
        b"Subject:  x\r\nReferences: " + b"<a@b> " * 500 + b"\r\n"
        b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n\xff\r\n--c--\r\n"
    )
    shown = show(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + enclosed + b"\r\n--b--\r\n"
    )
    [attachment] = shown.attachments
    assert attachment.filename == "part-1.eml"
    assert attachment.content_type == "message/rfc822"
    assert attachment.content == enclosed


def test_a_delivery_report_shows_its_words_and_offers_the_rest() -> None:
    shown = show(
        b"Content-Type: multipart/report; boundary=b; report-type=delivery-status\r\n\r\n"
        b"--b\r\n\r\nIt could not be delivered.\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
        b"Action: failed\r\n--b--\r\n"
    )
    assert shown.text == "It could not be delivered."
    [report] = shown.attachments
    assert report.content == b"Reporting-MTA: dns; x\r\n\r\nAction: failed"


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "utf-32", "shift_jis", "iso-2022-jp"])
def test_surrogates_and_nul_do_not_reach_a_page(charset: str) -> None:
    octets = b"+2AA-" + bytes(range(256)) * 2
    shown = show(f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode() + octets)
    assert shown.text is not None
    assert "\0" not in shown.text
    assert shown.text.encode()


def test_the_last_part_of_a_cut_message_is_not_offered() -> None:
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n"
        b"--b\r\nContent-Type: image/png\r\n\r\none\r\n--b\r\nContent-Type: image/png\r\n\r\ntw"
    )
    shown = render(Window(octets, is_whole=False))
    assert [a.content for a in shown.attachments] == [b"one", None]
    assert "taken apart here" in shown.notes[0]
    assert [a.content for a in show(octets).attachments] == [b"one", b"tw"]


def test_limits_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "_MAX_TEXT", 10)
    monkeypatch.setattr(rendering, "_MAX_HEADERS", 2)
    monkeypatch.setattr(rendering, "_MAX_ATTACHMENTS", 1)
    part = b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n"
    head = b"A: 1\r\nB: 2\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    shown = show(head + b"--b\r\n\r\n" + b"long text" * 5 + b"\r\n" + part * 9)
    assert shown.text == "long textl"
    assert len(shown.headers) == 2
    assert len(shown.attachments) == 1
    assert [note.split(" ")[0] for note in shown.notes] == ["Only", "A", "Parts"]
    shown = show(head + part * 1001)
    assert "more parts in parts" in shown.notes[1]
    assert shown.notes[-1].startswith("Parts that are not listed here: 9")


@pytest.mark.parametrize("depth", [100, 3000])
def test_parts_in_parts_have_an_end(depth: int) -> None:
    nest = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"
    shown = show(b"Subject: deep\r\n" + b"".join(nest % (n, n) for n in range(depth)))
    assert len(shown.notes) == 1
    assert "more parts in parts" in shown.notes[0]
    assert shown.headers[0].value == "deep"


async def test_the_window_is_the_beginning() -> None:
    async def pieces(*given: bytes) -> AsyncIterator[bytes]:
        for piece in given:
            yield piece

    assert await read_window(pieces(b"ab", b"cd"), limit=4) == Window(b"abcd", is_whole=True)
    assert await read_window(pieces(b"ab", b"cd", b"e"), limit=4) == Window(b"abcd", is_whole=False)
    assert await read_window(pieces(), limit=4) == Window(b"", is_whole=True)


WHOLE = (
    b'From: a\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
    b"--c\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n"
    b"--c\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+\r\n--c--\r\n"
    b"--b\r\nContent-Disposition: attachment; filename*0*=utf-8''a%20; filename*1=b\r\n"
    b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n#0V%T\r\n`\r\nend\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n--b--\r\n"
)

LINES = [
    b"", b"--b", b"--c", b"--b--", b"--c--", b"text", b"\xff\xfe\x00", b"=", b"=C3", b"PGI+", b"=?",
    b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: multipart/digest; boundary=\"c\"",
    b"Content-Type: multipart/mixed; boundary*0=b; boundary*1=c", b"Content-Type:",
    b"Content-Type: text/plain; charset=\"utf-7\"", b"Content-Type: text/html; charset*=''%00",
    b"Content-Type: message/rfc822", b"Content-Type: message/delivery-status", b"Content-Type: a",
    b"Content-Type: text/plain; name*99999999999999999999=x; name*=utf-8'x'%zz",
    b"Content-Disposition: attachment; filename=\"=?utf-8?b?Lg==?=\"", b"Content-Disposition: =",
    b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable",
    b"Content-Transfer-Encoding: x-uuencode", b"begin 644 x", b"MIME-Version: 1.0", b" folded",
    b"Subject: =?utf-8?q?=FF?= =?x?b?A?=", b": empty name", b"no colon", b"\tX: \xc3",
]  # fmt: skip


def assert_it_is_a_page(octets: bytes) -> None:
    shown = show(octets)
    page = render_page("content.html", content=shown, message_id="0" * 26)
    assert page.status_code == 200
    assert b"<script" not in page.body


@given(st.binary(max_size=2000))
def test_random_octets_are_a_page(octets: bytes) -> None:
    assert_it_is_a_page(octets)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(LINES), max_size=40), st.sampled_from([b"\r\n", b"\n", b"\r"]))
def test_random_structure_is_a_page(lines: list[bytes], end: bytes) -> None:
    assert_it_is_a_page(end.join(lines))


@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)), st.binary(max_size=20))
def test_a_damaged_message_is_a_page(start: int, length: int, put: bytes) -> None:
    assert_it_is_a_page(WHOLE[:start] + put + WHOLE[start + length :])


def test_the_whole_one_is_understood() -> None:
    shown = show(WHOLE)
    assert (shown.text, shown.html) == ("Grüße", "<b>")
    assert [(a.filename, a.content) for a in shown.attachments] == [
        ("a b", b"Cat"),
        ("part-2.eml", b"Subject: x\r\n\r\ny"),
    ]
