"""An authorization server over real HTTPS: it keeps what it is asked, and answers as it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self, TypeAlias
from urllib.parse import parse_qsl

from postseal.send.networks.blocking import BlockingNetwork
from postseal.tls import Trust
from tests.parts.hostile_server import HostileServer, Script, Talk
from tests.parts.routed_network import RoutedNetwork
from tests.parts.web_authority import WebAuthority
from tests.parts.web_scripts import response

Form: TypeAlias = dict[str, str]
Answer: TypeAlias = tuple[int, object]


def numbered_tokens(form: Form, number: int) -> Answer:
    """Give token-1, token-2 and so on, each for an hour."""
    return 200, {"access_token": f"token-{number}", "token_type": "Bearer", "expires_in": 3600}


@dataclass(slots=True)
class TokenServer:
    """Serves the name `host` while it is entered; `answer` is called with each form and its number.

    `network` leads there from everywhere. A `script` takes the place of all that.
    """

    authority: WebAuthority
    host: str
    answer: Callable[[Form, int], Answer] = numbered_tokens
    script: Script | None = None
    asked: list[Form] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _server: HostileServer = field(init=False)

    @property
    def trust(self) -> Trust:
        return self.authority.trust

    @property
    def network(self) -> RoutedNetwork:
        return RoutedNetwork(BlockingNetwork(), {self.host: self._server.port})

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def received(self) -> bytes:
        """All that the server could decipher."""
        return self._server.received

    def __enter__(self) -> Self:
        self._server = HostileServer(self.script or self._serve)
        self._server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(*error)

    def _serve(self, talk: Talk) -> None:
        talk.seal(self.authority.context(self.host))
        head = list(iter(talk.hear, ""))
        [length] = [int(line[15:]) for line in head if line.lower().startswith("content-length:")]
        while len(body := bytes(talk.received).partition(b"\r\n\r\n")[2]) < length:
            talk.take()
        self.requests.append("\n".join(head))
        self.asked.append(dict(parse_qsl(body.decode(), strict_parsing=True)))
        status, answer = self.answer(self.asked[-1], len(self.asked))
        octets = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        talk.send(response(octets, status=f"{status} x", content_type="application/json"))
        talk.finish()
        talk.end()
