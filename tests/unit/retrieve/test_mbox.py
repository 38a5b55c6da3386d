from __future__ import annotations

import fcntl
import mailbox
import os
import resource
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postseal import Message
from postseal.errors import InvalidInput
from postseal.mail.prepared import PreparedMessage
from postseal.mail.reading import parse
from postseal.retrieve import (
    Flag,
    MailboxCorrupt,
    MailboxLocked,
    MailboxMissing,
    MailboxUnusable,
    MboxFile,
    MessageTooLarge,
    Quoting,
)
from postseal.retrieve.kept import Content
from postseal.retrieve.mbox import _PIECE

NOW = datetime(2026, 2, 1, 13, 14, 15, tzinfo=UTC)
FROM = b"From ada@example.com Sun Feb  1 13:14:15 2026\n"
LETTER = b"From: ada@example.com\r\nSubject: hello\r\n\r\nHello.\r\n"


@pytest.fixture
def mbox(tmp_path: Path) -> MboxFile:
    return MboxFile(path=tmp_path / "mbox", lock_seconds=0.2)


def add(mbox: MboxFile, content: Content) -> None:
    mbox.add(content, sender="ada@example.com", clock=lambda: NOW)


def read(mbox: MboxFile) -> list[bytes]:
    return [bytes(kept.message) for kept in mbox.messages()]


def test_what_is_added_is_read(mbox: MboxFile) -> None:
    message = Message(from_="a@example.com", to="b@example.com", text="From me\n>From you\n")
    prepared = PreparedMessage.from_message(message)
    received = parse(b"Subject: received\r\n\r\n.\r\n")
    for content in (LETTER, message, prepared, received):
        add(mbox, content)
    assert read(mbox) == [LETTER, bytes(message), bytes(prepared), bytes(received)]
    first, second, *_ = mbox.messages()
    assert first.received == NOW
    assert first.key == "0"
    assert second.message.text == "From me\n>From you\n"


def test_the_form_is_that_of_rfc_4155(mbox: MboxFile) -> None:
    add(mbox, b"A: 1\r\n\r\nFrom me\r\n>From you\r\n >From them\r\nFromage\r\n")
    add(mbox, b"A: 2\r\n\r\nno end")
    assert mbox.path.read_bytes() == (
        FROM
        + b"A: 1\n\n>From me\n>>From you\n >From them\nFromage\n\n"
        + FROM
        + b"A: 2\n\nno end\n\n"
    )
    assert mbox.path.stat().st_mode & 0o777 == 0o600


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.lists(
            st.sampled_from(
                [
                    *(b"From a  1:00 2026", b">From ", b">>From x", b"From", b"", b"x"),
                    *(b"Status: R", b"\r", b"\r\r", b"x\r", b"From a\r"),
                ]
            ),
            max_size=8,
        ),
        max_size=4,
    )
)
def test_whatever_the_lines_they_come_back(tmp_path: Path, bodies: list[list[bytes]]) -> None:
    mbox = MboxFile(path=tmp_path / "any")
    mbox.path.unlink(missing_ok=True)
    letters = [b"A: 1\r\n\r\n" + b"".join(line + b"\r\n" for line in body) for body in bodies]
    for one in letters:
        add(mbox, one)
    assert (read(mbox) if letters else []) == letters


def test_the_standard_library_reads_what_we_write(mbox: MboxFile) -> None:
    mbox.add(LETTER, sender="ada@example.com", flags=frozenset({Flag.SEEN, Flag.ANSWERED}))
    add(mbox, b"Subject: two\r\n\r\nTwo.\r\n")
    theirs = mailbox.mbox(mbox.path, create=False)
    try:
        one, two = theirs
        assert one["Subject"] == "hello"
        assert one.get_payload() == "Hello.\n"
        assert one.get_from().startswith("ada@example.com ")
        assert one.get_flags() == "ROA"
        assert two.get_payload() == "Two.\n"
    finally:
        theirs.close()


