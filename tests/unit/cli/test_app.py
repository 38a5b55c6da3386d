"""The list of commands, which says of each what its own help says."""

from __future__ import annotations

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from postseal.cli.app import SUMMARIES, app


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_summary_is_how_the_help_of_its_command_begins(name: str) -> None:
    commands = get_command(app)
    assert isinstance(commands, TyperGroup)
    _, command, rest = commands.resolve_command(typer.Context(commands), [name, "--option"])
    assert command is not None
    assert rest == ["--option"]
    beginning, _, _ = (command.help or "").partition("\n\n")
    assert " ".join(beginning.split()) == SUMMARIES[name]
