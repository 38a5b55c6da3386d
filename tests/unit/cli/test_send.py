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
        ("console", "'console' is no transport of this machine. It can be sendmail:, file:"),
        ("console:printer", "'printer' is no standard stream"),
        ("file:///no/such/directory", "'/no/such/directory'"),
        ("sendmail://ada@mail.example.com", "a sendmail: URL names no host"),
        ("sendmail:///no/such/program", "'/no/such/program' is no program that can be run"),
        ("mx://mail.example.com", "mx: names no host: each recipient's domain names its own"),
        ("memory:", "what memory: takes is lost when the command ends. Look at a message by"),
        ("MEMORY:outbox", "what memory: takes is lost when the command ends"),
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
        "sendmail://ada:canary-password@mail.example.com",
        "mx://ada:canary-password@mail.example.com",
        "memory://ada:canary-password@mail.example.com",
    ],
)
def test_a_password_in_the_url_is_refused_and_never_repeated(url: str) -> None:
    ran = CliRunner().invoke(app, ["send", url, *ENVELOPE])
    assert ran.exit_code == 2
    assert "canary" not in ran.output


@pytest.mark.parametrize("url", ["console:", "smtp://mail.example.com"])
@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "86401", "soon", ""])
def test_a_timeout_that_is_none(seconds: str, url: str) -> None:
    ran = CliRunner().invoke(app, ["send", url, *ENVELOPE, "--timeout", seconds])
    assert ran.exit_code == 2
    told = ("must be more than 0 seconds and at most a day", "Invalid value for '--timeout'")
    assert any(one in ran.stderr for one in told)
    assert "accepted" not in ran.output


def test_options_about_tls_that_would_protect_nothing() -> None:
    ran = CliRunner().invoke(app, ["send", "console:", *ENVELOPE, "--tls-profile", "modern"])
    assert ran.exit_code == 2
    assert "passwords, TLS options and names have no effect with console:" in ran.stderr


def test_mail_to_the_recipients_servers_goes_to_no_address_of_this_machine() -> None:
    # An address in place of a domain asks no name server.
    envelope = ["--from", "ada@example.com", "--to", "eve@[127.0.0.1]"]
    ran = CliRunner().invoke(app, ["send", "mx:", *envelope])
    assert ran.exit_code == 1
    assert "the addresses of 127.0.0.1 lead to this machine or to nobody" in ran.stderr
