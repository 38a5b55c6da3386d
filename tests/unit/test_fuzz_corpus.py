"""Each fuzz target holds its invariant over its whole corpus, so that no target can rot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fuzz.chunks import cuts, flights
from fuzz.target import FOLDER, load_target, seeds_of, target_names

CORPUS = FOLDER / "corpus"
SEEDS = [(name, path) for name in target_names() for path in seeds_of(name)]


@pytest.mark.parametrize(("name", "path"), SEEDS, ids=lambda part: getattr(part, "name", part))
def test_the_invariant_holds_for_the_corpus(name: str, path: Path) -> None:
    load_target(name).run(path.read_bytes())


@pytest.mark.parametrize("name", target_names())
def test_a_target_takes_no_input_at_all(name: str) -> None:
    load_target(name).run(b"")


@pytest.mark.parametrize("name", target_names())
def test_a_target_says_its_invariant_in_one_sentence(name: str) -> None:
    invariant = load_target(name).invariant
    assert invariant.endswith(".")
    assert ". " not in invariant


def test_the_page_names_every_target() -> None:
    page = (FOLDER.parent / "docs" / "fuzzing.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = set(re.findall(r"`([a-z0-9_]+)`", " ".join(rows)))
    assert named == set(target_names())


def test_every_target_has_a_corpus_and_every_corpus_a_target() -> None:
    assert [path.name for path in sorted(CORPUS.iterdir()) if path.is_dir()] == target_names()
    assert {name for name, _ in SEEDS} == set(target_names())


@pytest.mark.parametrize("choice", [0, 1, 97, 255])
def test_a_cut_loses_nothing(choice: int) -> None:
    data = bytes(range(256))
    whole, single, pieces = cuts(choice, data)
    assert whole == [data]
    assert [len(piece) for piece in single] == [1] * 256
    assert b"".join(single) == b"".join(pieces) == data
    assert 8 < len(pieces) < 256
    assert cuts(choice, data)[2] == pieces
    assert cuts(choice, b"") == [[], [], []]


def test_flights_are_what_stands_between_pauses() -> None:
    assert flights(b"\xffEHLO a\r\n\xff\xffbody\xff") == [b"EHLO a\r\n", b"body"]
