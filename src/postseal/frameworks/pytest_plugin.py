"""Fixtures for pytest: an outbox in place of all servers, and servers of every kind.

pytest loads it in every run, so it imports nothing of its own before a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from postseal.testing.outbox import Outbox
    from postseal.testing.server import SMTPServer

__all__ = [
    "implicit_smtp_server",
    "impostor_smtp_server",
    "outbox",
    "plaintext_smtp_server",
    "smtp_server",
    "stripped_smtp_server",
]


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    """Keep all mail of the test in: every mailer of the process hands it to this outbox.

    See `postseal.testing.captured_mail`; no server is looked for, and none is needed.
    """
    from postseal.testing.capturing import captured_mail

    with captured_mail() as kept:
        yield kept


@pytest.fixture
def smtp_server() -> Iterator[SMTPServer]:
    """Run a server that requires STARTTLS; see `postseal.testing.SMTPServer`."""
    from postseal.testing.server import SMTPServer

    with SMTPServer() as server:
        yield server


@pytest.fixture
def implicit_smtp_server() -> Iterator[SMTPServer]:
    """Run a server that speaks TLS from the first octet."""
    from postseal.testing.server import Mode, SMTPServer

    with SMTPServer(Mode.IMPLICIT) as server:
        yield server


@pytest.fixture
def plaintext_smtp_server() -> Iterator[SMTPServer]:
    """Run a server without TLS."""
    from postseal.testing.server import Mode, SMTPServer

    with SMTPServer(Mode.PLAINTEXT) as server:
        yield server


@pytest.fixture
def stripped_smtp_server() -> Iterator[SMTPServer]:
    """Run a server whose offer of STARTTLS somebody on the path took away.

    It takes all else in clear, so that mail which arrives was sent by a client that can be
    downgraded.
    """
    from postseal.testing.faults import Fault
    from postseal.testing.server import SMTPServer

    with SMTPServer(faults=[Fault.strip_starttls()]) as server:
        yield server


@pytest.fixture
def impostor_smtp_server() -> Iterator[SMTPServer]:
    """Run a server whose certificate is good, and another host's."""
    from postseal.testing.server import SMTPServer

    with SMTPServer(names=["another.example"]) as server:
        yield server