def test_we_read_what_the_standard_library_writes(mbox: MboxFile) -> None:
    theirs = mailbox.mbox(mbox.path)
    message = mailbox.mboxMessage(b"Subject: one\n\nFrom me\n>From you\n")
    message.set_flags("RFAT")
    theirs.add(message)
    theirs.add(b"Subject: two\n\nTwo.\n")
    theirs.close()
    # They quote as mboxo does, which loses the difference between these two lines.
    one, two = mbox.messages()
    assert one.message.text == "From me\nFrom you\n"
    assert one.flags == {Flag.SEEN, Flag.FLAGGED, Flag.ANSWERED, Flag.DRAFT}
    assert two.message.subject == "two"
    assert one.received is not None


def test_what_mboxo_did_not_quote_is_left(mbox: MboxFile) -> None:
    mbox.path.write_bytes(FROM + b"A: 1\n\n>From me\n>>From you\n\n")
    (kept,) = mbox.messages()
    assert kept.message.text == "From me\n>From you\n"
    (kept,) = MboxFile(path=mbox.path, quoting=Quoting.MBOXO).messages()
    assert kept.message.text == "From me\n>>From you\n"


@pytest.mark.parametrize(
    "octets",
    [
        # Unquoted, in the middle of a paragraph, behind a blank line, and with a date.
        FROM + b"A: 1\n\nx\nFrom here it went on at 12:00 in 1999.\n\nFrom me, with love\n",
        FROM + b"A: 1\n\n",
        FROM + b"\nno header\n",
        FROM.replace(b"\n", b"\r\n") + b"A: 1\r\n\r\nx\r\n\r\n",
        b"From - Sun Feb 01 13:14:15 2026\nA: 1\n\nx\n\n",
    ],
)
def test_files_of_others(octets: bytes, mbox: MboxFile) -> None:
    mbox.path.write_bytes(octets)
    (kept,) = mbox.messages()
    assert kept.received == NOW
    # Adding to it gives one more, and changes nothing before.
    before = bytes(kept.message)
    add(mbox, LETTER)
    assert read(mbox) == [before, LETTER]


def test_a_file_without_an_end_of_line_gets_one(mbox: MboxFile) -> None:
    mbox.path.write_bytes(FROM + b"A: 1\n\nno line end")
    assert read(mbox) == [b"A: 1\r\n\r\nno line end"]
    add(mbox, LETTER)
    assert read(mbox) == [b"A: 1\r\n\r\nno line end\r\n", LETTER]


def test_a_bare_cr_at_the_end_is_no_part_of_the_line_end(mbox: MboxFile) -> None:
    mbox.path.write_bytes(FROM + b"A: 1\r\n\r\nb\r")
    (kept,) = read(mbox)
    assert kept == b"A: 1\r\n\r\nb\r"
    add(mbox, kept)
    # A message in an mbox ends with a line end; no octet of it becomes one.
    assert read(mbox)[1] == b"A: 1\r\n\r\nb\r\r\n"


def test_a_date_that_nobody_can_read_is_none(mbox: MboxFile) -> None:
    mbox.path.write_bytes(b"From 1@xxx some day 13:14 2026\nA: 1\n\nx\n\n")
    (kept,) = mbox.messages()
    assert kept.received is None


@pytest.mark.parametrize("size", range(_PIECE - 60, _PIECE + 2))
def test_a_separator_may_lie_across_two_pieces(size: int, mbox: MboxFile) -> None:
    letters = [b"A: 1\r\n\r\n" + b"x" * (size - 50) + b"\r\n", LETTER]
    for one in letters:
        add(mbox, one)
    assert read(mbox) == letters


def test_a_message_cannot_speak_for_the_mailbox(mbox: MboxFile) -> None:
    add(mbox, b"Status: RO\r\nX-Status: D\r\nA: 1\r\nContent-Length:\r\n 5\r\n\r\nStatus: R\r\n")
    (kept,) = mbox.messages()
    assert kept.flags == frozenset()
    assert bytes(kept.message) == b"A: 1\r\n\r\nStatus: R\r\n"


def test_a_message_cannot_begin_with_a_separator(mbox: MboxFile) -> None:
    add(mbox, FROM.replace(b"\n", b"\r\n") + LETTER)
    assert len(read(mbox)) == 1


