"""Files tell by their names how the report in them is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from postseal.audit.report.formats import Format, written
from postseal.errors import InvalidSetting
from tests.parts.audited import found, triaged


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lab.txt", Format.TEXT),
        ("lab.json", Format.JSON),
        ("a/b.lab.SARIF", Format.SARIF),
        ("junit.xml", Format.JUNIT),
        ("lab.md", Format.MARKDOWN),
        ("lab.html", Format.HTML),
    ],
)
def test_names(name: str, expected: Format) -> None:
    assert Format.of(Path(name)) is expected


@pytest.mark.parametrize("name", ["lab", "lab.pdf", ".json"])
def test_names_that_tell_nothing(name: str) -> None:
    with pytest.raises(InvalidSetting, match="does not tell the format") as refused:
        Format.of(Path(name))
    assert ".json" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("format_", "beginning"),
    [
        (Format.TEXT, "\n check"),
        (Format.JSON, '{\n  "version": 1,'),
        (Format.SARIF, '{\n  "$schema": "https://'),
        (Format.JUNIT, '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites'),
        (Format.MARKDOWN, "# Postseal audit"),
        (Format.HTML, "<!DOCTYPE html>"),
    ],
)
def test_each_format_has_a_writer(format_: Format, beginning: str) -> None:
    text = written(triaged(found()), format_)
    assert text.lstrip(" ").startswith(beginning)
    assert text.endswith("\n")
