"""The commands that pages show are commands, with the options that they show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest
from typer._click.exceptions import UsageError
from typer.main import get_command

from postseal.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^(?:\$ )?(?:\S*/)?postseal (.+)$", re.MULTILINE)


def commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in COMMAND.findall(block.replace("\\\n", " ")):
                yield page.name, line


def words_of(line: str) -> list[str]:
    """Split a line as a shell does, up to where it would send the output."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|>&;")
    lexer.whitespace_split = True
    return list(takewhile(lambda word: word[0] not in "|>&;", lexer))


def parse(line: str) -> None:
    """Read a line as its command does, but for the values; what is none of its words raises."""
    command, words = get_command(app), words_of(line)
    context = command.make_context("postseal", [], resilient_parsing=True)
    while resolve := getattr(command, "resolve_command", None):
        name, command, words = resolve(context, words)
        assert command is not None
        context = command.make_context(name, [], parent=context, resilient_parsing=True)
    values, _, _ = command.make_parser(context).parse_args(words)
    given = {name for name, value in values.items() if value not in (None, ())}
    lacking = {one.name for one in command.params if one.required} - given
    assert not lacking


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_a_command_of_a_page_is_understood(page: str, line: str) -> None:
    assert words_of(line)
    parse(line)


@pytest.mark.parametrize(
    "line", ["doctor --no-such-option a@b.example", "no-such-command", "explain tls", "certs no"]
)
def test_what_no_command_understands_would_be_seen(line: str) -> None:
    with pytest.raises((AssertionError, UsageError)):
        parse(line)
