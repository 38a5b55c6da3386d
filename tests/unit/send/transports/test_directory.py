"""Messages in files: whole or not there, for the owner alone, and the same when read back."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from postseal.address import Address
from postseal.errors import (
    InvalidInput,
    InvalidSetting,
    InvalidURL,
    MailError,
    PermanentlyRejected,
    TemporarilyRejected,
)
from postseal.mail import Attachment, Envelope, Message
from postseal.send import (
    DeliveryOptions,
    HoldFor,
    NotificationRequest,
    Notify,
    Outgoing,
    ReturnContent,
)
from postseal.send.networks.blocking import BlockingNetwork, run
from postseal.send.transports import Directory, local_transport, read_stored, stored_messages
from tests.parts.worlds import World, in_each_world

ADA, BOB, EVE = map(Address.parse, ("ada@example.com", "bob@bücher.example", "ève@example.net"))
ENVELOPE = Envelope(ADA, (BOB,))

full = os.open


def write(path: Path, outgoing: Outgoing) -> str:
    delivery = run(Directory(BlockingNetwork(), path).deliver(outgoing, deadline=0))
    return delivery.reply.text


@in_each_world
def test_a_composed_message_is_the_same_when_read_back(world: World, tmp_path: Path) -> None:
    message = Message(
        from_=str(ADA),
        to=[str(BOB)],
        bcc=["carol@example.org"],
        subject="Grüße",
        text="Hello.",
        attachments=[Attachment.from_bytes(bytes(range(256)) * 1000, filename="a.bin")],
    )
    transport = local_transport(f"file://{tmp_path}", world.network())
    delivery = world.drive(transport.deliver(Outgoing.of(message), deadline=0))
    assert delivery.accepted == message.envelope.recipients
    assert (delivery.host, str(delivery.tls)) == (f"file:{tmp_path}", "no TLS")
    (stored,) = stored_messages(tmp_path)
    assert stored.envelope == message.envelope
    assert stored.octets == bytes(message)
    assert stored.message.attachments[0].content == bytes(range(256)) * 1000
    assert stored.outgoing.options is None


def test_what_it_asked_for_is_kept(tmp_path: Path) -> None:
    options = DeliveryOptions(
        return_content=ReturnContent.HEADERS,
        envelope_id="a+b=c d",
        notification_requests=(NotificationRequest(EVE, frozenset({Notify.NEVER})),),
        requires_tls=True,
        hold=HoldFor(3600),
        priority=-3,
    )
    outgoing = Outgoing(
        envelope=Envelope(None, (EVE, BOB)),
        content=[b"\xff\0\n\r"],
        is_binary=True,
        options=options,
    )
    write(tmp_path, outgoing)
    (stored,) = stored_messages(tmp_path)
    assert stored.outgoing.options == options
    assert stored.octets == b"\xff\0\n\r"
    assert stored.outgoing.is_binary
    assert stored.envelope == outgoing.envelope


def test_the_files_are_for_the_owner_and_named_by_time(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 500, tzinfo=timezone(timedelta(hours=1)))
    transport = Directory(
        BlockingNetwork(), tmp_path, clock=lambda: moment, random=lambda size: b"\xab" * size
    )
    os.umask(before := os.umask(0))
    try:
        delivery = run(transport.deliver(Outgoing(envelope=ENVELOPE, content=[b"x"]), deadline=0))
    finally:
        os.umask(before)
    stem = "20260301T110000.000500Z-abababababababab"
    assert delivery.reply.text == f"written to {stem}.eml"
    assert {path.name for path in tmp_path.iterdir()} == {f"{stem}.eml", f"{stem}.json"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    written = json.loads((tmp_path / f"{stem}.json").read_text(encoding="utf-8"))
    assert written["reverse_path"] == "ada@example.com"
    assert written["recipients"] == [{"forward_path": "bob@bücher.example", "parameters": []}]


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    transport = Directory(
        BlockingNetwork(), tmp_path, clock=lambda: moment, random=lambda size: b"\0" * size
    )
    outgoing = Outgoing(envelope=ENVELOPE, content=[b"first"])
    run(transport.deliver(outgoing, deadline=0))
    with pytest.raises(PermanentlyRejected, match="exists"):
        run(transport.deliver(Outgoing(envelope=ENVELOPE, content=[b"second"]), deadline=0))
    (stored,) = stored_messages(tmp_path)
    assert stored.octets == b"first"
    assert len(list(tmp_path.iterdir())) == 2


def test_messages_come_back_in_their_order(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, Outgoing(envelope=ENVELOPE, content=[b"%d" % number]))
    assert [one.octets for one in stored_messages(tmp_path)] == [b"0", b"1", b"2", b"3", b"4"]


@in_each_world
def test_what_breaks_off_leaves_nothing(world: World, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise InvalidInput("the attachment is gone")

    transport = local_transport(f"file://{tmp_path}", world.network())
    outgoing = Outgoing(envelope=ENVELOPE, content=broken())
    with pytest.raises(InvalidInput, match="gone"):
        world.drive(transport.deliver(outgoing, deadline=0))
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_whole_is_not_read(tmp_path: Path) -> None:
    # A process was killed before the envelope had its name.
    write(tmp_path, Outgoing(envelope=ENVELOPE, content=[b"whole"]))
    (tmp_path / "20260301T110000.000500Z-00.eml").write_bytes(b"half")
    (tmp_path / ".20260301T110000.000500Z-00.json.new").write_bytes(b"{")
    assert [one.octets for one in stored_messages(tmp_path)] == [b"whole"]


@pytest.mark.parametrize(
    ("number", "kind", "hint"),
    [
        (errno.ENOSPC, TemporarilyRejected, "room"),
        (errno.EIO, TemporarilyRejected, None),
        (errno.EROFS, PermanentlyRejected, "Mount"),
    ],
)
def test_a_disk_that_fails(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    kind: type[MailError],
    hint: str | None,
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(kind, match="cannot be written") as caught:
        write(tmp_path, Outgoing(envelope=ENVELOPE, content=[b"x"]))
    assert (hint or "") in (caught.value.hint or "")
    assert caught.value.host == f"file:{tmp_path}"
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", lambda *_: full(Path("/dev/full"), os.O_WRONLY))
    with pytest.raises(TemporarilyRejected, match="No space left"):
        write(tmp_path, Outgoing(envelope=ENVELOPE, content=[b"x"] * 100_000))
    with pytest.raises(TemporarilyRejected, match="No space left"):
        write(tmp_path, Outgoing(envelope=ENVELOPE, content=[b"x"]))


def test_a_directory_that_went_away(tmp_path: Path) -> None:
    path = tmp_path / "gone"
    path.mkdir()
    transport = Directory(BlockingNetwork(), path)
    path.rmdir()
    with pytest.raises(PermanentlyRejected, match="No such file") as caught:
        run(transport.deliver(Outgoing(envelope=ENVELOPE, content=[b"x"]), deadline=0))
    assert "make it again" in str(caught.value.hint)
    with pytest.raises(InvalidSetting, match="does not exist"):
        run(transport.verify(deadline=0))


def test_directories_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, reason in (("missing", "does not exist"), ("file", "is no directory")):
        with pytest.raises(InvalidSetting, match=reason) as caught:
            local_transport(f"file://{tmp_path}/{name}", BlockingNetwork())
        assert "install -d -m 0700" in str(caught.value)
        with pytest.raises(InvalidSetting, match=reason):
            next(stored_messages(tmp_path / name))


@pytest.mark.parametrize("url", ["file:outgoing", "file://host/dir", "file:", "file:///a?b=c"])
def test_bad_URLs(url: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        local_transport(url, BlockingNetwork())
    assert "file:///var/spool/outgoing" in str(caught.value)


def test_a_path_with_spaces(tmp_path: Path) -> None:
    path = tmp_path / "to send"
    path.mkdir()
    transport = local_transport(f"file://{tmp_path}/to%20send", BlockingNetwork())
    run(transport.deliver(Outgoing(envelope=ENVELOPE, content=[b"x"]), deadline=0))
    assert run(transport.verify(deadline=0)).host == f"file:{path}"
    run(transport.close())
    assert len(list(path.iterdir())) == 2


def test_either_file_names_a_message(tmp_path: Path) -> None:
    write(tmp_path, Outgoing(envelope=ENVELOPE, content=[b"x"]))
    for path in tmp_path.iterdir():
        assert read_stored(path).octets == b"x"


def test_files_that_cannot_be_read_back(tmp_path: Path) -> None:
    write(tmp_path, Outgoing(envelope=ENVELOPE, content=[b"x" * 11]))
    (eml,) = tmp_path.glob("*.eml")
    with pytest.raises(InvalidInput, match="more than 10 octets") as caught:
        read_stored(eml, max_octets=10)
    assert "max_octets" in str(caught.value)
    envelope = eml.with_suffix(".json")
    envelope.write_text("{}", encoding="utf-8")
    with pytest.raises(InvalidInput, match=envelope.name):
        read_stored(eml)
    eml.unlink()
    with pytest.raises(InvalidInput, match="No such file"):
        list(stored_messages(tmp_path))
