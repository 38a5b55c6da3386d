"""Programs that tests run for real: found, or the test is skipped with the name of the lack."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

# Part -> the names its program goes by. scripts/system-packages installs them, but for node: see
# scripts/node-packages.
PARTS = {
    "chromium": ("chromium", "chromium-browser"),
    "curl": ("curl",),
    "dovecot": ("dovecot",),
    "gpg": ("gpg",),
    "gpgconf": ("gpgconf",),
    "microsocks": ("microsocks",),
    "msmtp": ("msmtp",),
    "node": ("node", "nodejs"),
    "openssl": ("openssl",),
    "postfix": ("postfix",),
    "posttls-finger": ("posttls-finger",),
    "redis-server": ("redis-server",),
    "ruby": ("ruby",),
    "saslpasswd2": ("saslpasswd2",),
    "smtp-sink": ("smtp-sink",),
    "smtp-source": ("smtp-source",),
    "stunnel4": ("stunnel4",),
    "swaks": ("swaks",),
    "tinyproxy": ("tinyproxy",),
    "unbound": ("unbound",),
}
_SYSTEM_PACKAGES = "scripts/system-packages installs it"
# Debian keeps servers where the PATH of a plain user does not look.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

# The commands that tests run would otherwise compile all they import, again at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# pytest-timeout judges time: a limit for each example would depend on the load of the machine.
settings.register_profile("postseal", deadline=None, print_blob=True)
settings.load_profile("postseal")


def find_part(part: str) -> Path:
    """Return the program of `part`; without it skip the test, or fail it where CI=true."""
    if part not in PARTS:
        pytest.fail(f"unknown part {part!r}: tests/conftest.py knows {', '.join(PARTS)}")
    named = (shutil.which(name, path=SEARCH_PATH) for name in PARTS[part])
    if found := next(filter(None, named), None):
        return Path(found)
    installer = "scripts/node-packages says which" if part == "node" else _SYSTEM_PACKAGES
    return report_lack(f"{part} is not installed ({installer})")


def report_lack(message: str) -> NoReturn:
    """Skip the test for want of something; fail it where CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "needs(*parts): the programs the test runs, by their keys in tests/conftest.py"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for part in marker.args:
            find_part(part)


@pytest.fixture(scope="session")
def program() -> Callable[[str], Path]:
    """Give the path of a part's program, on the terms of the `needs` marker."""
    return find_part


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make what a test printed or logged fit to be passed on to another process."""
    report = yield
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode("utf-8"))
        for title, text in report.sections
    ]
    return report
