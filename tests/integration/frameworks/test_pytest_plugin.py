from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from postseal import Mailer, Message
from tests.parts.doc_blocks import block_of_page

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "test_sign_up.py"

FRESH = """
import sys
import pytest
before = set(sys.modules)
import postseal.frameworks.pytest_plugin
print(*sorted(set(sys.modules) - before))
"""


# The plugins of this project's own tests are no part of it.
ALONE = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
PLUGIN = "postseal.frameworks.pytest_plugin"
PYTEST = ("-m", "pytest", "-q", "-p", PLUGIN, "-p", "no:cacheprovider")


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=ALONE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_pytest_finds_it_by_itself() -> None:
    (found,) = (one for one in entry_points(group="pytest11") if one.name == "postseal")
    assert found.value == PLUGIN


def test_examples_and_documentation_pass_and_a_failure_shows_what_was_sent(
    tmp_path: Path,
) -> None:
    (tmp_path / EXAMPLE.name).write_bytes(EXAMPLE.read_bytes())
    for name in ("outbox", "server"):
        (tmp_path / f"test_{name}.py").write_text(block_of_page("testing.md", name))
    (tmp_path / "test_failure.py").write_text(
        "from postseal import Mailer, Message\n"
        "def test_it(outbox):\n"
        "    with Mailer('smtp://mail.example.com') as mailer:\n"
        "        mailer.send(Message(from_='a@example.com', to='b@example.org', subject='S'))\n"
        "    outbox.assert_sent(subject='T')\n"
    )
    ended = run(*PYTEST, "-W", "error", cwd=tmp_path)
    assert "1 failed, 12 passed" in ended.stdout
    assert "expected a message with subject='T'" in ended.stdout
    assert "! subject: 'S'" in ended.stdout


def test_loading_it_loads_nothing_else(tmp_path: Path) -> None:
    # pytest loads every plugin in every run, also of projects that send no mail.
    ended = run("-c", FRESH, cwd=tmp_path)
    assert ended.stdout.split() == [
        "postseal",
        "postseal._lazy",
        "postseal.frameworks",
        "postseal.frameworks.pytest_plugin",
    ]


@pytest.mark.usefixtures("outbox")
def test_the_outbox_is_in_place_of_every_server(request: pytest.FixtureRequest) -> None:
    with Mailer("smtp://mail.invalid") as mailer:
        mailer.send(Message(from_="a@example.com", to="b@example.org", subject="s", text="t"))
    request.getfixturevalue("outbox").assert_sent(to="b@example.org")
