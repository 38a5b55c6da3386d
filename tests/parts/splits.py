"""A stream cut into segments: what a network may do to any octets."""

from __future__ import annotations

from hypothesis import strategies as st


def byte_by_byte(data: bytes) -> list[bytes]:
    """Each octet in a segment of its own."""
    return [data[n : n + 1] for n in range(len(data))]


@st.composite
def segments(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Any cut of `data` into segments that are not empty."""
    if len(data) < 2:
        return [data] if data else []
    cuts = sorted(draw(st.sets(st.integers(1, len(data) - 1), max_size=12)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
