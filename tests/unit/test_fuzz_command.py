"""The command `python -m fuzz`, as far as it goes without atheris."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from fuzz.__main__ import main
from fuzz.target import seeds_of, target_names


def fuzz(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["fuzz", *arguments])
    return main()


def test_the_list_has_each_target_with_its_invariant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fuzz(monkeypatch, "--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == target_names()
    assert all(line.endswith(".") for line in lines)


def test_an_input_is_run_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = seeds_of("data_writer")[0]
    assert fuzz(monkeypatch, "data_writer", "--input", str(path)) == 0
    assert "holds" in capsys.readouterr().out


def test_an_input_that_breaks_the_invariant_shows_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A writer that forgets to stuff dots.
    monkeypatch.setattr("fuzz.targets.data_writer.DataWriter.write", lambda _, data: data)
    path = tmp_path / "crash"
    path.write_bytes(b"a.\r\n")
    with pytest.raises(AssertionError, match="not exactly one end of data"):
        fuzz(monkeypatch, "data_writer", "--input", str(path))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nonsense",), "no such target: nonsense"),
        (("--input", "x"), "exactly one TARGET"),
        (("addresses", "--input", "/nowhere/at/all"), "/nowhere/at/all cannot be read"),
    ],
)
def test_wrong_arguments_are_explained(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    complaint: str,
) -> None:
    assert fuzz(monkeypatch, *arguments) == 2
    assert complaint in capsys.readouterr().err


def test_where_there_is_no_atheris_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert fuzz(monkeypatch, "addresses") == 3
    assert "atheris is not installed" in capsys.readouterr().err