@pytest.mark.parametrize("sender", ["", "a b", "a\nb", "é", "x" * 321])
def test_what_is_no_sender(sender: str, mbox: MboxFile) -> None:
    with pytest.raises(InvalidInput):
        mbox.add(LETTER, sender=sender)
    assert not mbox.path.exists()


def test_a_missing_file(mbox: MboxFile) -> None:
    with pytest.raises(MailboxMissing, match=str(mbox.path)):
        read(mbox)
    elsewhere = MboxFile(path=mbox.path / "none" / "mbox")
    with pytest.raises(MailboxMissing):
        add(elsewhere, LETTER)


@pytest.mark.parametrize("octets", [b"\n" + FROM, b"Subject: x\n\n", b"\0" * 100, b"From me\n"])
def test_a_file_that_is_no_mbox(octets: bytes, mbox: MboxFile) -> None:
    mbox.path.write_bytes(octets)
    with pytest.raises(MailboxCorrupt):
        read(mbox)
    with pytest.raises(MailboxCorrupt):
        add(mbox, LETTER)
    assert mbox.path.read_bytes() == octets


def test_an_empty_file_is_an_empty_mailbox(mbox: MboxFile) -> None:
    mbox.path.touch()
    assert read(mbox) == []


def test_what_is_no_file_at_all(mbox: MboxFile) -> None:
    os.mkfifo(mbox.path)
    with pytest.raises(MailboxCorrupt):
        read(mbox)
    mbox.path.unlink()
    mbox.path.mkdir()
    with pytest.raises(MailboxCorrupt):
        read(mbox)
    with pytest.raises(MailboxUnusable):
        add(mbox, LETTER)


@contextmanager
def disk_of(octets: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many octets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_cannot_be_written_whole_is_not_there_at_all(mbox: MboxFile) -> None:
    add(mbox, LETTER)
    before = mbox.path.read_bytes()
    with disk_of(len(before) + 50), pytest.raises(MailboxUnusable):
        add(mbox, LETTER * 10)
    assert mbox.path.read_bytes() == before
    assert list(mbox.path.parent.iterdir()) == [mbox.path]


def test_a_dot_file_locks_writers_out(mbox: MboxFile) -> None:
    add(mbox, LETTER)
    lock = mbox.path.with_name("mbox.lock")
    lock.touch()
    with pytest.raises(MailboxLocked) as caught:
        add(mbox, LETTER)
    assert caught.value.is_temporary
    assert lock.exists()
    lock.unlink()
    add(mbox, LETTER)
    assert len(read(mbox)) == 2
    assert not lock.exists()


@pytest.mark.parametrize("reading", [True, False])
def test_the_lock_of_another_process_is_respected(reading: bool, mbox: MboxFile) -> None:
    add(mbox, LETTER)
    parent, child = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        # POSIX locks are a process's own: only another one is locked out.
        with mbox.path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            os.write(child[1], b"x")
            os.read(parent[0], 1)
        os._exit(0)
    try:
        os.read(child[0], 1)
        with pytest.raises(MailboxLocked):
            read(mbox) if reading else add(mbox, LETTER)
    finally:
        os.write(parent[1], b"x")
        os.waitpid(pid, 0)
        for end in (*parent, *child):
            os.close(end)
    assert len(read(mbox)) == 1


def test_a_message_that_is_too_large(mbox: MboxFile) -> None:
    add(mbox, LETTER)
    add(mbox, b"A: 1\r\n\r\n" + b"x" * 5000)
    messages = MboxFile(path=mbox.path, max_message_octets=4000).messages()
    assert bytes(next(messages).message) == LETTER
    with pytest.raises(MessageTooLarge):
        next(messages)


def test_one_message_is_in_memory_at_a_time(mbox: MboxFile) -> None:
    body = b"".join(b"%08d\n" % number for number in range(20_000))
    with mbox.path.open("wb") as file:
        for _ in range(60):
            file.write(FROM + b"A: 1\n\n" + body + b"\n")
    tracemalloc.start()
    try:
        assert sum(1 for _ in mbox.messages()) == 60
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The file has 11 MB, a message 0.2 MB, and a piece of the file 0.3 MB.
    assert peak < 2_000_000
