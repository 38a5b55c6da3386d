"""The examples of docs/openpgp.md, run in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.parts.openpgp_people import BOB, certificate, secret_octets

PAGE = Path(__file__).resolve().parents[4] / "docs" / "openpgp.md"


def test_the_examples_do_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ada.asc").write_bytes(secret_octets("Ada <ada@example.com>"))
    (tmp_path / "bob.asc").write_text(str(certificate(BOB)), encoding="ascii")
    (tmp_path / "bob-secret.asc").write_bytes(secret_octets(BOB))
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    printed = capsys.readouterr().out
    assert "Subject: [...]" in printed
    assert "BEGIN PGP MESSAGE" in printed
    *_, status, subject, opened, text = (line for line in printed.splitlines() if line)
    assert status.startswith("valid ")
    assert (subject, text) == ("Our plan", "At noon.")
    assert opened == "decrypted valid AES-256"
