"""The benchmarks run and say what they promise to say; how fast is not for a test to judge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.case import Case
from bench.cases import CASES
from tests.parts.node import find_node

ROOT = Path(__file__).resolve().parents[2]


def run_bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.needs("openssl", "postfix", "smtp-sink", "smtp-source", "stunnel4")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_case_prints_one_line_of_json(case: Case) -> None:
    if case.name.endswith("-node"):
        find_node()
    if case.name == "intake-durable" and os.geteuid() != 0:
        pytest.skip("Postfix starts as root alone")
    # An operation of these is a start of Python.
    size = "2" if case.name.startswith("import") else "40"
    done = run_bench(case.name, "--json", "--runs", "1", "--size", size)
    assert done.returncode == 0, done.stderr
    [row] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (row["bench"], row["case"], row["unit"]) == (case.bench, case.title, case.unit)
    assert set(row) == {"bench", "case", "ours", "peer", "peer_name", "unit", "ratio"}
    assert row["ours"] > 0
    assert row["ratio"] == pytest.approx(row["ours"] / row["peer"])


@pytest.mark.needs("smtp-sink")
def test_the_table_comes_with_the_state_of_the_machine() -> None:
    done = run_bench("client-async-plain", "--runs", "1", "--size", "40")
    assert done.returncode == 0, done.stderr
    assert "aiosmtplib" in done.stdout
    for word in ("machine:", "load before:", "Python:", "aiosmtplib 5", "smtp-sink of Postfix"):
        assert word in done.stderr


def test_an_unknown_case_is_refused_with_the_known_ones() -> None:
    done = run_bench("client-async-plane")
    assert done.returncode == 2
    assert "unknown case: client-async-plane; there are client-async-plain" in done.stderr
