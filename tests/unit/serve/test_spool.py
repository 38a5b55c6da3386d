"""The spool: octets in, the same octets out as often as wanted, and nothing left on the disk."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postseal.serve.spool import Spool

LARGE = bytes(range(256)) * 3000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(pieces=st.lists(st.sampled_from([b"", b"a", b"\x00\xff", b"x" * 200_000]), max_size=5))
def test_it_gives_what_it_took(tmp_path: Path, pieces: list[bytes]) -> None:
    with Spool(tmp_path) as spool:
        for piece in pieces:
            spool.append(piece)
        whole = b"".join(pieces)
        assert spool.size == len(whole)
        assert spool.is_8bit is not whole.isascii()
        assert spool.beginning(10) == whole[:10]
        assert b"".join(spool) == whole
        assert b"".join(spool) == whole


def test_readers_do_not_disturb_each_other_nor_the_writer(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append(LARGE)
        first, second = iter(spool), iter(spool)
        assert next(first) == next(second) == LARGE[: 256 * 1024]
        spool.beginning(1)
        spool.append(b"the end")
        assert LARGE[: 256 * 1024] + b"".join(first) == LARGE + b"the end"


def test_a_large_one_is_a_file_without_a_name(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append(LARGE)
        assert list(tmp_path.iterdir()) == []


def test_without_room_the_piece_that_does_not_fit_fails_and_closing_does_not(
    tmp_path: Path,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    spool = Spool(tmp_path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(LARGE) + 10, hard))
    try:
        spool.append(LARGE)
        # Small enough for a buffer to take: it is to fail now, not when nobody listens.
        with pytest.raises(OSError) as failed:  # noqa: PT011  # its number is looked at
            spool.append(b"x" * 100)
        assert failed.value.errno == errno.EFBIG
        spool.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_without_a_directory_a_small_one_still_works(tmp_path: Path) -> None:
    with Spool(tmp_path / "missing") as spool:
        spool.append(b"small")
        with pytest.raises(FileNotFoundError):
            spool.append(LARGE)
