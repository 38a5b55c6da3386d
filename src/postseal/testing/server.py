"""An SMTP server of tests: in a thread, on loopback, with real TLS and faults on demand."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from enum import Enum, unique
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final, Self
from urllib.parse import quote

from postseal.errors import InvalidSetting
from postseal.send.networks.aio import AsyncioStream, listen
from postseal.smtp.known_users import KnownUsers
from postseal.smtp.protocol import Extension
from postseal.smtp.rules import DEFAULT_EXTENSIONS, Offer, ServerRules
from postseal.smtp.sasl.offer import ServerOffer, ServerSASL
from postseal.testing.conversation import Conversation, Scene, SeenSession
from postseal.testing.faults import Fault, Faults
from postseal.testing.outbox import Outbox
from postseal.tls.authority import LocalAuthority
from postseal.tls.channel import Opening
from postseal.tls.contexts import server_context
from postseal.tls.trust import Trust

__all__ = ["Mode", "SMTPServer"]

_LOOPBACK: Final = "127.0.0.1"
_NAMES: Final = ("localhost", _LOOPBACK)
_START: Final = 10.0
_MAX_SESSIONS: Final = 1000
_MAX_AT_ONCE: Final = 200
_MECHANISMS: Final = frozenset({ServerSASL.PLAIN, ServerSASL.LOGIN, ServerSASL.SCRAM_SHA_256})


@unique
class Mode(Enum):
    """How a server of tests comes to TLS."""

    STARTTLS = "smtp"
    IMPLICIT = "smtps"
    PLAINTEXT = "smtp+insecure"
    """Never; what needs TLS elsewhere, such as AUTH, is taken in clear."""


class SMTPServer:
    """Takes mail on a free port of loopback while its `with` block lasts.

    ::

        with SMTPServer(users={"ada": "enchantress"}) as server:
            with Mailer(server.url, password="enchantress", trust=server.trust) as mailer:
                mailer.send(message)
            server.outbox.assert_sent(to="bob@example.org")

    Its certificate is from an authority of its own that nobody knows before: `trust` and `ca_file`
    are for clients that shall take it, and with other `names` the certificate is another's. With
    `users`, whose passwords are the values, nobody sends without AUTH. `outbox` has the messages,
    `sessions` what the connections were. Any thread may call `fault` and `heal` at any time.

    A client that says nothing for `patience` seconds is left.
    """

    def __init__(
        self,
        mode: Mode = Mode.STARTTLS,
        *,
        users: Mapping[str, str] | None = None,
        names: Iterable[str] = _NAMES,
        extensions: Iterable[Extension] = DEFAULT_EXTENSIONS,
        faults: Iterable[Fault] = (),
        patience: float = 30.0,
    ) -> None:
        self.mode = mode
        self.host = _LOOPBACK
        self.outbox = Outbox()
        self._users = dict(users or {})
        self._names = tuple(names)
        self._extensions = frozenset(extensions)
        self._patience = patience
        self._faults = Faults()
        self._faults.add(faults)
        self._sessions: deque[SeenSession] = deque(maxlen=_MAX_SESSIONS)
        self._conversations: set[asyncio.Task[None]] = set()
        self._folder = Path()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._port = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        self._require_running()
        return self._port

    @property
    def url(self) -> str:
        """What a mailer is given; it names the first of the users."""
        user = quote(next(iter(self._users), ""), safe="")
        return f"{self.mode.value}://{user}{'@' if user else ''}{self.host}:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The certificate of its authority, as PEM, for clients of any kind."""
        self._require_running()
        return self._folder / "authority.pem"

    @property
    def trust(self) -> Trust:
        """The trust by which mailers take it."""
        return Trust.only(self.ca_file)

    @property
    def sessions(self) -> tuple[SeenSession, ...]:
        """What the connections were, the newest thousand of them, the oldest first."""
        return tuple(self._sessions)

    def fault(self, *faults: Fault) -> None:
        """Let faults happen from now on, each behind those that were asked for before."""
        self._faults.add(faults)

    def heal(self) -> None:
        """Let no fault happen any more."""
        self._faults.clear()

    def start(self) -> Self:
        """Begin to listen. Raises `InvalidSetting` where it listens already."""
        if self._thread is not None:
            raise InvalidSetting("the server is running already", hint="Make another one.")
        self._folder = Path(mkdtemp(prefix="postseal-testing-"))
        self._stop = asyncio.Event()
        started: Future[int] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)),
            name=f"postseal.testing {self.mode.name}",
            daemon=True,
        )
        self._thread.start()
        try:
            self._port = started.result(_START)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Break all conversations off, and end; what was taken can still be looked at."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None:
            # Where the start has failed, there is no loop any more to be told.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(_START)
        rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _require_running(self) -> None:
        if self._thread is None:
            raise InvalidSetting("the server does not run", hint="Use it within `with server:`.")

    async def _serve(self, started: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            scene = self._scene()
            server = await listen(self.host, 0, lambda stream: self._converse(stream, scene))
        except Exception as error:  # noqa: BLE001  # it is raised by `start`
            started.set_exception(error)
            return
        started.set_result(server.sockets[0].getsockname()[1])
        await self._stop.wait()
        server.close()
        for task in tuple(self._conversations):
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def _converse(self, stream: AsyncioStream, scene: Scene) -> None:
        task = asyncio.current_task()
        if task is None or len(self._conversations) >= _MAX_AT_ONCE:
            stream.abort()
            return
        seen = SeenSession(stream.peer_address)
        self._sessions.append(seen)
        self._conversations.add(task)
        try:
            await Conversation(stream, scene, seen).run()
        except asyncio.CancelledError:
            stream.abort()
            raise
        finally:
            self._conversations.discard(task)

    def _scene(self) -> Scene:
        folder = self._folder
        authority = LocalAuthority.create(name="Postseal test authority")
        issued = authority.issue_server(self._names)
        for name, pem in (
            ("authority.pem", authority.certificate_pem),
            ("chain.pem", issued.chain_pem),
            ("key.pem", issued.key_pem),
        ):
            (folder / name).write_bytes(pem)
        rules = ServerRules(
            "localhost",
            starttls=Offer.REQUIRED if self.mode is Mode.STARTTLS else Offer.UNAVAILABLE,
            authentication=Offer.REQUIRED if self._users else Offer.UNAVAILABLE,
            extensions=self._extensions,
            sasl=ServerOffer(_MECHANISMS, decoy_secret=secrets.token_bytes(16)),
        )
        openings = {Mode.STARTTLS: Opening.STARTTLS, Mode.IMPLICIT: Opening.IMPLICIT}
        return Scene(
            rules=rules,
            clear_rules=replace(rules, starttls=Offer.UNAVAILABLE),
            opening=openings.get(self.mode),
            context=server_context(folder / "chain.pem", folder / "key.pem"),
            users=KnownUsers(self._users),
            faults=self._faults,
            outbox=self.outbox,
            patience=self._patience,
        )
