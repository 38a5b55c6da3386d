"""The plain text that says what an HTML text says, links and lists kept (RFC 2046 5.1.4)."""

from __future__ import annotations

import re
from html.parser import HTMLParser

__all__ = ["MAX_HTML", "text_from_html"]

MAX_HTML = 1_000_000
"""The longest HTML that is read, in characters; what stands behind that is left out."""

_UNSEEN = frozenset({"head", "script", "style", "template", "title", "noscript", "svg", "object"})
_BLOCKS = frozenset({"div", "section", "article", "header", "footer", "main", "nav", "aside"})
_BLOCKS |= {"form", "fieldset", "figure", "figcaption", "address", "center", "dl", "dt", "dd"}
_BLOCKS |= {"table", "tr", "thead", "tbody", "tfoot", "caption", "li", "body", "html", "details"}
# These have a blank line around them.
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre"})
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta"})
_VOID |= {"param", "source", "track", "wbr"}
_RULE = "-" * 40
_BLANKS = re.compile(r"[ \t\r\n\f]+")
# A preheader, which mail programs show beside the subject and hide in the text.
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)
# Invisible letters that pad preheaders and tables.
_INVISIBLE = re.compile("[\u00ad\u034f\u200b\u200c\ufeff]")
_MAX_DEPTH = 50
# A link is no use to a reader of text, or says nothing that its text does not.
_LINK = re.compile(r"(?:https?|ftps?|mailto|tel|sms|geo):", re.IGNORECASE)
_SCHEME = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)


def text_from_html(html: str) -> str:
    r"""Give the text of an HTML document, with `\n` as line ends; empty if it has none.

    Paragraphs are apart by a blank line, list items have a dash or a number, quotations `>`, and
    a link its address behind it. Pictures are their `alt` texts. Scripts, styles and what is
    hidden are left out. Nothing in the HTML raises.
    """
    html = html[:MAX_HTML]
    # What is opened and never closed would be searched for its end from each start anew.
    if (comment := html.rfind("<!--")) > html.rfind("-->"):
        html = html[:comment]
    end = html.rfind(">") + 1
    html = html[:end] + html[end:].replace("<", "&lt;")
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    """Collects lines while it reads; what is open is on stacks, so that depth costs nothing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._words: list[str] = []
        # How deep the quotation is in which a blank line is due, None if none is.
        self._blank_due: int | None = None
        self._space_due = False
        self._unseen: list[str] = []
        self._quotes = 0
        self._preformatted = 0
        self._lists: list[int | None] = []
        # Where the open link leads, and how many words stood before it on its line.
        self._link: tuple[str, int] | None = None
        self._marker = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._unseen:
            if tag == self._unseen[0]:
                self._unseen.append(tag)
            return
        attributes = dict(attrs)
        if tag in _UNSEEN or (tag not in _VOID and _is_hidden(attributes)):
            self._unseen.append(tag)
        elif tag in _PARAGRAPHS:
            self._start_paragraph(tag, attributes)
        elif tag == "li":
            self._end_line()
            self._marker = self._next_marker()
        elif tag in _BLOCKS:
            self._end_line()
        elif tag in {"td", "th"}:
            self._space_due = bool(self._words)
        elif tag == "br":
            self._end_line(keep_empty=True)
        elif tag == "hr":
            self._end_line()
            self._lines.append(_prefix(self._quotes) + _RULE)
        elif tag == "img" and (alternative := attributes.get("alt")):
            self._add(alternative)
        elif tag == "a":
            self._link = ((attributes.get("href") or "").strip(), len(self._words))

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            if tag == self._unseen[-1]:
                self._unseen.pop()
        elif tag == "a":
            self._end_link()
        elif tag in _PARAGRAPHS:
            self._end_paragraph(tag)
        elif tag in _BLOCKS:
            self._end_line()

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        data = _INVISIBLE.sub("", data)
        if not self._preformatted:
            self._add(data)
            return
        first, *rest = data.split("\n")
        self._words.append(first)
        for line in rest:
            self._end_line(keep_empty=True)
            self._words.append(line)

    def text(self) -> str:
        """Give what was read."""
        self._end_line()
        text = "\n".join(self._lines).strip("\n")
        return f"{text}\n" if text else ""

    def _add(self, data: str) -> None:
        data = _BLANKS.sub(" ", data)
        text = data.strip(" ")
        if not text:
            self._space_due = self._space_due or bool(data and self._words)
            return
        if self._words and (self._space_due or data[0] == " "):
            self._words.append(" ")
        self._words.append(text)
        self._space_due = data[-1] == " "

    def _want_blank(self) -> None:
        # A list within a list stands close to its item.
        if not self._lists and self._blank_due is None:
            self._blank_due = self._quotes
        elif self._blank_due is not None:
            self._blank_due = min(self._blank_due, self._quotes)

    def _end_line(self, *, keep_empty: bool = False) -> None:
        line = "".join(self._words).replace("\xa0", " ").rstrip()
        had_words = bool(self._words)
        self._words.clear()
        if self._link:
            self._link = (self._link[0], 0)
        self._space_due = False
        if not line and not self._marker:
            # A line break ends the line that it stands in; a second one makes an empty line.
            if keep_empty and (not had_words or self._preformatted) and self._lines:
                self._lines.append(_prefix(self._quotes).rstrip())
            return
        if self._blank_due is not None and self._lines and self._lines[-1].strip("> "):
            self._lines.append(_prefix(min(self._blank_due, self._quotes)).rstrip())
        self._blank_due = None
        indent = "  " * max(0, min(len(self._lists), _MAX_DEPTH) - 1)
        if self._lists and not self._marker:
            indent += "  "
        self._lines.append(f"{_prefix(self._quotes)}{indent}{self._marker}{line}".rstrip())
        self._marker = ""

    def _start_paragraph(self, tag: str, attributes: dict[str, str | None]) -> None:
        # What opens a list item stands beside its mark.
        if not (self._marker and not self._words):
            self._end_line()
            self._want_blank()
        if tag == "blockquote":
            self._quotes += 1
        elif tag == "pre":
            self._preformatted += 1
        elif tag == "ol":
            start = attributes.get("start") or "1"
            self._lists.append(int(start) if start.isascii() and start[:6].isdigit() else 1)
        elif tag == "ul":
            self._lists.append(None)

    def _end_paragraph(self, tag: str) -> None:
        self._end_line()
        if tag == "blockquote":
            self._quotes = max(0, self._quotes - 1)
        elif tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)
        elif tag in {"ul", "ol"} and self._lists:
            self._lists.pop()
        self._want_blank()

    def _next_marker(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "- "
        self._lists[-1] = number + 1
        return f"{number}. "

    def _end_link(self) -> None:
        if self._link is None:
            return
        target, start = self._link
        self._link = None
        if not _LINK.match(target):
            return
        shown = "".join(self._words[start:]).strip()
        target = _BLANKS.sub("", target)
        if _bare(shown) == _bare(target):
            return
        if self._words:
            self._words.append(" ")
        self._words.append(f"<{target}>")


def _prefix(quotes: int) -> str:
    return "> " * min(quotes, _MAX_DEPTH)


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    return "hidden" in attributes or bool(_HIDDEN.search(attributes.get("style") or ""))


def _bare(address: str) -> str:
    return _SCHEME.sub("", address, count=1).rstrip("/").lower()
