"""What a retriever refuses before there is any connection."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from postseal import Secret
from postseal.errors import (
    ConnectError,
    InvalidSetting,
    InvalidURL,
    LocalProtocolError,
    Phase,
    TimedOut,
)
from postseal.retrieve import Retriever
from postseal.testing import MemoryNetwork
from postseal.tls import Trust

URL = "imaps://ada@mail.example.com"


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        (URL, {}, "nothing was given to log in with"),
        (URL, {"password": "x", "token": lambda: "y"}, "a password and a token"),
        ("imaps://mail.example.com", {"password": "x"}, "no user"),
        ("imaps://mail.example.com", {"token": lambda: "x"}, "no user"),
        (URL, {"password": "x", "trust": Trust.only("/nowhere/ca.pem")}, "/nowhere/ca.pem"),
    ],
)
def test_settings_that_cannot_be(url: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSetting, match=said):
        Retriever(url, **options)


def test_a_password_in_the_url_is_not_repeated() -> None:
    with pytest.raises(InvalidURL) as caught:
        Retriever("imaps://ada:hush@mail.example.com")
    assert "hush" not in str(caught.value)


def test_a_retriever_is_used_with_with() -> None:
    mailbox = Retriever(URL, password=Secret("x"), network=MemoryNetwork())
    for use in (mailbox.all, mailbox.first, mailbox.select, mailbox.folders, lambda: mailbox.tls):
        with pytest.raises(LocalProtocolError):
            use()


@pytest.mark.parametrize(
    ("network", "kind"),
    [
        (MemoryNetwork(), ConnectError),
        (MemoryNetwork(TimedOut("connecting took too long")), TimedOut),
    ],
    ids=["refused", "stalled"],
)
def test_a_server_that_cannot_be_reached(network: MemoryNetwork, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught, Retriever(URL, password="x", network=network):
        raise AssertionError("it was opened")
    assert getattr(caught.value, "host", None) == "mail.example.com"
    assert getattr(caught.value, "phase", None) is Phase.CONNECT
    assert network.connected == [("mail.example.com", 993)]


def test_files_are_read_without_the_modules_of_servers() -> None:
    code = (
        "import sys, postseal.retrieve as r; assert 'imaplib' not in sys.modules; "
        "r.MboxFile, r.MaildirFolder; "
        "print([m for m in ('imaplib', 'poplib', 'ssl', 'asyncio', 'mailbox', 'socket') "
        "if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == "[]"
