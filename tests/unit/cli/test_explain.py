"""`postseal explain tls` called wrongly or by accident, and how its results are laid out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from inspect import signature
from ipaddress import IPv4Address

import pytest
import typer
from rich.console import Console
from rich.text import Text
from typer.testing import CliRunner

from postseal.audit.exit_codes import ExitCode
from postseal.cli.app import app
from postseal.cli.examining import examination
from postseal.cli.explain import tls
from postseal.cli.explained_text import explained_text
from postseal.cli.layout import Row, Section, print_sections
from postseal.dns import MX
from postseal.errors import InvalidURL, MailError, MissingExtra
from postseal.send.explanation.explaining import explain_destination
from postseal.send.networks.blocking import run
from postseal.send.session.connection import ConnectionOptions
from postseal.testing import MemoryNetwork, MemoryResolver
from postseal.tls.tlsa import TLSA
from tests.parts.page_tables import table
from tests.unit.cli.test_main import run_without

NOBODY = ("--resolver", "127.0.0.1:1", "--timeout", "0.1")


@pytest.mark.parametrize(
    ("domain", "told"),
    [
        ("", "no domain"),
        ("exa mple.com", "'exa mple' is no label"),
        ("example..com", "empty label"),
        ("-example.com", "no label"),
        ("example.com/inbox", "no label"),
        ("a" * 64 + ".com", "no label"),
        (".".join(["abc"] * 80), "longer than 255"),
        ("exa\x1bmple.com", "U+001B"),
        ("straße.de", "xn--"),
        ("ada@example.com", "Give the domain alone: example.com."),
        ("https://example.com/", "is a URL"),
        ("smtp://example.com", "is a URL"),
        ("192.0.2.1", "the address of a host"),
        ("2001:db8::1", "the address of a host"),
        ("[192.0.2.1]", "the address of a host"),
        ("[not closed", "the address of a host"),
    ],
)
def test_what_is_no_domain_is_explained(domain: str, told: str) -> None:
    ran = CliRunner().invoke(app, ["explain", "tls", *NOBODY, "--", domain])
    assert ran.exit_code == ExitCode.USAGE
    assert ran.stderr.startswith("error: ")
    assert told in ran.stderr
    assert "\x1b" not in ran.output
    assert ran.stdout == ""


@pytest.mark.parametrize(
    "options",
    [
        ["--resolver", "dns.example"],
        ["--resolver", "127.0.0.1:port"],
        ["--resolver", "127.0.0.1:0"],
        ["--ca-file", "/nowhere/ca.pem"],
        ["--port", "0"],
        ["--port", "65536"],
        ["--timeout", "0"],
        ["--timeout", "86400"],
        ["--conect"],
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_asked(options: list[str]) -> None:
    ran = CliRunner().invoke(app, ["explain", "tls", "example.com", *options])
    assert ran.exit_code == ExitCode.USAGE
    assert ran.stdout == ""


def test_a_name_server_that_is_not_there_makes_it_inconclusive() -> None:
    ran = CliRunner().invoke(app, ["explain", "tls", "Example.COM.", *NOBODY])
    assert ran.exit_code == ExitCode.INCONCLUSIVE
    assert ran.stdout.startswith("Mail to example.com\n")
    assert "would defer" in ran.stdout


def test_without_its_packages_it_says_what_to_install() -> None:
    ran = run_without("dns", "explain", "tls", "example.com")
    assert ran.returncode == ExitCode.INCONCLUSIVE
    assert "needs the package dns" in ran.stderr
    assert "pip install 'postseal[mx]'" in ran.stderr


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidURL("wrong"), ExitCode.USAGE),
        (MailError("no"), ExitCode.INCONCLUSIVE),
        (MissingExtra("no"), ExitCode.INCONCLUSIVE),
        (ZeroDivisionError("a defect"), ExitCode.INTERNAL),
        (typer.Exit(1), ExitCode.FINDINGS),
    ],
)
def test_each_end_has_a_status(
    error: Exception, status: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, examination():
        raise error
    assert ended.value.exit_code == status
    said = capsys.readouterr()
    assert said.out == ""
    assert ("Traceback" in said.err) is (status is ExitCode.INTERNAL)


def test_the_page_names_all_options() -> None:
    options = {name.replace("_", "-") for name in signature(tls).parameters} - {"domain"}
    written = {row[0].split()[0].removeprefix("--") for row in table("explain.md", "Options")}
    assert written == options - {"as-json"} | {"json"}


# -- the layout -----------------------------------------------------------------------------------


def laid_out(sections: Iterator[Section], *, width: int = 80) -> list[str]:
    stream = io.StringIO()
    print_sections(sections, Console(file=stream, width=width, highlight=False))
    return stream.getvalue().splitlines()


def test_values_are_wrapped_beside_their_labels() -> None:
    lines = laid_out(
        iter(
            [
                Section(Text("A title"), (Row("label", Text("some words " * 10)),)),
                Section(Text("Another"), (Row("long", Text("x" * 100)), Row("short", Text("y")))),
            ]
        )
    )
    assert lines == [
        "A title",
        "  label       some words some words some words some words some words some words",
        "              some words some words some words some words",
        "",
        "Another",
        "  long        " + "x" * 66,
        "              " + "x" * 34,
        "  short       y",
    ]


@pytest.mark.parametrize("width", [10, 40, 80, 200])
def test_an_explanation_fits_the_terminal_and_obeys_no_stranger(width: int) -> None:
    resolver = MemoryResolver()
    resolver.add("example.org", MX(10, "mx.example.org"), MX(20, "other.example.org"))
    resolver.add("_mta-sts.example.org", "v=STSv1; id=\x1b[31m;", "[bold]\x07" * 60)
    resolver.add("mx.example.org", *(IPv4Address(f"192.0.2.{last}") for last in range(1, 30)))
    resolver.add("_25._tcp.mx.example.org", TLSA(3, 0, 0, bytes(4000)))
    resolver.bogus("other.example.org")
    explained = run(
        explain_destination(
            "example.org",
            network=MemoryNetwork(),
            resolver=resolver,
            options=ConnectionOptions(),
        )
    )
    lines = laid_out(explained_text(explained), width=width)
    text = "\n".join(lines)
    assert all(line == line.rstrip() and line.isprintable() for line in lines)
    if width >= 40:
        assert max(map(len, lines)) <= width
    assert "[bold]" in text
    assert "and 21 more" in " ".join(text.split())
