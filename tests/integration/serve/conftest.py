"""One listener over a real store, with rules that a test can make short and small."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from postseal.serve.credentials import hash_generated_secret
from postseal.secrets import Secret
from postseal.serve.intake import Intake
from postseal.serve.listener import Listener, ListenerRules, Patience
from postseal.serve.settings import Settings
from postseal.serve.storage import Store
from postseal.smtp.rules import Offer, ServerRules
from postseal.tls import Opening, server_context
from tests.parts.certificates import ServerCertificate, issue_certificate

USERNAME = "ada"
PASSWORD = "the-password-of-ada-is-long-enough"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    """The listeners' certificate, for 127.0.0.1 and localhost."""
    return issue_certificate(tmp_path_factory.mktemp("certificate"), "127.0.0.1", "localhost")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "postseal.db")
    await opened.create_credential(USERNAME, hash_generated_secret(Secret(PASSWORD)))
    yield opened
    await opened.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a test wants of its listener; the rest is a submission listener's."""

    opening: Opening = Opening.STARTTLS
    session: ServerRules = field(default_factory=lambda: ServerRules("mail.test"))
    max_connections: int = 10
    patience: Patience = field(default_factory=Patience)
    settings: Settings = field(default_factory=lambda: Settings(hostname="mail.test"))
    spool_directory: Path | None = None


IN_CLEAR = ServerRules("mail.test", Offer.OFFERED, Offer.UNAVAILABLE)
"""The rules of an mx listener: no TLS needed, so a transcript can be short."""

OpenListener = Callable[[Rules], Awaitable[Listener]]


@pytest.fixture
async def open_listener(
    store: Store, tmp_path: Path, certificate: ServerCertificate
) -> AsyncIterator[OpenListener]:
    """Open listeners on free ports over the one store; closed when the test ends."""
    async with AsyncExitStack() as stack:

        def context() -> ssl.SSLContext:
            return server_context(certificate.chain_file, certificate.chain_file)

        async def open_(rules: Rules) -> Listener:
            listener = Listener(
                ListenerRules(
                    name="test",
                    opening=rules.opening,
                    session=rules.session,
                    context=context,
                    max_connections=rules.max_connections,
                    patience=rules.patience,
                ),
                Intake(rules.settings, store),
                rules.spool_directory or tmp_path,
            )
            await listener.open("127.0.0.1", 0)
            stack.push_async_callback(listener.close)
            return listener

        yield open_
