from __future__ import annotations

import jinja2
import pytest

from postseal.errors import InvalidInput
from postseal.frameworks.jinja import MessageTemplates, Rendered
from postseal.mail import Message


def templates(**texts: str) -> MessageTemplates:
    return MessageTemplates(
        jinja2.DictLoader({name.replace("_", "."): text for name, text in texts.items()})
    )


def test_a_message_of_templates() -> None:
    rendered = templates(
        hi_subject="Hi {{ name }}\n",
        hi_txt="Hello {{ name }},\n{% for each in items %}\n- {{ each }}\n{% endfor %}\n",
        hi_html="<style>p { color: red }</style><p>Hello {{ name }}</p>",
    ).render("hi", {"name": "<Bob> & Ü", "items": ["a", "b"]})
    assert rendered.subject == "Hi <Bob> & Ü"
    assert rendered.text == "Hello <Bob> & Ü,\n- a\n- b\n"
    assert rendered.html is not None
    assert '<p style="color: red;">Hello &lt;Bob&gt; &amp; Ü</p>' in rendered.html
    message = Message(
        from_="a@example.com",
        to="b@example.com",
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
    )
    assert b"multipart/alternative" in bytes(message)


def test_one_form_is_enough() -> None:
    assert templates(hi_txt="Hello").render("hi", {}) == Rendered(None, "Hello", None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ missing }}", "'missing' is undefined"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{% if %}", "cannot be read"),
        ("{% include 'other' %}", "cannot be filled in"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ items.append(1) }}", "unsafe"),
        ("{% for a in range(99999999) %}x{% endfor %}", "Range too big"),
        ("{% for a in range(99999) %}{{ 'x' * 99 }}{% endfor %}", "over 4194304 characters"),
    ],
)
def test_a_faulty_template_is_a_typed_error(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        templates(hi_txt=text).render("hi", {"items": []})


def test_no_template_at_all_is_a_typed_error() -> None:
    with pytest.raises(InvalidInput, match=r"no template hi\.txt or hi\.html"):
        templates().render("hi", {})


def test_nothing_is_loaded_from_elsewhere() -> None:
    html = (
        '<link rel="stylesheet" href="http://127.0.0.1:9/a.css"><style>p{margin:0}</style><p>x</p>'
    )
    rendered = templates(hi_html=html).render("hi", {})
    assert '<p style="margin: 0;">x</p>' in (rendered.html or "")
