"""The console shows what a reader would see, and nothing of a message commands the terminal."""

from __future__ import annotations

import io

import pytest

from postseal.address import Address
from postseal.errors import InvalidURL, TemporarilyRejected
from postseal.mail import Attachment, Envelope, Message
from postseal.send import Outgoing
from postseal.send.networks.blocking import run
from postseal.send.transports import Console, local_transport
from postseal.testing import MemoryNetwork
from tests.parts.worlds import World, in_each_world

RULE = "-" * 72 + "\n"


def shown(outgoing: Outgoing) -> str:
    stream = io.StringIO()
    run(Console(stream).deliver(outgoing, deadline=0))
    text = stream.getvalue()
    assert text.startswith(RULE)
    assert text.endswith(RULE)
    return text


def raw(content: bytes) -> Outgoing:
    envelope = Envelope(Address.parse("ada@example.com"), (Address.parse("bob@example.org"),))
    return Outgoing(envelope=envelope, content=[content])


def test_headers_and_text_are_decoded_and_files_listed() -> None:
    message = Message(
        from_="Ada <ada@example.com>",
        to=["Bob <bob@example.org>"],
        bcc=["eve@example.net"],
        subject="Grüße",
        text="Schöne Grüße\n\tan alle\n",
        attachments=[Attachment.from_bytes(b"a,b\r\n", filename="liste.csv")],
    )
    lines = shown(Outgoing.of(message)).splitlines()
    assert lines[1:3] == [
        "Envelope from: ada@example.com",
        "Envelope to:   bob@example.org, eve@example.net",
    ]
    assert "Subject: Grüße" in lines
    assert "From: Ada <ada@example.com>" in lines
    start = lines.index("Schöne Grüße")
    assert lines[start : start + 4] == [
        "Schöne Grüße",
        "\tan alle",
        "",
        "Attachment: liste.csv (text/csv, 5 octets)",
    ]


def test_HTML_alone_is_called_that() -> None:
    content = b"Content-Type: text/html\r\n\r\n<b>Hello</b>\r\n"
    assert "(HTML alone, no text)\n<b>Hello</b>\n" in shown(raw(content))


def test_the_null_reverse_path() -> None:
    outgoing = Outgoing(
        envelope=Envelope(None, (Address.parse("bob@example.org"),)), content=[b"\r\n"]
    )
    assert "Envelope from: <>\n" in shown(outgoing)


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: =?utf-8?q?=1B]0;owned=07?=\r\n\r\n",
        b"Subject: \x1b[2J\r\n\r\n",
        b"Subject: x\r\n\r\n\x1b[31mred\x9b31m\x08\x7f\r\n",
        "Content-Type: text/plain; charset=utf-8\r\n\r\n\u202ereverse\u2028\u0085\r\n".encode(),
        b'Content-Disposition: attachment; filename="\x1b[2J.txt"\r\n\r\nx\r\n',
        b"Content-Type: text/html\r\n\r\n\x1b[2J<p>",
    ],
    ids=["encoded word", "header", "text", "unicode", "filename", "html"],
)
def test_nothing_commands_the_terminal(content: bytes) -> None:
    text = shown(raw(content))
    assert all(one.isprintable() or one in "\n\t" for one in text)
    # Reading puts U+FFFD for what no header may hold; what a text may hold is spelled out.
    assert any(mark in text for mark in ("\ufffd", r"\x1b", r"\u202e"))


def test_a_long_text_and_many_recipients_are_cut() -> None:
    many = tuple(Address(f"user{number}", "example.org") for number in range(50))
    content = b"Subject: " + b"y " * 15_000 + b"\r\n\r\n" + b"x" * 900_000 + b"\r\n"
    text = shown(Outgoing(envelope=Envelope(None, many), content=[content]))
    assert "user19@example.org and 30 more\n" in text
    assert "more characters)" in text
    assert len(text) < 60_000


@in_each_world
def test_it_writes_to_the_standard_streams(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    # Looked up as it writes, so that whoever redirects them later gets the message.
    transports = {
        name: local_transport(url, MemoryNetwork())
        for name, url in {"err": "console:", "out": "console:stdout"}.items()
    }
    delivery = world.drive(transports["err"].deliver(raw(b"Subject: one\r\n\r\n"), deadline=0))
    world.drive(transports["out"].deliver(raw(b"Subject: two\r\n\r\n"), deadline=0))
    captured = capsys.readouterr()
    assert "Subject: one" in captured.err
    assert "Subject: two" in captured.out
    assert "Subject: two" not in captured.err
    assert (delivery.host, str(delivery.tls)) == ("console:", "no TLS")


def test_a_terminal_that_knows_no_umlauts() -> None:
    octets = io.BytesIO()
    stream = io.TextIOWrapper(octets, encoding="ascii")
    run(Console(stream).deliver(raw("Subject: Grüße\r\n\r\n".encode()), deadline=0))
    assert rb"Subject: Gr\xfc\xdfe" in octets.getvalue()


def test_a_stream_that_is_closed() -> None:
    stream = io.StringIO()
    stream.close()
    with pytest.raises(TemporarilyRejected, match="cannot be shown"):
        run(Console(stream).deliver(raw(b"\r\n"), deadline=0))


@pytest.mark.parametrize("url", ["console:stdin", "console://stderr", "console:?color=1"])
def test_bad_URLs(url: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        local_transport(url, MemoryNetwork())
    assert "console:stdout" in str(caught.value)


def test_verifying_and_closing() -> None:
    console = local_transport("console:", MemoryNetwork())
    assert run(console.verify(deadline=0)).host == "console:"
    run(console.close())
