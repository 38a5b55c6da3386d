"""The data directory: private whatever the umask, one owner, and no half-written file."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from postseal.serve.data_directory import (
    DataDirectory,
    DataDirectoryError,
    DataDirectoryInUse,
    DataDirectoryLock,
    UnsafePermissions,
    make_private_directory,
    read_private,
    write_atomically,
)

HOLDER = """
import sys
from pathlib import Path
from postseal.serve.data_directory import DataDirectoryLock
with DataDirectoryLock.acquire(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o277])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    data = tmp_path / "above" / "data"
    with DataDirectoryLock.acquire(data):
        write_atomically(data / "secret", b"s", mode=0o600)
        write_atomically(data / "public", b"p", mode=0o644)
        assert mode(data) == 0o700
        assert mode(data / "lock") & 0o077 == 0
        assert mode(data / "secret") == 0o600
        assert mode(data / "public") == 0o644
        # World-writable, it would let anybody put another directory in the place of ours.
        assert mode(data.parent) == 0o755


@pytest.mark.parametrize("loose", [0o755, 0o770, 0o701, 0o710])
def test_a_directory_that_others_may_enter_is_refused(tmp_path: Path, loose: int) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(loose)
    with pytest.raises(UnsafePermissions, match=f"chmod 700 {data}"):
        DataDirectoryLock.acquire(data)
    assert not (data / "lock").exists()


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DataDirectoryError, match="File exists"):
        DataDirectoryLock.acquire(tmp_path / "data")
    with pytest.raises(DataDirectoryError, match="cannot be used"):
        make_private_directory(tmp_path / "data" / "below")


def test_one_process_owns_the_directory_until_it_is_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = [sys.executable, "-c", HOLDER, str(data)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(DataDirectoryInUse, match=f"process id {holder.pid}"):
                DataDirectoryLock.acquire(data)
        finally:
            holder.send_signal(signal.SIGKILL)
        holder.wait(timeout=30)
    with DataDirectoryLock.acquire(data):
        assert (data / "lock").read_text() == f"{os.getpid()}\n"


def test_one_process_cannot_hold_it_twice_and_can_hold_it_again(tmp_path: Path) -> None:
    lock = DataDirectoryLock.acquire(tmp_path / "data")
    with pytest.raises(DataDirectoryInUse):
        DataDirectoryLock.acquire(tmp_path / "data")
    lock.release()
    lock.release()
    DataDirectoryLock.acquire(tmp_path / "data").release()


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    make_private_directory(tmp_path / "data")
    (tmp_path / "data" / "lock").symlink_to(target)
    with pytest.raises(DataDirectoryError, match="lock cannot be used"):
        DataDirectoryLock.acquire(tmp_path / "data")
    assert target.read_text() == "precious"


@pytest.mark.parametrize("loose", [0o644, 0o640, 0o604, 0o620, 0o606])
def test_a_secret_that_others_may_read_or_write_is_refused(tmp_path: Path, loose: int) -> None:
    key = tmp_path / "ca.key"
    write_atomically(key, b"key", mode=0o600)
    assert read_private(key) == b"key"
    key.chmod(loose)
    with pytest.raises(UnsafePermissions, match=f"Run: chmod 600 {key}"):
        read_private(key)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(DataDirectoryError, match="is not the file"):
        read_private(pipe)
    huge = tmp_path / "huge"
    write_atomically(huge, bytes(65 * 1024), mode=0o600)
    with pytest.raises(DataDirectoryError, match="is not the file"):
        read_private(huge)
    with pytest.raises(DataDirectoryError, match="No such file"):
        read_private(tmp_path / "missing")


def test_the_leftover_of_a_cut_off_write_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file.new").write_bytes(b"hal")
    (tmp_path / "file.new").chmod(0o666)
    write_atomically(tmp_path / "file", b"whole", mode=0o600)
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert mode(tmp_path / "file") == 0o600
    assert not (tmp_path / "file.new").exists()


def test_a_leftover_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "file.new").symlink_to(target)
    write_atomically(tmp_path / "file", b"whole", mode=0o600)
    assert target.read_text() == "precious"


def test_a_write_that_fails_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomically(tmp_path / "file", b"old", mode=0o600)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataDirectoryError, match="No space left"):
        write_atomically(tmp_path / "file", b"new", mode=0o600)
    assert (tmp_path / "file").read_bytes() == b"old"


def test_everything_is_inside_the_directory(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    inside = [
        directory.database,
        directory.lock,
        directory.authority_certificate,
        directory.authority_key,
        directory.server_certificate,
        directory.server_key,
    ]
    assert all(path.is_relative_to(tmp_path) for path in inside)
    assert len(set(inside)) == len(inside)
