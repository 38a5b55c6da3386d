"""The entry point where the packages of the command line are not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import sys

from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            return None
        return super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
from postseal.cli import main
sys.argv = ["postseal", *{arguments!r}]
main()
"""


def run_without(package: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(package=package, arguments=arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("package", "argument"), [("typer", "--version"), ("rich", "send")])
def test_without_the_extra_it_says_what_to_install(package: str, argument: str) -> None:
    ran = run_without(package, argument)
    assert ran.returncode == 1
    assert ran.stderr == (
        "postseal: the command line needs more packages; install them with: "
        "pip install 'postseal[cli]'\n"
    )


@pytest.mark.parametrize("package", ["sqlalchemy", "structlog", "uvicorn"])
def test_serve_without_its_extra_says_what_to_install(package: str) -> None:
    ran = run_without(package, "serve")
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert f"needs the package {package}" in ran.stderr
    assert "pip install 'postseal[serve]'" in ran.stderr


def test_send_needs_nothing_of_the_platform() -> None:
    ran = run_without("sqlalchemy", "send", "smpt://x", "--from", "a@b.c", "--to", "d@e.f")
    assert ran.returncode == 2
    assert "Did you mean smtp://?" in ran.stderr
