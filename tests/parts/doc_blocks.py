"""Code on pages of the documentation, which the tests run."""

from __future__ import annotations

import re
from pathlib import Path

_PAGES = Path(__file__).resolve().parent.parent.parent / "docs"
_EXAMPLE = re.compile(
    r"^(<!-- not run: [^>]+ -->\n)?```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE
)


def block_of_page(page: str, name: str) -> str:
    """Give the block of `page` that follows the comment ``<!-- tested: name -->``."""
    text = (_PAGES / page).read_text(encoding="utf-8")
    pattern = rf"^<!-- tested: {re.escape(name)} -->\n```\w+\n(.*?)^```$"
    found = re.findall(pattern, text, re.DOTALL | re.MULTILINE)
    assert len(found) == 1, f"{page} has {len(found)} blocks named {name!r}"
    block: str = found[0]
    return block


def languages_of_page(page: str) -> set[str]:
    """Tell which languages have blocks that are not behind ``<!-- not run: reason -->``."""
    return {found[2] for found in _examples(page)}


def examples_of_page(page: str, language: str = "python") -> list[str]:
    """Give all blocks of a language but those behind ``<!-- not run: reason -->``.

    Each is preceded by as many empty lines as it stands below, so that tracebacks name its lines.
    """
    return [
        "\n" * found.string.count("\n", 0, found.start(3)) + found[3]
        for found in _examples(page)
        if found[2] == language
    ]


def run_examples(page: str, names: dict[str, object], *, only: slice = slice(None)) -> None:
    """Run the examples in Python of a page in their order, all with the same `names`."""
    for example in examples_of_page(page)[only]:
        exec(compile(example, str(_PAGES / page), "exec", dont_inherit=True), names)


def _examples(page: str) -> list[re.Match[str]]:
    text = (_PAGES / page).read_text(encoding="utf-8")
    return [found for found in _EXAMPLE.finditer(text) if found[1] is None]
