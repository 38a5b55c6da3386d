"""`postseal audit client` as a person runs it: real clients, hostile servers, what is reported."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from textwrap import dedent
from xml.etree.ElementTree import fromstring

import pytest

from postseal.audit.findings import Outcome
from postseal.audit.report.json_report import read_json_report
from tests.parts.command import COMMAND, Ran, clean_environment, run_postseal
from tests.parts.eventually import eventually

# It goes on where STARTTLS does not.
CARELESS = """
    import smtplib, ssl, sys
    host, port, user, password, sender, to, body, ca_file = sys.argv[1:]
    client = smtplib.SMTP(host, int(port), timeout=5)
    try:
        client.starttls(context=ssl.create_default_context(cafile=ca_file))
    except smtplib.SMTPException as error:
        print(error)
    client.login(user, password)
    client.sendmail(sender, [to], f"Subject: x\\n\\n{body}")
    client.quit()
"""
CAREFUL = CARELESS.replace("print(error)", "sys.exit(str(error))")
IMPLICIT = """
    import os, smtplib, ssl
    lab = {name[13:]: value for name, value in os.environ.items() if name[:13] == "POSTSEAL_LAB_"}
    context = ssl.create_default_context(cafile=lab["CA_FILE"])
    client = smtplib.SMTP_SSL(lab["HOST"], int(lab["PORT"]), timeout=5, context=context)
    client.login(lab["USER"], lab["PASSWORD"])
    client.sendmail(lab["FROM"], [lab["TO"]], f"Subject: {lab['SUBJECT']}\\n\\n{lab['BODY']}")
    client.quit()
"""
# It finds all it needs in the file that it is given.
CONFIGURED = """
    import json, sys
    sys.argv[1:] = json.load(open(sys.argv[1]))
