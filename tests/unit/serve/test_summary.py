"""What lists show of a message: decoded, bounded, and never an error whatever the header holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.serve.storage import Summary
from postseal.serve.summary import HEAD_LIMIT, field_values, header_section, summarize


def test_four_fields_are_shown() -> None:
    head = (
        b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= an alle\r\n"
        b"From: =?iso-8859-1?b?SvxyZ2Vu?= <j@example.com>\r\n"
        b"To: bob@example.org,\r\n eve@example.org\r\n"
        b"Message-ID: <1@example.com>\r\n"
        b"X-Other: 1\r\n"
    )
    assert summarize(head) == Summary(
        subject="Grüße an alle",
        header_from="Jürgen <j@example.com>",
        header_to="bob@example.org, eve@example.org",
        header_message_id="<1@example.com>",
    )


def test_what_is_absent_is_empty() -> None:
    assert summarize(b"") == Summary()


def test_utf8_without_encoding_is_shown_as_it_is() -> None:
    # RFC 6532 3.2
    assert summarize("Subject: Grüße, 你好\r\n".encode()).subject == "Grüße, 你好"


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (b"=?utf-8?b?!!!?=", ""),
        (b"=?utf-8?b?abcde?=", "=?utf-8?b?abcde?="),
        (b"=?no-such-charset?q?x?=", "=?no-such-charset?q?x?="),
        (b"=?utf-8?q?a=0D=0Ab?=", "a b"),
        (b"=?utf-8?q?=1B[31mred?=", "[31mred"),
        (b"=?utf-8?q?=E2=80=AEgnp.exe?=", "gnp.exe"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"a\x00b", "a b"),
        (b"x" * 5000, "x" * 500),
    ],
)
def test_garbage_gives_poor_text(subject: bytes, shown: str) -> None:
    assert summarize(b"Subject: " + subject + b"\r\n").subject == shown


@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(
            st.sampled_from(
                [
                    b"Subject:",
                    b"From:",
                    b" ",
                    b"\t",
                    b"\r\n",
                    b"\n",
                    b"\r",
                    b"=?utf-8?b?",
                    b"=?utf-8?q?",
                    b"?=",
                    b"=E4",
                    b"4pyT",
                    b"\xe2\x9c",
                    b":",
                    b"\x00",
                    "\u2028".encode(),
                ]
            ),
            max_size=20,
        ).map(b"".join),
    )
)
def test_no_header_makes_it_fail(head: bytes) -> None:
    summary = summarize(head)
    for text in (summary.subject, summary.header_from, summary.header_to):
        assert text.isprintable()
        assert len(text) <= 500
        text.encode()


@pytest.mark.parametrize(
    ("beginning", "head"),
    [
        (b"Subject: x\r\n\r\nbody", b"Subject: x\r\n"),
        (b"Subject: x\r\n", b"Subject: x\r\n"),
        (b"Subject: x\r\n\r\nReceived: in the body\r\n\r\n", b"Subject: x\r\n"),
        # An empty header section: all of it is body.
        (b"\r\nReceived: in the body\r\n\r\n", b""),
        (b"", b""),
    ],
)
def test_the_header_section_ends_at_the_first_empty_line(beginning: bytes, head: bytes) -> None:
    assert header_section(beginning) == head


def test_a_header_section_without_end_is_as_much_as_was_looked_at() -> None:
    assert len(header_section(b"a" * HEAD_LIMIT)) == HEAD_LIMIT


def test_fields_that_instruct_are_read_as_often_as_they_are_there() -> None:
    head = b"tls-required: No\r\nSubject: x\r\nTLS-Required:\r\n maybe\r\nTLS-Required-Not: No\r\n"
    assert [value.strip() for value in field_values(head, "TLS-Required")] == ["No", "maybe"]
    assert field_values(b"", "TLS-Required") == ()
