"""Examples in Ruby on pages of the documentation, each run as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.conftest import find_part
from tests.parts.doc_blocks import examples_of_page
from tests.parts.mapped_mail import MappedMail

_PRELOAD = Path(__file__).with_name("mapped_mail.rb")


def run_ruby_examples(page: str, mail: MappedMail, *, only: slice = slice(None)) -> str:
    """Run the examples of a page in their order, and return what they print.

    They find the servers of `mail`, and trust what this process trusts.
    """
    examples = examples_of_page(page, "ruby")[only]
    return "".join(_run(example, mail.routes) for example in examples)


def _run(example: str, routes: dict[tuple[str, int], int]) -> str:
    ports = {f"{host}:{port}": there for (host, port), there in routes.items()}
    ran = subprocess.run(
        [find_part("ruby"), "-r", _PRELOAD, "-"],
        input=example,
        env={**os.environ, "MAPPED_MAIL": json.dumps(ports)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
