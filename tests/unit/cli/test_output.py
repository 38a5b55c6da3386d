"""How commands speak: no stranger commands the terminal, and each status has its meaning."""

from __future__ import annotations

import pytest
import typer

from postseal.cli.output import errors_as_lines, show, terminal_safe
from postseal.errors import ConnectError, InvalidURL, MailError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – Grüße 你好", "plain – Grüße 你好"),
        ("two\nlines", "two\nlines"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("over\rwritten", "over\\x0dwritten"),
        ("\u202egnp.exe", "\\x202egnp.exe"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_nothing_that_a_terminal_obeys_is_left(text: str, shown: str) -> None:
    assert terminal_safe(text) == shown


def test_a_result_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    # Neither markup nor the width of the terminal changes it.
    show("server", "[bold]x[/bold] :smile: " + "y" * 300)
    assert capsys.readouterr().out == "server      [bold]x[/bold] :smile: " + "y" * 300 + "\n"


@pytest.mark.parametrize(
    ("error", "status"), [(InvalidURL("wrong"), 2), (ConnectError("no"), 1), (MailError("x"), 1)]
)
def test_an_error_is_one_line_and_a_status(
    error: MailError, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, errors_as_lines():
        raise error
    assert ended.value.exit_code == status
    assert capsys.readouterr().err == f"error: {error}\n"


def test_what_is_no_error_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), errors_as_lines():
        raise ZeroDivisionError
