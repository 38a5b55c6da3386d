"""`postseal doctor` as a person runs it: a real Postfix, a real name server, what is printed.

It ends with 0 when sending works, 1 when something is wrong, 2 when it was called wrongly, and 3
when nothing could be reached.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import signature

import dns.message
import pytest
from dns.rcode import Rcode
from dns.rdatatype import RdataType
from typer.testing import CliRunner, Result

from postseal.cli.app import app
from postseal.cli.doctor import doctor
from postseal.dns.name_servers import NameServer
from postseal.send.doctor.diagnosis import Ailment
from tests.integration.send.scripts import greet
from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.command import run_postseal
from tests.parts.hostile_server import HostileServer, Talk
from tests.parts.name_server import name_server, respond
from tests.parts.page_tables import table
from tests.parts.ports import ReservedPort
from tests.parts.postfix import Postfix, SaslUser

DOMAIN, HOST = "example.org", "mail.example.org"
PASSWORD = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return issue_certificate(tmp_path_factory.mktemp("certificate"), HOST)


@pytest.fixture(scope="module")
def postfix(certificate: ServerCertificate) -> Iterator[Postfix]:
    user = SaslUser("ada", PASSWORD, ("PLAIN", "SCRAM-SHA-256"))
    with Postfix(certificate=certificate, user=user) as postfix:
        postfix.start()
        yield postfix


@contextmanager
def names(port: int, service: str = "_submission") -> Iterator[NameServer]:
    """A name server with the domain, whose server is at `port`; all else does not exist."""
    record = f"{service}._tcp.{DOMAIN}"
    said: Mapping[tuple[str, str], str] = {
        (DOMAIN, "MX"): f"{DOMAIN}. MX 10 {HOST}.",
        (HOST, "A"): f"{HOST}. A 127.0.0.1",
        (record, "SRV"): f"{record}. SRV 0 1 {port} {HOST}.",
    }

    def answer(octets: bytes) -> Sequence[bytes]:
        query = dns.message.from_wire(octets)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        found = said.get((name, RdataType.to_text(question.rdtype)))
        rcode = Rcode.NOERROR if any(known == name for known, _ in said) else Rcode.NXDOMAIN
        return [respond(query, *([found] if found else []), rcode=rcode).to_wire()]

    with name_server(answer) as server:
        yield server


def examine(
    server: NameServer, certificate: ServerCertificate, *arguments: str, password: str = PASSWORD
) -> Result:
    """Run the command within this process: starting another takes longer than all it does."""
    options = ["--resolver", str(server), "--ca-file", str(certificate.ca_file)]
    runner = CliRunner(env={"MAIL_PASSWORD": password, "COLUMNS": "200"})
    return runner.invoke(app, ["doctor", *options, *arguments])


async def test_an_address_is_enough_to_find_postfix_and_log_in(
    postfix: Postfix, certificate: ServerCertificate
) -> None:
    with names(postfix.port) as server:
        ran = await run_postseal(
            *("doctor", "--resolver", str(server), "--ca-file", certificate.ca_file),
            *(f"ada@{DOMAIN}", "--user", "ada", "--password-from", "env:MAIL_PASSWORD"),
            environment={"MAIL_PASSWORD": PASSWORD},
        )
    assert (ran.status, ran.errors) == (0, "")
    url = f"smtp://ada@{HOST}:{postfix.port}"
    lines = ran.output.splitlines()
    assert lines[0] == "Mail from ada@example.org"
    assert f"{HOST}, port {postfix.port}, by SRV record" in lines
    assert f"  URL         {url}" in lines
    assert "  AUTH        PLAIN, SCRAM-SHA-256; a password goes by SCRAM-SHA-256" in lines
    assert "  login       taken" in lines
    assert lines[-3:] == [
        "Result",
        "  verdict     works",
        f'  use         Mailer("{url}")',
    ]
    assert PASSWORD not in ran.printed


def test_a_wrong_password_is_a_finding_in_json_too(
    postfix: Postfix, certificate: ServerCertificate
) -> None:
    with names(postfix.port) as server:
        ran = examine(
            *(server, certificate, f"ada@{DOMAIN}", "--user", "ada", "--json"),
            *("--password-from", "env:MAIL_PASSWORD"),
            password="another one",
        )
    assert (ran.exit_code, ran.stderr) == (1, "")
    found = json.loads(ran.stdout)
    assert set(found) == {row[0] for row in table("doctor.md", "JSON")}
    assert found["verdict"] == "faulty"
    assert found["login"]["diagnosis"]["ailment"] == "credentials_wrong"
    (server_found,) = found["servers"]
    members = next(row[1] for row in table("doctor.md", "JSON") if row[0] == "servers")
    assert set(server_found) <= set(re.findall(r"\w+", members))
    assert (server_found["diagnosis"], server_found["tls"]["level"]) == (None, "authenticated")
    assert "another one" not in ran.output


def test_a_record_for_the_wrong_mode_is_a_finding_with_the_url_that_works(
    postfix: Postfix, certificate: ServerCertificate
) -> None:
    with names(postfix.port, "_submissions") as server:
        ran = examine(server, certificate, f"ada@{DOMAIN}")
    assert ran.exit_code == 1
    assert "  diagnosis   the port speaks plaintext first" in ran.output
    assert f'use         Mailer("smtp://ada%40example.org@{HOST}:{postfix.port}")' in ran.output


def test_mozilla_is_asked_where_the_option_says_so(certificate: ServerCertificate) -> None:
    with ReservedPort() as reserved, names(reserved.number) as server:
        without = examine(server, certificate, f"ada@{DOMAIN}")
        asked = examine(server, certificate, f"ada@{DOMAIN}", "--ask-mozilla")
    assert "autoconfig.thunderbird.net" not in without.output
    # The name server knows no such name, which is no word of the database's.
    (row,) = (one for one in asked.stdout.splitlines() if "thunderbird" in one)
    assert row.startswith(f"  settings    https://autoconfig.thunderbird.net/v1.1/{DOMAIN}: ")
    assert not row.endswith(": none")


def test_a_server_that_is_not_there_is_inconclusive(certificate: ServerCertificate) -> None:
    with ReservedPort() as reserved, names(reserved.number) as server:
        ran = examine(server, certificate, f"{HOST}:{reserved.number}")
    assert ran.exit_code == 3
    assert "diagnosis   connection refused" in ran.output
    assert "use " not in ran.output


def test_what_a_stranger_says_is_shown_and_obeyed_by_no_terminal(
    certificate: ServerCertificate,
) -> None:
    def shout(talk: Talk) -> None:
        talk.say("554 \x1b[31m go away \x07")
        talk.end()

    with HostileServer(shout) as hostile, names(hostile.port) as server:
        ran = examine(server, certificate, f"{HOST}:{hostile.port}")
    assert ran.exit_code == 1
    assert "go away" in ran.output
    assert "\x1b" not in ran.output
    assert "\x07" not in ran.output


def test_a_stripped_port_gets_no_password(certificate: ServerCertificate) -> None:
    def strip(talk: Talk) -> None:
        greet(talk, "AUTH PLAIN", "XXXXXXXA")
        talk.hear("QUIT")
        talk.say("221 bye")
        talk.end()

    with HostileServer(strip) as hostile, names(hostile.port) as server:
        ran = examine(
            *(server, certificate, f"ada@{DOMAIN}", "--password-from", "env:MAIL_PASSWORD")
        )
    assert ran.exit_code == 1
    assert "diagnosis   STARTTLS was stripped" in ran.output
    assert "XXXXXXXA" in ran.output
    assert b"AUTH" not in hostile.received


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("http://example.org",), "not known"),
        (("ada@",), "ada@"),
        (("smtp://ada:secret-word@example.org",), "must not hold a password"),
        ((HOST, "--password-from", "env:X"), "nobody to log in as"),
        ((HOST, "--ca-file", "/nowhere/ca.pem"), "/nowhere/ca.pem"),
        ((f"ada@{DOMAIN}", "--password-from", "a-bare-password"), "no reference to a secret"),
        ((HOST, "--resolver", "not a server"), "not a server"),
        ((f"{HOST}:465", "--ask-mozilla"), "Give an address or a domain alone"),
        ((HOST, "--port", "465", "--ask-mozilla"), "Give an address or a domain alone"),
        ((f"smtps://{HOST}", "--ask-mozilla"), "Give an address or a domain alone"),
        (("192.0.2.1", "--ask-mozilla"), "Give an address or a domain alone"),
    ],
)
def test_wrong_usage_has_a_status_of_its_own(arguments: tuple[str, ...], told: str) -> None:
    ran = CliRunner().invoke(app, ["doctor", *arguments])
    assert ran.exit_code == 2
    assert told in ran.stderr
    assert "secret-word" not in ran.output
    assert "a-bare-password" not in ran.output


def test_a_password_that_cannot_be_had_keeps_the_command_from_a_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MAIL_PASSWORD", raising=False)
    ran = CliRunner().invoke(
        app, ["doctor", f"ada@{DOMAIN}", "--password-from", "env:MAIL_PASSWORD"]
    )
    assert ran.exit_code == 3
    assert "env:MAIL_PASSWORD" in ran.stderr


def test_the_page_names_all_options_and_all_diagnoses() -> None:
    options = {name.replace("_", "-") for name in signature(doctor).parameters}
    shown = {row[0].split()[0].removeprefix("--") for row in table("doctor.md", "Options")}
    assert shown == options - {"subject", "as-json"} | {"json"}
    rows = table("doctor.md", "Diagnoses")
    assert [row[0] for row in rows] == [ailment.name.lower() for ailment in Ailment]
    for row, ailment in zip(rows, Ailment, strict=True):
        assert ("; inconclusive." in row[1]) is ailment.is_inconclusive
