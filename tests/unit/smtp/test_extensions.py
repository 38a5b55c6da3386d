"""What counts as an offer: whole lines behind the first, and nothing that only looks like one."""

from __future__ import annotations

import pytest

from postseal.smtp.extensions import Extensions
from postseal.smtp.reply import Reply


def offered(*lines: str) -> Extensions:
    return Extensions.from_reply(Reply(250, ("mx.example", *lines)))


@pytest.mark.parametrize("line", ["STARTTLS", "starttls", "StartTLS ", " STARTTLS", "STARTTLS foo"])
def test_a_keyword_counts_in_any_case(line: str) -> None:
    # N18
    assert "STARTTLS" in offered("SIZE 1", line)


@pytest.mark.parametrize(
    "line", ["XSTARTTLS", "X STARTTLS", "STARTTLS=1", "-STARTTLS", "", "STARTTLſ"]
)
def test_what_looks_like_a_keyword_does_not(line: str) -> None:
    # nodemailer looked for the word anywhere in the reply.
    assert "STARTTLS" not in offered(line)


def test_the_first_line_is_the_servers_name() -> None:
    reply = Reply(250, ("STARTTLS", "8BITMIME"))
    assert set(Extensions.from_reply(reply).parameters) == {"8BITMIME"}


def test_a_keyword_said_twice_counts_as_it_was_said_first() -> None:
    assert offered("SIZE 10", "SIZE 20").max_message_size == 10


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("SIZE 35882577", 35882577),
        # RFC 1870 3: zero, and no value, say that no limit is stated.
        ("SIZE 0", None),
        ("SIZE", None),
        ("8BITMIME", None),
        ("SIZE -1", None),
        ("SIZE 1e3", None),
        ("SIZE 10 20", None),
        ("SIZE ١٢", None),
        ("SIZE " + "9" * 20, 10**20 - 1),
        # int() of a long text takes time that grows with its square.
        ("SIZE " + "9" * 21, None),
    ],
)
def test_the_largest_message(line: str, size: int | None) -> None:
    assert offered(line).max_message_size == size


@pytest.mark.parametrize(
    ("line", "mechanisms"),
    [
        ("AUTH PLAIN LOGIN", {"PLAIN", "LOGIN"}),
        ("AUTH plain  scram-sha-256", {"PLAIN", "SCRAM-SHA-256"}),
        ("AUTH", set()),
        # N20: the form that old clients read says nothing about us.
        ("AUTH=PLAIN LOGIN", set()),
    ],
)
def test_the_mechanisms(line: str, mechanisms: set[str]) -> None:
    assert offered(line).mechanisms == mechanisms


def test_nothing_is_offered_by_default() -> None:
    assert Extensions().parameters == {}
    assert Extensions().mechanisms == frozenset()
    assert offered("X").parameters == {"X": ""}
