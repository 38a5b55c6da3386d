"""What becomes of a report at the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from postseal.audit.exit_codes import ExitCode
from postseal.audit.findings import Severity
from postseal.audit.report.formats import Format
from postseal.cli.auditing import Reporting
from postseal.errors import InvalidSetting
from tests.parts.audited import CONFIG, found, report


def reporting(*files: tuple[Path, Format], printed: Format = Format.TEXT) -> Reporting:
    return Reporting(
        files=files,
        printed=printed,
        fail_on=Severity.LOW,
        baseline=None,
        suppressions=(),
        location=CONFIG,
    )


def test_it_is_printed_written_and_summed_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = tmp_path / "a.json", tmp_path / "b"
    ends = reporting((files[0], Format.JSON), (files[1], Format.HTML)).finish(report(found()))
    assert ends is ExitCode.FINDINGS
    assert "Failed: there are findings" in capsys.readouterr().out
    assert files[0].read_text("utf-8").startswith("{")
    assert files[1].read_text("utf-8").startswith("<!DOCTYPE html>")


def test_another_format_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    reporting(printed=Format.JUNIT).finish(report(found()))
    printed = capsys.readouterr().out
    assert printed.startswith("<?xml")
    assert printed.endswith("</testsuites>\n")


def test_what_was_found_is_not_lost_with_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidSetting, match="cannot be written: Is a directory"):
        reporting((tmp_path, Format.JSON)).finish(report(found()))
    assert "Failed: there are findings" in capsys.readouterr().out
