"""Files that travel with a message: a name, a content type, and a source of octets."""

from __future__ import annotations

import mimetypes
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

from postseal.errors import InvalidHeader, InvalidInput
from postseal.mail._text import excerpt, refuse_controls
from postseal.mail.content import (
    BytesContent,
    Content,
    FileContent,
    IterableContent,
    PathContent,
    ReadableFile,
)
from postseal.mail.encodings import base64_chunks, base64_size
from postseal.mail.parameters import ContentType, parameterized_field

__all__ = ["Attachment", "check_filename", "content_type_of"]

_UNKNOWN = "application/octet-stream"
# What mail carries most, the same on every host; reading the system's own table takes longer than
# making twenty messages.
_OFFICE = "application/vnd.openxmlformats-officedocument."
_COMMON = {
    ".csv": "text/csv",
    ".docx": f"{_OFFICE}wordprocessingml.document",
    ".gif": "image/gif",
    ".html": "text/html",
    ".ics": "text/calendar",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".pptx": f"{_OFFICE}presentationml.presentation",
    ".txt": "text/plain",
    ".xlsx": f"{_OFFICE}spreadsheetml.sheet",
    ".zip": "application/zip",
}
# What `mimetypes` calls an encoding is the type of the file as it is.
_COMPRESSED = {"br": _UNKNOWN, "bzip2": "application/x-bzip2", "compress": "application/x-compress"}
_COMPRESSED |= {"gzip": "application/gzip", "xz": "application/x-xz"}
_MAX_FILENAME = 255
# Path separators, and the marks that make `exe.pdf` out of `fdp.exe` for the eye.
_NOT_IN_FILENAME = re.compile("[/\\\\\u202a-\u202e\u2066-\u2069]")
# RFC 2045 6.4: no encoding but the identity for composite types; RFC 6532 3.7 excepts one.
_COMPOSITE = re.compile(r"multipart/|message/(?!global)")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file name as the receiver will see it, a content type, and the content.

    The name is no path: separators, `.` and `..`, spaces at an end, controls and text direction
    overrides raise `InvalidHeader`, as does a malformed content type. Parts and messages
    (`multipart/...`, `message/...`) may not be encoded as attachments are, so they cannot be given
    as types (RFC 2045 6.4). Content is read when the message is written, in pieces.
    """

    filename: str
    content_type: str
    content: Content

    def __post_init__(self) -> None:
        check_filename(self.filename)
        media_type = content_type_of(self.content_type).media_type
        if _COMPOSITE.match(media_type):
            raise InvalidHeader(
                f"an attachment cannot be {media_type}: such parts may not be encoded",
                hint=f"Give {_UNKNOWN} as its content type.",
            )

    @classmethod
    def from_path(
        cls,
        path: str | os.PathLike[str],
        *,
        filename: str | None = None,
        content_type: str | None = None,
    ) -> Self:
        """Attach a regular file, named by the last part of its path unless told otherwise.

        It is opened each time the message is written. Raises `InvalidInput` if it cannot be
        read; so does writing the message once the file has changed or vanished.
        """
        path = Path(path)
        if filename is None:
            # Some systems store the letters of names taken apart; receivers show them so.
            filename = unicodedata.normalize("NFC", path.name)
        return cls._of(filename, content_type, PathContent.of(path))

    @classmethod
    def from_bytes(
        cls,
        data: bytes | bytearray | memoryview,
        *,
        filename: str,
        content_type: str | None = None,
    ) -> Self:
        """Attach octets from memory; text has to be encoded by the caller."""
        return cls._of(filename, content_type, BytesContent(_frozen(data)))

    @classmethod
    def from_file(
        cls, file: ReadableFile, *, filename: str, content_type: str | None = None
    ) -> Self:
        """Attach what an open binary file gives from its present position to its end.

        It is read when the message is written, and must stay open till then. One that can seek
        can be written again; any other raises `InvalidInput` the second time, and the size of
        its message is unknown.
        """
        return cls._of(filename, content_type, FileContent(file))

    @classmethod
    def from_iterable(
        cls, pieces: Iterable[bytes], *, filename: str, content_type: str | None = None
    ) -> Self:
        """Attach octets that come in pieces of any size, as from a generator.

        They are asked for when the message is written. An iterable that can be started anew, as a
        list can, is written again; of an iterator, a second time raises `InvalidInput`. The size
        of the message is unknown.
        """
        return cls._of(filename, content_type, IterableContent(pieces))

    def part_fields(self, disposition: str) -> bytes:
        """Write the `Content-` fields of the base64 part that it is in a message (RFC 2045).

        `disposition` is how readers show it: `attachment` or `inline` (RFC 2183 2).
        """
        names = (("filename", self.filename),)
        return (
            _content_type_field(self.content_type)
            + b"Content-Transfer-Encoding: base64\r\n"
            + parameterized_field("Content-Disposition", disposition, names)
        )

    @property
    def encoded_size(self) -> int | None:
        """The octets that `encoded` yields, None if the content's size is unknown."""
        size = self.content.size
        return None if size is None else base64_size(size)

    def encoded(self) -> Iterator[bytes]:
        """Yield the content in lines of base64.

        Raises `InvalidInput` if it cannot be read, or its size is not what it was.
        """
        return base64_chunks(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """Yield the content as it is; raises `InvalidInput` as `encoded` does."""
        expected = self.content.size
        count = 0
        for piece in self.content.read():
            count += len(piece)
            if expected is not None and count > expected:
                break
            yield piece
        if expected is not None and count != expected:
            raise InvalidInput(
                f"the attachment {excerpt(self.filename)} has "
                f"{'more' if count > expected else 'fewer'} than its {expected} octets: "
                "it changed while it was read",
                hint="Attach it again once nothing writes to it.",
            )

    @classmethod
    def _of(cls, filename: str, content_type: str | None, content: Content) -> Self:
        return cls(filename, content_type or _guess(filename), content)


@lru_cache(maxsize=256)
def content_type_of(text: str) -> ContentType:
    """Read a content type as `ContentType.parse` does; the same few come with each message."""
    return ContentType.parse(text)


@lru_cache(maxsize=256)
def _content_type_field(text: str) -> bytes:
    content_type = content_type_of(text)
    return parameterized_field("Content-Type", content_type.media_type, content_type.parameters)


def _frozen(data: object) -> bytes:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise InvalidInput(
        f"an attachment is made of bytes, not {type(data).__name__}",
        hint="Encode text first: text.encode().",
    )


def check_filename(filename: str) -> None:
    """Raise `InvalidHeader` for a name that no `Attachment` may have."""
    refuse_controls(filename, "a file name")
    if filename in {"", ".", ".."}:
        raise InvalidHeader(f"{filename!a} is no file name")
    if filename != filename.strip():
        raise InvalidHeader(
            f"the file name {excerpt(filename)} has a space at an end",
            hint="Receivers would not show or keep it; remove it.",
        )
    if len(filename) > _MAX_FILENAME:
        raise InvalidHeader(
            f"the file name {excerpt(filename)} is longer than {_MAX_FILENAME} characters"
        )
    if found := _NOT_IN_FILENAME.search(filename):
        raise InvalidHeader(
            f"a file name holds {found[0]!a} at position {found.start() + 1}: "
            f"{excerpt(filename, found.start())}",
            hint="Give the name alone, without a path." if found[0] in "/\\" else None,
        )


def _guess(filename: str) -> str:
    # From the first dot on, since the whole might be taken for a URL.
    _, dot, extensions = filename.partition(".")
    return _guess_by_extensions(dot + extensions)


@lru_cache(maxsize=256)
def _guess_by_extensions(extensions: str) -> str:
    if common := _COMMON.get(extensions[extensions.rfind(".") :].lower()):
        return common
    guessed, compression = mimetypes.guess_type(f"file{extensions}")
    if compression:
        return _COMPRESSED.get(compression, _UNKNOWN)
    return guessed if guessed and not _COMPOSITE.match(guessed) else _UNKNOWN
