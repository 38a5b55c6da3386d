"""Maildir folders: a file for each message, put there by one rename and known by its name.

The form that the standard library's `mailbox`, Dovecot and Postfix read and write. Their files are
named after the host and the process; ours are named by chance alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from postseal.defaults import Clock, RandomSource, local_now, random_octets
from postseal.errors import InvalidInput
from postseal.mail.reading.parser import parse
from postseal.retrieve.errors import MailboxCorrupt, MailboxMissing, MessageTooLarge
from postseal.retrieve.files import (
    keeping_cr,
    open_regular,
    sync_folder,
    usable,
    with_crlf,
    with_lf,
    write_through,
)
from postseal.retrieve.kept import MAX_MESSAGE_OCTETS, Content, Flag, KeptMessage

__all__ = ["MaildirFolder"]

_PLACES: Final = ("cur", "new", "tmp")
_INFO: Final = ":2,"
_LETTERS: Final = {
    "S": Flag.SEEN,
    "R": Flag.ANSWERED,
    "F": Flag.FLAGGED,
    "T": Flag.DELETED,
    "D": Flag.DRAFT,
}
_SECONDS: Final = re.compile(r"(\d{1,15})\.")
_RANDOM_OCTETS: Final = 16
# A file may get another name between being listed and being opened.
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MaildirFolder:
    """A Maildir at `path`; one message of at most `max_message_octets` is in memory at a time.

    Any number of programs and threads may use it at once. Raises `MailboxMissing`,
    `MailboxCorrupt` and `MailboxUnusable`.
    """

    path: Path
    max_message_octets: int = MAX_MESSAGE_OCTETS

    @classmethod
    def create(cls, path: Path) -> MaildirFolder:
        """Make an empty Maildir that its owner alone can read; one that is there is opened."""
        with usable(path):
            for name in _PLACES:
                (path / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(path)
        return cls(path=path)

    def keys(self) -> tuple[str, ...]:
        """List the messages, the oldest first as their names tell."""
        return tuple(_key(file.name) for file in self._files())

    def messages(self) -> Iterator[KeptMessage]:
        """Give the messages that are there now, the oldest first, with CRLF behind each line.

        What others remove meanwhile is left out. Raises `MessageTooLarge`.
        """
        for file in self._files():
            if (kept := self._kept(file) or self.get(_key(file.name))) is not None:
                yield kept

    def get(self, key: str) -> KeptMessage | None:
        """Read one message; None where it is not there any more. Raises `MessageTooLarge`."""
        for _ in range(_ATTEMPTS):
            if (file := self._file(key)) is None:
                return None
            if (kept := self._kept(file)) is not None:
                return kept
        return None

    def add(
        self,
        content: Content,
        *,
        flags: frozenset[Flag] = frozenset(),
        clock: Clock = local_now,
        random: RandomSource = random_octets,
    ) -> str:
        """Put a message there and bring it to the disk; give its key.

        Nobody sees it before it is whole. A message without flags is new.
        """
        self._check()
        key = f"{int(clock().timestamp())}.R{random(_RANDOM_OCTETS).hex()}"
        unfinished = self.path / "tmp" / key
        place = "cur" if flags else "new"
        with usable(self.path):
            try:
                _write(unfinished, bytes(content))
                unfinished.rename(self.path / place / _name(key, _letters(flags), place))
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
            sync_folder(self.path / place)
        return key

    def set_flags(self, key: str, flags: frozenset[Flag]) -> None:
        """Give a message these flags and no others; letters that have no `Flag` stay.

        Raises `InvalidInput` where it is not there.
        """
        file = self._required(key)
        others = {letter for letter in _info(file.name) if letter not in _LETTERS}
        with usable(file):
            file.rename(self.path / "cur" / _name(key, _letters(flags) | others, "cur"))

    def remove(self, key: str) -> None:
        """Remove a message for good. Raises `InvalidInput` where it is not there."""
        file = self._required(key)
        with usable(file):
            file.unlink()

    def _files(self) -> list[Path]:
        self._check()
        with usable(self.path):
            found = [
                file
                for place in ("new", "cur")
                for file in (self.path / place).iterdir()
                if not file.name.startswith(".")
            ]
        return sorted(found, key=_age)

    def _file(self, key: str) -> Path | None:
        return next((file for file in self._files() if _key(file.name) == key), None)

    def _required(self, key: str) -> Path:
        if (file := self._file(key)) is None:
            raise InvalidInput(f"there is no message {key!a} in {self.path}")
        return file

    def _kept(self, path: Path) -> KeptMessage | None:
        """Read a file; None where it has another name by now, or none."""
        with usable(path):
            try:
                file = open_regular(path, os.O_RDONLY)
            except FileNotFoundError:
                return None
            with file:
                facts = os.fstat(file.fileno())
                octets = file.read(self.max_message_octets + 1)
        if len(octets) > self.max_message_octets:
            raise MessageTooLarge(
                f"{path} has {facts.st_size} octets, and {self.max_message_octets} are taken",
                hint="Take more with max_message_octets=.",
            )
        return KeptMessage(
            key=_key(path.name),
            message=parse(with_crlf(with_lf(octets))),
            flags=frozenset(_LETTERS[one] for one in _info(path.name) if one in _LETTERS),
            received=datetime.fromtimestamp(facts.st_mtime, UTC),
        )

    def _check(self) -> None:
        if not self.path.exists():
            raise MailboxMissing(
                f"there is no mailbox at {self.path}", hint="MaildirFolder.create makes one."
            )
        if lacking := [name for name in _PLACES if not (self.path / name).is_dir()]:
            raise MailboxCorrupt(f"{self.path} is no Maildir: it has no folder {lacking[0]}")


def _write(path: Path, octets: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        write_through(descriptor, keeping_cr(with_lf(octets)), 0)
    finally:
        os.close(descriptor)


def _key(name: str) -> str:
    return name.partition(":")[0]


def _info(name: str) -> str:
    return name.partition(_INFO)[2]


def _name(key: str, letters: set[str], place: str) -> str:
    return key if place == "new" else f"{key}{_INFO}{''.join(sorted(letters))}"


def _letters(flags: frozenset[Flag]) -> set[str]:
    return {letter for letter, flag in _LETTERS.items() if flag in flags}


def _age(file: Path) -> tuple[int, str]:
    key = _key(file.name)
    found = _SECONDS.match(key)
    return int(found[1]) if found else 0, key
