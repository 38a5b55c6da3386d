from __future__ import annotations

import re
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.serve.web.disposition import attachment_disposition, safe_filename


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("Rechnung März.pdf", "Rechnung März.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\autoexec.bat", "autoexec.bat"),
        ("/", "part-1"),
        ("..", "part-1"),
        ("", "part-1"),
        (" . ", "part-1"),
        ("\x00", "part-1"),
        (".bashrc", "bashrc"),
        ("a\r\nSet-Cookie: x=y.txt", "a  Set-Cookie_ x=y.txt"),
        ('a"; filename="b.exe', "a_; filename=_b.exe"),
        ("<script>.html", "_script_.html"),
        ("ann\u202efdp.exe", "ann fdp.exe"),
        ("C:evil.txt:stream", "C_evil.txt_stream"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("é" * 300 + ".pdf", "é" * 98 + ".pdf"),
        ("x" * 300, "x" * 200),
    ],
)
def test_names(name: str, safe: str) -> None:
    assert safe_filename(name, fallback="part-1") == safe


@given(st.text())
def test_any_name_becomes_a_safe_one(name: str) -> None:
    safe = safe_filename(name, fallback="part-1")
    assert 0 < len(safe.encode()) <= 200
    assert not re.search(r'[\x00-\x1f\x7f/\\<>:"|?*]', safe)
    assert not safe.startswith(".")
    assert safe not in {"", ".", ".."}


@given(st.text())
def test_the_header_is_one_ascii_line_that_reads_back(name: str) -> None:
    safe = safe_filename(name, fallback="part-1")
    header = attachment_disposition(safe)
    assert re.fullmatch(r"attachment; filename=\"[A-Za-z0-9._ -]+\"; filename\*=UTF-8''\S+", header)
    message = EmailMessage()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    assert header.rpartition("''")[2].isascii()
