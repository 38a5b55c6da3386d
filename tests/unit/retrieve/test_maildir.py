from __future__ import annotations

import mailbox
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postseal import Message
from postseal.errors import InvalidInput
from postseal.retrieve import (
    Flag,
    MailboxCorrupt,
    MailboxMissing,
    MailboxUnusable,
    MaildirFolder,
    MboxFile,
    MessageTooLarge,
)
from tests.parts.doc_blocks import block_of_page
from tests.unit.retrieve.test_mbox import disk_of

LETTER = b"From: ada@example.com\r\nSubject: hello\r\n\r\nHello.\r\n"
NOW = datetime(2026, 2, 1, 13, 14, 15, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> MaildirFolder:
    return MaildirFolder.create(tmp_path / "Maildir")


def read(folder: MaildirFolder) -> list[bytes]:
    return [bytes(kept.message) for kept in folder.messages()]


def test_what_is_added_is_read(folder: MaildirFolder) -> None:
    message = Message(from_="a@example.com", to="b@example.com", text="Hello.")
    first = folder.add(LETTER, clock=lambda: NOW)
    second = folder.add(message, flags=frozenset({Flag.SEEN}), clock=lambda: NOW.replace(minute=15))
    assert folder.keys() == (first, second)
    assert read(folder) == [LETTER, bytes(message)]
    one, two = folder.messages()
    assert (one.key, one.flags) == (first, frozenset())
    assert (two.key, two.flags) == (second, frozenset({Flag.SEEN}))
    assert one.received is not None
    assert [file.name for file in (folder.path / "new").iterdir()] == [first]
    assert [file.name for file in (folder.path / "cur").iterdir()] == [f"{second}:2,S"]
    assert list((folder.path / "tmp").iterdir()) == []


@pytest.mark.parametrize("body", [b"a\r\r\nb\r\n", b"\r\r\n", b"a\r\r\r\n", b"a\r", b"a\rb\r\n"])
def test_a_bare_cr_stays_one(folder: MaildirFolder, body: bytes) -> None:
    folder.add(b"A: 1\r\n\r\n" + body)
    assert read(folder) == [b"A: 1\r\n\r\n" + body]


def test_names_say_nothing_of_this_machine(folder: MaildirFolder) -> None:
    key = folder.add(LETTER, clock=lambda: NOW, random=lambda count: bytes(range(count)))
    assert key == f"{int(NOW.timestamp())}.R000102030405060708090a0b0c0d0e0f"
    (file,) = (folder.path / "new").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes() == LETTER.replace(b"\r\n", b"\n")


def test_the_standard_library_reads_what_we_write(folder: MaildirFolder) -> None:
    new = folder.add(LETTER)
    old = folder.add(b"Subject: two\r\n\r\n", flags=frozenset({Flag.FLAGGED, Flag.ANSWERED}))
    theirs = mailbox.Maildir(folder.path, factory=None, create=False)
    assert set(theirs.keys()) == {new, old}
    assert theirs[new].get_subdir() == "new"
    assert theirs[new].get_payload() == "Hello.\n"
    assert theirs[old].get_flags() == "FR"


def test_we_read_what_the_standard_library_writes(folder: MaildirFolder) -> None:
    theirs = mailbox.Maildir(folder.path, factory=None)
    message = mailbox.MaildirMessage(b"Subject: one\n\nOne.\n")
    message.set_subdir("cur")
    message.set_flags("DFPRST")
    key = theirs.add(message)
    kept = folder.get(key)
    assert kept is not None
    assert kept.message.text == "One.\n"
    assert kept.flags == frozenset(Flag)


def test_flags_are_set_and_unknown_letters_stay(folder: MaildirFolder) -> None:
    key = folder.add(LETTER)
    folder.set_flags(key, frozenset({Flag.SEEN, Flag.FLAGGED}))
    assert [file.name for file in (folder.path / "cur").iterdir()] == [f"{key}:2,FS"]
    (folder.path / "cur" / f"{key}:2,FS").rename(folder.path / "cur" / f"{key}:2,FPSa")
    folder.set_flags(key, frozenset({Flag.DELETED}))
    assert [file.name for file in (folder.path / "cur").iterdir()] == [f"{key}:2,PTa"]
    folder.set_flags(key, frozenset())
    kept = folder.get(key)
    assert kept is not None
    assert kept.flags == frozenset()


def test_messages_are_removed(folder: MaildirFolder) -> None:
    first, second = folder.add(LETTER), folder.add(LETTER)
    folder.remove(first)
    assert folder.keys() == (second,)
    assert folder.get(first) is None
    with pytest.raises(InvalidInput, match=first):
        folder.remove(first)
    with pytest.raises(InvalidInput):
        folder.set_flags(first, frozenset())


@pytest.mark.parametrize("key", ["../../etc/passwd", "", ".", "..", "/etc/passwd", "a\0b"])
def test_no_key_leads_out_of_the_folder(key: str, folder: MaildirFolder) -> None:
    folder.add(LETTER)
    assert folder.get(key) is None
    with pytest.raises(InvalidInput):
        folder.remove(key)


def test_what_others_do_meanwhile(folder: MaildirFolder) -> None:
    keys = [folder.add(LETTER, clock=lambda: NOW) for _ in range(3)]
    order = folder.keys()
    assert set(order) == set(keys)
    messages = folder.messages()
    next(messages)
    # One is read by another program and so gets another name; one is removed.
    folder.set_flags(order[1], frozenset({Flag.SEEN}))
    folder.remove(order[2])
    assert [kept.flags for kept in messages] == [{Flag.SEEN}]


def test_hidden_files_are_no_messages(folder: MaildirFolder) -> None:
    (folder.path / "new" / ".nfs0001").write_bytes(LETTER)
    assert folder.keys() == ()


def test_a_missing_folder(tmp_path: Path) -> None:
    folder = MaildirFolder(path=tmp_path / "none")
    with pytest.raises(MailboxMissing, match=r"create"):
        folder.keys()
    with pytest.raises(MailboxMissing):
        folder.add(LETTER)


def test_a_folder_that_is_no_maildir(tmp_path: Path) -> None:
    (tmp_path / "cur").mkdir()
    with pytest.raises(MailboxCorrupt, match="new"):
        MaildirFolder(path=tmp_path).keys()
    (tmp_path / "mbox").touch()
    with pytest.raises(MailboxCorrupt):
        MaildirFolder(path=tmp_path / "mbox").keys()
    with pytest.raises(MailboxUnusable):
        MaildirFolder.create(tmp_path / "mbox")


def test_a_pipe_is_not_waited_for(folder: MaildirFolder) -> None:
    os.mkfifo(folder.path / "new" / "1.pipe")
    with pytest.raises(MailboxCorrupt):
        read(folder)


def test_what_cannot_be_written_whole_is_not_there_at_all(folder: MaildirFolder) -> None:
    with disk_of(20), pytest.raises(MailboxUnusable):
        folder.add(LETTER)
    assert not any(any((folder.path / name).iterdir()) for name in ("cur", "new", "tmp"))


def test_a_message_that_is_too_large(folder: MaildirFolder) -> None:
    key = folder.add(LETTER)
    small = MaildirFolder(path=folder.path, max_message_octets=10)
    with pytest.raises(MessageTooLarge):
        small.get(key)


def test_many_may_write_at_once(folder: MaildirFolder) -> None:
    threads = [
        threading.Thread(target=lambda: [folder.add(LETTER) for _ in range(10)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(folder) == [LETTER] * 80


def test_the_example_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    MboxFile(path=Path("archive.mbox")).add(LETTER, flags=frozenset({Flag.FLAGGED}))
    exec(block_of_page("retrieve.md", "files"), {})
    (kept,) = MaildirFolder(path=Path("Maildir")).messages()
    assert bytes(kept.message).endswith(LETTER.partition(b"\r\n\r\n")[2])
    assert kept.flags == {Flag.FLAGGED, Flag.SEEN}
