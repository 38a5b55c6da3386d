"""Programs and packages of others that cases need, and their versions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = [
    "NODE_FOLDER",
    "MissingPart",
    "find_program",
    "node_version",
    "package_version",
    "postfix_version",
]

NODE_FOLDER = Path(__file__).resolve().parents[2] / "tests" / "interop" / "node"
# Debian keeps servers where the PATH of a plain user does not look.
_SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


class MissingPart(Exception):
    """Something that a case needs is not here."""


def find_program(name: str, *, installer: str = "scripts/system-packages") -> str:
    """Return the path of a program. Raises `MissingPart`."""
    if found := shutil.which(name, path=_SEARCH_PATH):
        return found
    raise MissingPart(f"{name} is not installed ({installer} says more)")


def package_version(name: str) -> str:
    """Return the version of an installed Python package. Raises `MissingPart`."""
    try:
        return version(name)
    except PackageNotFoundError:
        raise MissingPart(f"the package {name} is not installed (make test brings it)") from None


def postfix_version() -> str:
    """Return the version of Postfix, which brings smtp-sink and smtp-source."""
    asked = [find_program("postconf"), "-d", "-h", "mail_version"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def node_version(package: str = "smtp-server") -> str:
    """Return the version of a package of npm and of the Node.js that runs it."""
    node = find_program("node", installer="scripts/node-packages")
    about = NODE_FOLDER / "node_modules" / package / "package.json"
    if not about.exists():
        raise MissingPart(f"npm's {package} is not installed (scripts/node-packages)")
    running = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    own = json.loads(about.read_text(encoding="utf-8"))["version"]
    return f"{own} on Node.js {running.stdout.strip()}"
