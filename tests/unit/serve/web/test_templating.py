from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from postseal.serve.web.templating import format_octets, format_time, render_page


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 octets"),
        (1, "1 octet"),
        (999, "999 octets"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (26_214_400, "26.2 MB"),
        (10**12, "1000.0 GB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert format_octets(count) == text


def test_times_are_in_utc() -> None:
    assert format_time(1_772_373_600.9) == "2026-03-01 14:00:00"


def test_values_are_escaped_and_surrogates_do_not_break_a_page() -> None:
    page = render_page("refusal.html", title="<b>", detail="\ud800 & \"'")
    assert b"<b>" not in page.body
    assert "\ufffd &amp; &#34;&#39;".encode() in page.body


def test_a_value_that_is_missing_is_a_defect() -> None:
    with pytest.raises(UndefinedError):
        render_page("refusal.html", title="x")
