from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.mail.text_from_html import text_from_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("Hello", "Hello\n"),
        ("<p>One</p><p>Two\n  lines</p>", "One\n\nTwo lines\n"),
        ("a<br>b<br><br>c", "a\nb\n\nc\n"),
        ("<b>bo</b>ld <i>and</i> more", "bold and more\n"),
        ("<h1>Title</h1>Text<hr>End", f"Title\n\nText\n{'-' * 40}\nEnd\n"),
        ("<a href='https://example.com/a'>here</a>.", "here <https://example.com/a>.\n"),
        ("<a href='https://example.com/'>example.com</a>", "example.com\n"),
        ("<a href='mailto:a@example.com'>a@example.com</a>", "a@example.com\n"),
        ("<a href='#top'>up</a> <a href='javascript:x'>no</a> <a>no</a>", "up no no\n"),
        (
            "<a href='https://example.com'><img src=x alt='Shop'></a>",
            "Shop <https://example.com>\n",
        ),
        ("<ul><li>a</li><li>b<ul><li>c</ul></ul>d", "- a\n- b\n  - c\n\nd\n"),
        ("<ol start=3><li>a<li><p>b</p></ol>", "3. a\n4. b\n"),
        ("x<blockquote><p>a</p><p>b</p></blockquote>y", "x\n\n> a\n>\n> b\n\ny\n"),
        ("<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
        ("&lt;b&gt; &amp; &uuml;&nbsp;x", "<b> & ü x\n"),
        ("<style>p{}</style><script>x</script><title>t</title>a<!-- c -->", "a\n"),
        ("<div hidden>a</div><div style='display: none'>b<div>c</div></div>d", "d\n"),
        ("<p>a\u200b\u00ad\u200cb</p>", "ab\n"),
        ("<p>unclosed <b>tags <a href='https://x.example'>link", "unclosed tags link\n"),
        ("</p></ul></blockquote></pre></a>a", "a\n"),
        ("<img src='a.png'>", ""),
    ],
)
def test_says_what_the_html_says(html: str, text: str) -> None:
    assert text_from_html(html) == text


@given(st.text(st.sampled_from("<>/=\"'!-? \nabp&;#1") | st.characters(exclude_categories=["Cs"])))
def test_nothing_raises(html: str) -> None:
    text = text_from_html(html)
    assert not text or text.endswith("\n")


@pytest.mark.parametrize("end", ["", ">", "-->"])
@pytest.mark.parametrize(
    "piece",
    [
        *(
            "<div>",
            "<blockquote>",
            "<ul><li>",
            "<a href=x>",
            "<a href=x>a<br>",
            "<pre>\n",
            "</div>",
        ),
        *("<td hidden>", "<!", "<", "<a ", "&", "<p", "<!--", "</", "<?", "<![CDATA[", "<a b='"),
    ],
)
def test_time_is_linear(piece: str, end: str) -> None:
    started = time.process_time()
    text_from_html(piece * (50_000 // len(piece)) + end)
    # A quadratic reading takes over ten seconds.
    assert time.process_time() - started < 3
