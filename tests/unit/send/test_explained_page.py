"""What docs/explain.md says of the JSON, and what is written."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest

from postseal.dns import MX
from postseal.send.explanation.explained import Action, Verdict
from postseal.send.explanation.explained_json import explained_json
from postseal.send.explanation.explaining import Depth, explain_destination
from postseal.send.networks.blocking import run
from postseal.send.session.connection import ConnectionOptions
from postseal.testing import MemoryNetwork, MemoryResolver
from postseal.tls.ladder import Stance
from tests.parts.page_tables import DOCS, table
from tests.unit.send.dialogues import greeting

HOST = "mx.example.org"


@pytest.fixture(scope="module")
def written() -> Any:
    """A destination with one server, which was connected to."""
    resolver = MemoryResolver(authentic=False)
    resolver.add("example.org", MX(10, HOST))
    resolver.add(HOST, IPv4Address("192.0.2.1"))
    bye = "C: QUIT\nS: 221 bye\nS: <end>\n"
    explained = run(
        explain_destination(
            "example.org",
            network=MemoryNetwork(greeting() + bye),
            resolver=resolver,
            options=ConnectionOptions(),
            depth=Depth.CONNECTION,
        )
    )
    return explained_json(explained)


def first_column(heading: str) -> list[str]:
    return [row[0] for row in table("explain.md", heading)]


@pytest.mark.parametrize(
    ("heading", "path"),
    [
        ("The destination", ()),
        ("A server", ("servers", 0)),
        ("A lookup", ("lookups", 0)),
        ("A rule", ("servers", 0, "decision", "rule")),
        ("A connection", ("servers", 0, "connection")),
        ("An error", ("lookups", 1, "error")),
    ],
)
def test_the_page_names_the_members_in_their_order(
    written: Any, heading: str, path: tuple[str | int, ...]
) -> None:
    found = written
    for step in path:
        found = found[step]
    assert list(found) == first_column(heading)


def test_the_page_names_the_members_of_what_it_does_not_list(written: Any) -> None:
    text = (DOCS / "explain.md").read_text(encoding="utf-8")
    server = written["servers"][0]
    inner = [
        *written["mta_sts"],
        *server["dane"],
        *server["decision"],
        *server["decision"]["policy"],
        *server["connection"]["tls"],
    ]
    assert [name for name in inner if f"`{name}`" not in text] == []


@pytest.mark.parametrize("words", [Action, Verdict, Stance])
def test_the_page_names_all_words(words: type[Action] | type[Verdict] | type[Stance]) -> None:
    text = (DOCS / "explain.md").read_text(encoding="utf-8")
    assert [word for word in words if f"`{word.value}`" not in text] == []
