"""The examples of docs/smime.md, run in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.parts.smime_people import (
    ADA,
    BOB,
    certificate_pem,
    issued,
    key_pem,
    middle,
    root,
)

PAGE = Path(__file__).resolve().parents[4] / "docs" / "smime.md"


def test_the_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {
        "ADA_KEY": key_pem(issued(ADA)),
        "ADA_CERTIFICATE": certificate_pem(issued(ADA)) + certificate_pem(middle()),
        "BOB_KEY": key_pem(issued(BOB)),
        "BOB_CERTIFICATE": certificate_pem(issued(BOB)),
        "CAROL_CERTIFICATE": certificate_pem(issued("carol@example.net")),
        "AUTHORITY_CERTIFICATE": certificate_pem(root()),
    }
    for example in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(compile(example, str(PAGE), "exec"), names)
    printed = capsys.readouterr().out
    assert "Subject: [...]" in printed
    assert "[['bob@example.org'], ['carol@example.net']]" in printed
    assert "It is in the second drawer." in printed
    assert "decrypted authenticated valid\nThe plan\n" in printed
