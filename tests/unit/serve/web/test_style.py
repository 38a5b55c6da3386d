"""The rules that the pages keep without a browser to enforce them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from postseal.serve import web

HERE = Path(web.__file__).parent
TEMPLATES = sorted((HERE / "templates").glob("*.html"))
CSS = (HERE / "static" / "postseal.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
)
# WCAG 2.2 1.4.3: text on what it stands on.
PAIRS = [
    (ink, ground) for ink in ("ink", "quiet", "accent") for ground in ("page", "card", "sunken")
] + [
    ("on-accent", "accent"),
    ("good", "good-ground"),
    ("wait", "wait-ground"),
    ("bad", "bad-ground"),
    ("calm", "calm-ground"),
]
# WCAG 2.2 1.4.11: what shows that something can be operated.
EDGES = [(edge, ground) for edge in ("field", "focus") for ground in ("page", "card")]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_needs_more_than_the_policy_allows(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe\b", text)
    assert not re.search(r"(?:src|href|action)=\"(?!/|#|\{\{)", text)
    assert "autoescape" not in text


def test_the_style_asks_nobody_else() -> None:
    assert "url(" not in CSS
    assert "@import" not in CSS


@pytest.mark.parametrize("theme", [LIGHT, LIGHT | DARK], ids=["light", "dark"])
def test_the_contrast_is_enough(theme: dict[str, str]) -> None:
    for ink, ground in PAIRS:
        assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
    for edge, ground in EDGES:
        assert contrast(theme[edge], theme[ground]) >= 3, (edge, ground)


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Give the relative luminance of `#rrggbb` (WCAG 2.2)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
