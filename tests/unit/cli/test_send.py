"""`postseal send` called wrongly: explained, with status 2, and before any connection is made."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from postseal.cli.app import app

ENVELOPE = ["--from", "ada@example.com", "--to", "bob@example.org"]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("smpt://mail.example.com", "the scheme 'smpt' is not known. Did you mean smtp://?"),
        ("http://mail.example.com", "the scheme 'http' is not known"),
        ("mail.example.com", "the server must be given as a URL"),
        ("smtp://", "the URL names no host"),
        ("smtp://mail.example.com:port", "the URL of the server is not well formed"),
        ("smtp://mail.example.com/inbox", "the URL of a server ends after its host and port"),
        ("", "the server must be given as a URL"),
    ],
)
def test_a_wrong_url(url: str, told: str) -> None:
    ran = CliRunner().invoke(app, ["send", url, *ENVELOPE])
    assert ran.exit_code == 2
    assert ran.stderr.startswith("error: ")
    assert told in ran.stderr


@pytest.mark.parametrize(
    "url",
    [
        "smtp://ada:canary-password@mail.example.com",
        "smpt://ada:canary-password@mail.example.com",
        "smtps://ada:canary-password@mail.example.com:465",
        "smtp://ada:canary-password",
        "smtp://ada:canary-password/with/slashes@mail.example.com",
        "smtp://ada:25/canary-password@mail.example.com",
        "smtp://ada:a#canary-password@mail.example.com",
        "smtp://ada:a?canary-password@mail.example.com",
        "smtp://ada:a canary-password@mail.example.com",
        "smtp://:canary-password@mail.example.com",
        "smtp://[canary-password@mail.example.com",
        "ada:canary-password@mail.example.com",
        "ada:canary-password://mail.example.com",
    ],
)
def test_a_password_in_the_url_is_refused_and_never_repeated(url: str) -> None:
    ran = CliRunner().invoke(app, ["send", url, *ENVELOPE])
    assert ran.exit_code == 2
    assert "canary" not in ran.output
