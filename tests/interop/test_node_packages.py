"""The lock of npm's packages: every file by its hash, and nothing about where to get it."""

from __future__ import annotations

import json

from tests.parts.node import FOLDER


def test_every_package_is_pinned_by_a_hash_and_no_address() -> None:
    text = (FOLDER / "package-lock.json").read_text(encoding="ascii")
    assert "://" not in text
    own, *packages = json.loads(text)["packages"].values()
    assert len(packages) >= 2
    for package in packages:
        assert package["integrity"].startswith("sha512-")
        assert "hasInstallScript" not in package
    # What is asked for is one version, not a range; a second one of a package has another name.
    for version in own["dependencies"].values():
        assert version.removeprefix("npm:nodemailer@")[0].isdigit()
