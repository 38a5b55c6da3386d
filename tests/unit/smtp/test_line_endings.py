"""Bare CR and LF in bodies: refused, or made CRLF, in whatever pieces they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.smtp.data import DataReader
from postseal.smtp.line_endings import LineEndings, LineEndingsFilter
from postseal.smtp.rules import ServerRules
from tests.parts.false_ends import END, FALSE_ENDS
from tests.parts.splits import segments

BODIES = st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"a", b"\x00", *FALSE_ENDS])).map(
    b"".join
)


def filtered(policy: LineEndings, pieces: list[bytes]) -> tuple[bytes, str | None]:
    content = LineEndingsFilter(policy)
    taken = b"".join([content.take(piece) for piece in pieces]) + content.finish()
    return taken, content.fault


@given(st.data(), BODIES)
def test_the_cut_does_not_matter(data: st.DataObject, body: bytes) -> None:
    for policy in LineEndings:
        assert filtered(policy, data.draw(segments(body))) == filtered(policy, [body])


@given(BODIES)
def test_each_policy(body: bytes) -> None:
    lines = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    nul = "a NUL" if b"\x00" in body else None
    bare = "a bare CR or LF" if lines != body else nul
    assert filtered(LineEndings.REJECT, [body])[1] == bare
    assert filtered(LineEndings.NORMALIZE, [body]) == (lines, nul)
    assert filtered(LineEndings.KEEP, [body]) == (body, None)


@given(st.data(), BODIES)
def test_no_false_end_survives_where_lines_are_normalised(data: st.DataObject, body: bytes) -> None:
    # Only CRLF.CRLF ends the frame, whatever the policy makes of the content later.
    wire = body + END
    reader, content = DataReader(), LineEndingsFilter(LineEndings.NORMALIZE)
    rest = taken = b""
    for piece in data.draw(segments(wire)):
        if reader.finished:
            rest += piece
            continue
        decoded, behind = reader.read(piece)
        taken += content.take(decoded)
        rest += behind
    taken += content.finish()
    assert (b"\r\n" + wire).index(END) + len(END) - 2 == len(wire) - len(rest)
    assert taken.count(b"\r") == taken.count(b"\n") == taken.count(b"\r\n")


def test_a_listener_does_not_keep_them() -> None:
    with pytest.raises(ValueError, match="reject or normalize"):
        ServerRules("mx.example", line_endings=LineEndings.KEEP)
