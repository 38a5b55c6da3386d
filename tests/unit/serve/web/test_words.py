from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from postseal.serve.web.words import one_line


@given(st.text() | st.binary().map(lambda octets: octets.decode("ascii", "surrogateescape")))
def test_nothing_raises_and_the_result_can_be_shown(value: str) -> None:
    shown = one_line(value, limit=50)
    assert len(shown) <= 50
    assert shown.encode().decode() == shown
    assert len(shown.splitlines()) <= 1


def test_what_turns_or_breaks_a_line_is_taken_out() -> None:
    assert one_line("invoice\u202efdp.exe\r\nX: y\x00\x85\u2028") == "invoice fdp.exe  X: y   "
    assert one_line("x" * 1001) == "x" * 999 + "…"