"""
ARGUMENTS = ("{host}", "{port}", "{user}", "{password}", "{from}", "{to}", "{body}", "{ca_file}")


def client(directory: Path, *scripts: str) -> Path:
    path = directory / "client.py"
    path.write_text("".join(map(dedent, scripts)), encoding="utf-8")
    return path


def is_gone(pid: str) -> bool:
    return not Path("/proc", pid).exists()


async def attack(directory: Path, *options: str, arguments: tuple[str, ...] = ARGUMENTS) -> Ran:
    return await run_postseal(
        *("audit", "client", *options, "--", sys.executable, "client.py", *arguments),
        directory=directory,
    )


async def test_what_a_careless_client_gave_away_is_told_in_each_format(tmp_path: Path) -> None:
    client(tmp_path, CARELESS)
    names = ("lab.json", "lab.sarif", "lab.xml", "lab.md", "lab.html", "lab.txt")
    outputs = [part for name in names for part in ("--output", name)]
    ran = await attack(tmp_path, "--cases", "n0[12],LAB-N03-*", *outputs)
    assert ran.status == 1, ran.printed
    # Nobody watches: there is no progress to be shown.
    assert ran.errors == ""
    rows = [" ".join(line.split()) for line in ran.output.splitlines()]
    assert "CONTROL nothing: it is honest delivered the message safe" in rows
    assert any(
        row.startswith("N01 offered AUTH without STARTTLS gave away its pas") for row in rows
    )
    assert "critical: LAB-N01-STARTTLS, LAB-N02-STARTTLS, LAB-N03-STARTTLS" in rows
    assert rows[-2:] == [
        "1 passed, 3 failed.",
        "Failed: there are findings of severity low or above.",
    ]

    report = read_json_report((tmp_path / "lab.json").read_bytes(), source="lab.json")
    assert [(one.check.id, one.outcome) for one in report.findings] == [
        ("LAB-CONTROL-STARTTLS", Outcome.PASSED),
        ("LAB-N01-STARTTLS", Outcome.FAILED),
        ("LAB-N02-STARTTLS", Outcome.FAILED),
        ("LAB-N03-STARTTLS", Outcome.FAILED),
    ]
    assert report.subject.endswith(" client.py '{host}' '{port}' '{user}' '{password}' '{from}' "
                                   "'{to}' '{body}' '{ca_file}'")  # fmt: skip
    assert ("mode", "starttls") in report.facts
    [dialogue] = [one.text for one in report.findings[1].evidence if one.label == "connection 1"]
    assert "C: AUTH PLAIN " in dialogue
    [run] = json.loads((tmp_path / "lab.sarif").read_bytes())["runs"]
    assert [one["ruleId"] for one in run["results"]] == [
        f"LAB-N0{number}-STARTTLS" for number in (1, 2, 3)
    ]
    assert fromstring((tmp_path / "lab.xml").read_bytes()).get("failures") == "3"
    for name in ("lab.md", "lab.html", "lab.txt"):
        assert "gave away its password in clear" in (tmp_path / name).read_text(encoding="utf-8")


async def test_what_is_known_or_accepted_does_not_count_and_a_careful_client_is_clean(
    tmp_path: Path,
) -> None:
    careful, careless = tmp_path / "careful", tmp_path / "careless"
    for directory in (careful, careless):
        directory.mkdir()
    client(careful, CAREFUL)
    client(careless, CARELESS)
    clean, before = await asyncio.gather(
        attack(careful, "--cases", "N01,N02"),
        attack(careless, "--cases", "N01", "--format", "json"),
    )
    assert (clean.status, clean.errors) == (0, ""), clean.printed
    assert clean.output.endswith("Clean: no finding of severity low or above.\n")
    assert before.status == 1

    (careless / "before.json").write_text(before.output, encoding="utf-8")
    (careless / "postseal-audit.toml").write_text(
        '[[suppress]]\nrule = "LAB-N02-*"\nreason = "the relay is here"\nexpires = 9999-12-31\n',
        encoding="utf-8",
    )
    more = await attack(careless, "--cases", "N01,N02,N03", "--baseline", "before.json")
    assert more.status == 1, more.printed
    assert "critical: LAB-N03-STARTTLS\n" in more.output
    assert "3 failed, 2 of the failures known or suppressed." in more.output


async def test_settings_travel_by_the_environment_or_by_a_file(tmp_path: Path) -> None:
    implicit, configured = tmp_path / "implicit", tmp_path / "configured"
    for directory in (implicit, configured):
        directory.mkdir()
    client(implicit, IMPLICIT)
    client(configured, CONFIGURED, CARELESS)
    (configured / "template.json").write_text(json.dumps(ARGUMENTS), encoding="utf-8")
    options = ("--config-file", "template.json", "--expect", "opportunistic", "--format", "sarif")
    by_environment, by_file = await asyncio.gather(
        attack(implicit, "--mode", "implicit", "--cases", "N17", arguments=()),
        attack(configured, *options, "--cases", "N01", arguments=("{config_file}",)),
    )
    assert by_environment.status == 0, by_environment.printed
    assert by_file.status == 1, by_file.printed
    [result] = json.loads(by_file.output)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "template.json", "uriBaseId": "%SRCROOT%"}


async def test_a_library_is_attacked_by_a_driver_of_the_lab(tmp_path: Path) -> None:
    # Two interpreters of one machine: what is known of the library holds for both.
    other = tmp_path / "python"
    other.symlink_to(sys.executable)
    cases = ("--cases", "N01,C07,I01-SUBJECT-CRLF")
    first = await run_postseal(
        *("audit", "client", "--driver", "smtplib", *cases, "--format", "json"), directory=tmp_path
    )
    assert first.status == 1, first.printed
    (tmp_path / "before.json").write_text(first.output, encoding="utf-8")
    report = read_json_report(first.output.encode(), source="before.json")
    assert report.subject == "smtplib (driver of the lab)"
    # Python takes the name from where none belongs, and its sessions do not begin without TLS.
    assert {one.check.id: one.outcome for one in report.findings} == {
        "LAB-CONTROL-STARTTLS": Outcome.PASSED,
        "LAB-N01-STARTTLS": Outcome.PASSED,
        "LAB-C07-STARTTLS": Outcome.FAILED,
        "LAB-I01-SUBJECT-CRLF-STARTTLS": Outcome.PASSED,
    }
    (failed,) = (one for one in report.findings if one.outcome is Outcome.FAILED)
    assert "starttls()" in failed.remedy

    again = await run_postseal(
        *("audit", "client", "--driver", "smtplib", *cases, "--baseline", "before.json"),
        *("--", str(other), "-W", "error"),
        directory=tmp_path,
    )
    assert again.status == 0, again.printed


async def test_nothing_is_said_of_a_client_that_does_not_deliver(tmp_path: Path) -> None:
    client(tmp_path, "print('where is the \\x1b[1mserver?')\nraise SystemExit(3)\n")
    ran = await attack(tmp_path)
    assert ran.status == 3
    lines = ran.output.splitlines()
    assert lines[0].startswith("Honest server: the client never connected to an honest server")
    assert "  where is the \\x1b[1mserver?" in lines
    assert lines[-1] == "Inconclusive: not everything could be decided."
    # The whole catalogue could have been passed over as easily as one case.
    assert len(lines) < 10


@pytest.fixture
def _heeds_interrupts() -> Iterator[None]:
    """Let programs be interrupted, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heeds_interrupts")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
async def test_nothing_stays_behind_when_it_is_stopped(
    tmp_path: Path, stop: signal.Signals
) -> None:
    # The client starts another that nobody waits for.
    client(
        tmp_path,
        """
        import os, pathlib, subprocess, sys, time
        child = subprocess.Popen(["sleep", "600"])
        pathlib.Path("new").write_text(f"{os.getpid()} {child.pid}")
        pathlib.Path("new").rename("pids")
        time.sleep(600)
        """,
    )
    process = await asyncio.create_subprocess_exec(
        *(COMMAND, "audit", "client", "--", sys.executable, "client.py"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(),
        cwd=tmp_path,
    )
    await eventually((tmp_path / "pids").exists, what="the client runs")
    process.send_signal(stop)
    output, errors = await process.communicate()
    assert (process.returncode, output) == (128 + stop, b"")
    assert errors == b"Stopped: nothing is reported.\n"
    for pid in (tmp_path / "pids").read_text().split():
        await eventually(partial(is_gone, pid), what=f"{pid} is gone")
