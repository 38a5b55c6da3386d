"""The examples of docs/transports.md, run in their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from postseal.send.transports import outbox
from tests.parts.doc_blocks import run_examples


def test_the_examples_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"DIRECTORY": str(tmp_path)}
    for name in ("invoices", "later", "house", "measured"):
        outbox(name).clear()
    run_examples("transports.md", names)
    assert capsys.readouterr().out == (
        "no TLS\n"
        "Your invoice 2\n"
        "Withheld\n"
        "this is a test system: mail stays in the house\n"
        "Counter({250: 1})\n"
    )
    assert outbox("later").last == outbox("invoices").last
    assert len(outbox("house")) == 0
