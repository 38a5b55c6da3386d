"""The HTML page: whole in one file, and what a stranger wrote in it is text."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given, settings

from postseal.audit.findings import Evidence, Reference
from postseal.audit.report.html_page import html_report
from postseal.audit.report.plain import terminal_safe
from postseal.audit.triage import TriagedReport
from tests.parts.audited import HONEST, STRIPPED, found, hostile_reports, passed, triaged

VOID = {"meta", "br"}
OURS = {
    "html", "head", "meta", "title", "style", "body", "header", "h1", "p", "dl", "dt", "dd", "code",
    "main", "h2", "ul", "li", "strong", "small", "a", "div", "table", "thead", "tbody", "tr", "th",
    "td", "br", "span", "details", "summary", "pre",
}  # fmt: skip


class Page(HTMLParser):
    """Reads a page strictly: each element is ours, and ends where it should."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in OURS, tag
        given = dict(attrs)
        assert set(given) <= {"lang", "charset", "http-equiv", "content", "name", "class", "href"}
        if "href" in given:
            self.links.append(str(given["href"]))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def test_what_is_written() -> None:
    page = Page(html_report(triaged(passed(HONEST), found())))
    assert page.texts["title"] == ["Postseal audit: client-starttls"]
    assert page.texts["p"][:2] == [
        "Failed: there are findings of severity low or above.",
        "1 passed, 1 failed.",
    ]
    assert page.texts["li"] == ["critical: Require TLS.\nLAB-N01-STARTTLS. RFC 3207 6"]
    assert page.texts["summary"] == [
        "LAB-CONTROL-STARTTLS: passed",
        "LAB-N01-STARTTLS: leak of credentials",
    ]
    assert page.texts["pre"] == ["S: 220 hello\nC: EHLO me"] * 2
    assert page.links == ["https://www.rfc-editor.org/rfc/rfc3207#section-6"]


def test_nothing_is_fetched_and_nothing_runs() -> None:
    text = html_report(triaged(found()))
    for what in ("<script", "<link", "<img", "src=", "url(", "@import", " on", "style="):
        assert what not in text.replace(" on the path", "")
    assert "default-src 'none'; style-src 'sha256-" in text


def test_only_links_of_the_web_are_links() -> None:
    odd = replace(STRIPPED, references=(Reference("x", "javascript:alert(1)"), Reference("y")))
    assert Page(html_report(triaged(found(odd)))).links == []


@settings(max_examples=40)
@given(hostile_reports)
def test_whatever_is_found_is_text(held: TriagedReport) -> None:
    page = Page(html_report(held))
    assert all(link.startswith("https://") for link in page.links)
    evidence: list[Evidence] = [one for each in held.findings for one in each.finding.evidence]
    assert page.texts.get("pre", []) == [terminal_safe(one.text) for one in evidence]
