"""The tables of a documentation page, for tests that run what the page promises."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def table(page: str, heading: str) -> list[tuple[str, ...]]:
    """Give the rows, without the header, of the first table behind a heading of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    titles = [f"\n{'#' * depth} {heading}\n" for depth in (2, 3)]
    behind = next(text.partition(title)[2] for title in titles if title in text)
    lines = behind.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append(tuple(cell.strip().strip("`") for cell in line.strip("|").split("|")))
    assert len(rows) > 2, f"{page} has no table behind {heading}"
    return rows[2:]
