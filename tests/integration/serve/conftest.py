"""One listener over a real store, with rules that a test can make short and small."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from postseal.secrets import Secret
from postseal.serve.credentials import hash_generated_secret
from postseal.serve.intake import Intake
from postseal.serve.listener import Listener, ListenerRules
from postseal.serve.storage import Store
from postseal.tls import server_context
from tests.integration.serve.listening import PASSWORD, USERNAME, OpenListener, Rules
from tests.parts.certificates import ServerCertificate, issue_certificate


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
                    proxies=rules.proxies,
                    patience=rules.patience,
                ),
                Intake(rules.settings, store),
                rules.spool_directory or tmp_path,
            )
            await listener.open("127.0.0.1", 0)
            stack.push_async_callback(listener.close)
            return listener

        yield open_
