"""Markdown: what a stranger wrote is text, whatever it looks like."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

from postseal.audit.findings import Evidence
from postseal.audit.report.markdown import markdown_report
from postseal.audit.triage import TriagedReport
from tests.parts.audited import HONEST, found, hostile_reports, passed, triaged

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = {"<code>", "</code>", "<br>"}


def tokens_of(held: TriagedReport) -> list[Token]:
    return PARSER.parse(markdown_report(held))


def test_what_is_written() -> None:
    text = markdown_report(triaged(passed(HONEST), found()))
    assert text.startswith("# Postseal audit: client-starttls\n\n**Failed&#58; there are findings")
    assert (
        "| LAB-N01-STARTTLS<br>STARTTLS is not offered | offered AUTH without STARTTLS "
        "| <code>gave away its password in clear</code> | leak of credentials (critical) |\n"
    ) in text
    assert (
        "- **critical** (LAB-N01-STARTTLS): Require TLS. Read: "
        "[RFC 3207 6](https&#58;//www.rfc-editor.org/rfc/rfc3207&#35;section-6)\n"
    ) in text
    assert "<summary>LAB-N01-STARTTLS: connection 1</summary>\n\n<pre>S: 220 hello\n" in text


def test_links_lead_where_they_should() -> None:
    assert (
        '<a href="https://www.rfc-editor.org/rfc/rfc3207#section-6">RFC 3207 6</a>'
    ) in PARSER.render(markdown_report(triaged(found())))


def test_evidence_stays_in_its_fold() -> None:
    # An empty line would end most blocks of HTML.
    evidence = (Evidence("output", "</pre>\n\n</details>\n\n# Owned\n\n| a | b |"),)
    rendered = PARSER.render(markdown_report(triaged(replace(found(), evidence=evidence))))
    assert "<pre>&lt;/pre&gt;\n\n&lt;/details&gt;\n\n# Owned\n\n| a | b |</pre>" in rendered


@settings(max_examples=40)
@given(hostile_reports)
def test_whatever_is_found_only_our_own_markup_is_markup(held: TriagedReport) -> None:
    tokens = tokens_of(held)
    # One row of heads and one for each finding; the table of facts has two rows of its own more.
    rows = [token for token in tokens if token.type == "tr_open"]
    assert len(rows) == (1 + 2 + len(held.report.facts)) + (1 + len(held.findings))
    headings = [token.tag for token in tokens if token.type == "heading_open"]
    assert headings[:2] == ["h1", "h2"]
    assert len(headings) <= 4
    for inline in (child for token in tokens for child in token.children or ()):
        assert inline.type in {
            "text", "text_special", "html_inline", "strong_open", "strong_close", "link_open",
            "link_close",
        }, inline  # fmt: skip
        if inline.type == "html_inline":
            assert inline.content in OURS
        if inline.type == "link_open":
            assert str(inline.attrs["href"]).startswith("https://")
    assert sum(token.type == "list_item_open" for token in tokens) <= len(held.findings)
    for block in (token.content for token in tokens if token.type == "html_block"):
        assert block.startswith(("<details>\n<summary>", "<pre>", "</details>"))
        assert block.count("<pre") == block.count("</pre>") <= 1
