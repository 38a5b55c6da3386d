"""Messages as files in a directory: an .eml and its envelope, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import IO, Final

from postseal.defaults import Clock, RandomSource, local_now, random_octets
from postseal.errors import InvalidInput, InvalidSetting, InvalidURL
from postseal.send.networks.network import Network
from postseal.send.outgoing import Outgoing
from postseal.send.results import Delivery
from postseal.send.transport import Transport, Verification
from postseal.send.transports.disk import on_disk, opened
from postseal.send.transports.envelope_json import envelope_from_json, envelope_to_json
from postseal.send.transports.stored import MAX_OCTETS, StoredMessage, octets_of, taken_here
from postseal.send.transports.urls import LocalURL
from postseal.tls.levels import TLSOutcome

__all__ = ["Directory", "read_stored", "stored_messages"]

_MESSAGE: Final = ".eml"
_ENVELOPE: Final = ".json"
_DRAFT: Final = ".new"
# Ten thousand recipients with all that can be asked for them.
_MAX_ENVELOPE: Final = 16 * 1024 * 1024
_TOKEN_OCTETS: Final = 8


class Directory(Transport):
    """Writes each message into two files of one name: `.eml`, and `.json` with its envelope.

    Names begin with the time in UTC, so they sort by age, and end with random letters, so that any
    number of processes may write. A file has its name only once it is on the disk with all its
    octets, and the `.json` comes last: what has one is whole. Only the owner may read them.
    Messages are streamed and of any size. Raises `InvalidSetting` where there is no directory.
    """

    def __init__(
        self,
        network: Network,
        path: str | Path,
        *,
        clock: Clock = local_now,
        random: RandomSource = random_octets,
    ) -> None:
        self._network = network
        self._path = Path(path)
        self._host = f"file:{self._path}"
        self._clock = clock
        self._random = random
        _check_directory(self._path)

    async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
        envelope = envelope_to_json(outgoing).encode("utf-8")
        moment = self._clock().astimezone(UTC)
        token = self._random(_TOKEN_OCTETS).hex()
        name = f"{moment.strftime('%Y%m%dT%H%M%S.%fZ')}-{token}"
        drafts = [self._path / f".{name}{suffix}{_DRAFT}" for suffix in (_MESSAGE, _ENVELOPE)]
        try:
            with opened(partial(_private, drafts[0]), host=self._host) as file:
                # What content raises is no fault of the disk.
                async for piece in octets_of(outgoing):
                    with on_disk(self._host):
                        file.write(piece)
                with on_disk(self._host):
                    await self._network.run_blocking(partial(_sync, file))
            with on_disk(self._host):
                await self._network.run_blocking(partial(self._publish, drafts, envelope))
        finally:
            for draft in drafts:
                with contextlib.suppress(OSError):
                    draft.unlink(missing_ok=True)
        return taken_here(outgoing, host=self._host, word=f"written to {name}{_MESSAGE}")

    async def verify(self, *, deadline: float) -> Verification:
        """See that files could be written. Raises `InvalidSetting`."""
        _check_directory(self._path)
        return Verification(self._host, "", TLSOutcome.in_clear())

    async def close(self) -> None:
        """Nothing ends: all is on the disk."""

    def _publish(self, drafts: list[Path], envelope: bytes) -> None:
        with _private(drafts[1]) as file:
            file.write(envelope)
            _sync(file)
        names = [draft.name.removeprefix(".").removesuffix(_DRAFT) for draft in drafts]
        for draft, name in zip(drafts, names, strict=True):
            if (final := self._path / name).exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            draft.rename(final)
        descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def transport_of(url: str, network: Network) -> Directory:
    """Make the transport that a `file:` URL names."""
    example = "file:///var/spool/outgoing"
    path = LocalURL.parse(url, example=example).path
    if not path.startswith("/"):
        raise InvalidURL(
            "a file: URL names a directory by its whole path", hint=f"Write it as {example}."
        )
    return Directory(network, path)


def read_stored(path: str | Path, *, max_octets: int = MAX_OCTETS) -> StoredMessage:
    """Read back one message by the path of either of its files.

    Raises `InvalidInput` for a file that is not there or cannot be read, for a message above
    `max_octets`, and for an envelope that is none.
    """
    path = Path(path)
    octets = _read(path.with_suffix(_MESSAGE), max_octets)
    name = path.with_suffix(_ENVELOPE)
    envelope = envelope_from_json(_read(name, _MAX_ENVELOPE), name=ascii(name.name)[1:-1])
    return StoredMessage.of(envelope, octets)


def stored_messages(
    directory: str | Path, *, max_octets: int = MAX_OCTETS
) -> Iterator[StoredMessage]:
    """Read back what a `file:` transport wrote, the oldest first, one at a time.

    Raises `InvalidSetting` without the directory, and in its turn what `read_stored` raises.
    """
    path = Path(directory)
    _check_directory(path)
    for envelope in sorted(path.glob(f"[!.]*{_ENVELOPE}")):
        yield read_stored(envelope, max_octets=max_octets)


def _check_directory(path: Path) -> None:
    if not path.is_dir():
        reason = "is no directory" if path.exists() else "does not exist"
    elif not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        reason = "cannot be written by this user"
    else:
        return
    raise InvalidSetting(
        f"the directory {str(path)!a} {reason}",
        hint=f"Make one for this user alone: install -d -m 0700 {str(path)!a}",
    )


def _private(path: Path) -> IO[bytes]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            octets = file.read(limit + 1)
    except OSError as error:
        raise InvalidInput(f"{str(path)!a} cannot be read: {error.strerror}") from error
    if len(octets) > limit:
        raise InvalidInput(
            f"{str(path)!a} has more than {limit} octets", hint="Give a higher max_octets."
        )
    return octets
