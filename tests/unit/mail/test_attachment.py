from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from postseal.errors import InvalidHeader, InvalidInput
from postseal.mail import Attachment


class Pipe:
    """A file that can only be read onwards."""

    def __init__(self, octets: bytes) -> None:
        self._file = io.BytesIO(octets)

    def read(self, size: int, /) -> bytes:
        return self._file.read(size)


class GrowingContent:
    """Content that gives more or less than it promised."""

    size = 10

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def check(self) -> None:
        return

    def read(self) -> Iterator[bytes]:
        yield from self._pieces


def read(attachment: Attachment) -> bytes:
    encoded = b"".join(attachment.encoded())
    assert attachment.encoded_size in {None, len(encoded)}
    return base64.b64decode(encoded)


@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, 57 * 1024, 57 * 1024 + 1, 200_000])
def test_bytes_come_back(size: int) -> None:
    octets = os.urandom(size)
    attachment = Attachment.from_bytes(octets, filename="a.bin")
    assert read(attachment) == octets
    assert read(attachment) == octets


def test_a_buffer_is_copied() -> None:
    buffer = bytearray(b"before")
    attachment = Attachment.from_bytes(memoryview(buffer), filename="a")
    buffer[:] = b"after!"
    assert read(attachment) == b"before"


def test_text_has_to_be_encoded_by_the_caller() -> None:
    with pytest.raises(InvalidInput, match="made of bytes, not str"):
        Attachment.from_bytes("text", filename="a.txt")  # type: ignore[arg-type]


def test_a_path_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF" * 50_000)
    attachment = Attachment.from_path(path)
    assert (attachment.filename, attachment.content_type) == ("report.pdf", "application/pdf")
    assert read(attachment) == read(attachment) == path.read_bytes()


def test_a_path_may_go_by_another_name(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    attachment = Attachment.from_path(str(path), filename="ü.txt", content_type="text/x-own")
    assert (attachment.filename, attachment.content_type) == ("ü.txt", "text/x-own")


def test_a_name_of_a_path_is_composed(tmp_path: Path) -> None:
    path = tmp_path / "u\u0308.txt"
    path.touch()
    assert Attachment.from_path(path).filename == "\u00fc.txt"


def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, says in (
        ("missing", "No such file"),
        (".", "Is a directory"),
        # Opening it plainly would wait for a writer for ever.
        ("pipe", "no regular file"),
        ("nul\0", "cannot be read"),
    ):
        with pytest.raises(InvalidInput, match=says):
            Attachment.from_path(tmp_path / name, filename="a")


def test_a_file_that_changes_or_vanishes_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1" * 100)
    attachment = Attachment.from_path(path)
    path.write_bytes(b"1" * 99)
    with pytest.raises(InvalidInput, match="has changed since it was attached"):
        attachment.content.check()
    with pytest.raises(InvalidInput, match="has changed since it was attached"):
        read(attachment)
    path.unlink()
    with pytest.raises(InvalidInput, match="No such file"):
        attachment.content.check()
    with pytest.raises(InvalidInput, match="No such file"):
        read(attachment)


def test_a_file_that_shrinks_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1" * 200_000)
    reading = Attachment.from_path(path).encoded()
    next(reading)
    os.truncate(path, 60_000)
    with pytest.raises(InvalidInput, match="fewer than its 200000 octets"):
        list(reading)


@pytest.mark.parametrize(
    ("pieces", "says"), [([b"x" * 9], "fewer than its 10"), ([b"x" * 6, b"x" * 5], "more than")]
)
def test_content_keeps_its_promise_of_size(pieces: list[bytes], says: str) -> None:
    attachment = Attachment("a", "text/plain", GrowingContent(pieces))
    with pytest.raises(InvalidInput, match=says):
        read(attachment)


def test_a_file_that_can_seek_is_read_again_from_where_it_stood() -> None:
    file = io.BytesIO(b"head" + b"body" * 40_000)
    file.seek(4)
    attachment = Attachment.from_file(file, filename="a")
    assert attachment.content.size == 160_000
    assert read(attachment) == read(attachment) == b"body" * 40_000


def test_two_readings_of_one_file_do_not_disturb_each_other() -> None:
    octets = os.urandom(200_000)
    attachment = Attachment.from_file(io.BytesIO(octets), filename="a")
    pairs = list(zip(attachment.encoded(), attachment.encoded(), strict=True))
    assert len(pairs) > 2
    assert all(one == other for one, other in pairs)
    assert base64.b64decode(b"".join(one for one, _ in pairs)) == octets


def test_a_file_that_cannot_seek_is_read_once() -> None:
    attachment = Attachment.from_file(Pipe(b"once"), filename="a")
    assert attachment.encoded_size is None
    attachment.content.check()
    assert read(attachment) == b"once"
    with pytest.raises(InvalidInput, match="was read already and cannot be rewound"):
        attachment.content.check()
    with pytest.raises(InvalidInput, match="was read already and cannot be rewound"):
        read(attachment)


def test_a_text_file_is_refused() -> None:
    attachment = Attachment.from_file(io.StringIO("text"), filename="a")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=r"gives str, not bytes\. Open it in binary mode"):
        read(attachment)


def test_a_closed_file_is_a_typed_error() -> None:
    file = io.BytesIO(b"x")
    attachment = Attachment.from_file(file, filename="a")
    file.close()
    with pytest.raises(InvalidInput, match="closed file"):
        read(attachment)
    with pytest.raises(InvalidInput, match="closed file"):
        Attachment.from_file(file, filename="a")


@pytest.mark.parametrize(
    ("filename", "content_type"),
    [
        ("a.pdf", "application/pdf"),
        ("a.PNG", "image/png"),
        ("a.txt", "text/plain"),
        ("a.zip", "application/zip"),
        (
            "a.DOCX",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        ("a.pdf.gz", "application/gzip"),
        ("a.tar.gz", "application/gzip"),
        ("a.b.html", "text/html"),
        ("a", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
        (".pdf", "application/pdf"),
        # Looks like a URL to the standard library.
        ("data:,x", "application/octet-stream"),
        # Could not be encoded as what it is (RFC 2045 6.4).
        ("a.eml", "application/octet-stream"),
    ],
)
def test_guesses_the_content_type(filename: str, content_type: str) -> None:
    assert Attachment.from_bytes(b"", filename=filename).content_type == content_type


@pytest.mark.parametrize("content_type", ["message/rfc822", "multipart/mixed", "Message/Partial"])
def test_composite_types_cannot_be_attached(content_type: str) -> None:
    with pytest.raises(InvalidHeader, match="may not be encoded"):
        Attachment.from_bytes(b"", filename="a", content_type=content_type)


@pytest.mark.parametrize("content_type", ["pdf", "text/plain\r\nBcc: x", "text/plain; charset"])
def test_a_malformed_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidHeader):
        Attachment.from_bytes(b"", filename="a", content_type=content_type)


@pytest.mark.parametrize(
    "filename",
    [
        "",
        ".",
        "..",
        "/etc/passwd",
        "../a",
        "a\\b",
        "a\r\nb",
        "a\0",
        "a\tb",
        "\udcff",
        "x" * 256,
        " a",
        "a.pdf\u3000",
        "gnp.\u202egpj.exe",
        "\u2066a",
    ],
)
def test_an_unsafe_file_name_is_refused(filename: str) -> None:
    with pytest.raises(InvalidHeader):
        Attachment.from_bytes(b"", filename=filename)
