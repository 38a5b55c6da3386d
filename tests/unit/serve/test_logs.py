"""The platform's logs: one line an event, no secrets in tracebacks, and never in the way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import structlog
from postseal.serve.logs import configure_logs

configure_logs(as_json={as_json})
log = structlog.get_logger("test")
log.debug("not shown")
log.info("an event", listener="mx", text="two\\nlines")

def fail(password):
    raise ValueError("broken")

try:
    fail("".join(reversed("elbairav-lacol-a-ni-yranac")))
except ValueError:
    log.exception("a defect")
print("done")
"""


def _run(as_json: str, *, stderr: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM.format(as_json=as_json)]
    if stderr is None:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    with Path(stderr).open("w") as elsewhere:
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=elsewhere, text=True, check=True, timeout=60
        )


def test_json_is_one_object_a_line_on_standard_error() -> None:
    ran = _run("None")
    assert ran.stdout == "done\n"
    event, defect = (json.loads(line) for line in ran.stderr.splitlines())
    assert (event["event"], event["level"], event["listener"]) == ("an event", "info", "mx")
    assert event["text"] == "two\nlines"
    assert event["timestamp"].endswith("Z")
    assert "ValueError: broken" in defect["exception"]


def test_neither_form_shows_local_variables() -> None:
    for as_json in ("True", "False"):
        ran = _run(as_json)
        assert "ValueError: broken" in ran.stderr
        assert "not shown" not in ran.stderr
        assert "canary-in-a-local-variable" not in ran.stderr


def test_a_full_disk_does_not_stop_who_logs() -> None:
    assert _run("True", stderr="/dev/full").stdout == "done\n"
