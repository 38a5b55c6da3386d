"""Code on a page of the documentation that says that it is tested."""

from __future__ import annotations

import re
from pathlib import Path

_PAGES = Path(__file__).resolve().parent.parent.parent / "docs"


def block_of_page(page: str, name: str) -> str:
    """Give the block of `page` that follows the comment ``<!-- tested: name -->``."""
    text = (_PAGES / page).read_text(encoding="utf-8")
    pattern = rf"^<!-- tested: {re.escape(name)} -->\n```\w+\n(.*?)^```$"
    found = re.findall(pattern, text, re.DOTALL | re.MULTILINE)
    assert len(found) == 1, f"{page} has {len(found)} blocks named {name!r}"
    block: str = found[0]
    return block
