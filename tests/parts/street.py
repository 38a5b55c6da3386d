"""A street of mail servers for the doctor: names and ports of the world, all of them on loopback.

The names come from a DNS in memory, and a network leads their ports here.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from postseal.dns.exchange import AsyncioExchange, BlockingExchange
from postseal.secrets import Secret
from postseal.send.autoconfig import Examination, Subject, examine
from postseal.send.doctor.diagnosis import Ailment
from postseal.send.session.connection_options import ConnectionOptions
from postseal.testing import MemoryResolver
from postseal.tls import Trust
from tests.integration.send.scripts import greet, hello, take_auth, take_quit
from tests.parts.certificates import ServerCertificate
from tests.parts.hostile_server import HostileServer, Script, Talk
from tests.parts.ported_network import Place, PortedNetwork
from tests.parts.worlds import World

DOMAIN, ADDRESS = "example.com", "ada@example.com"
HOST, SMTP = "mail.example.com", "smtp.example.com"
ELSEWHERE = "mail.example.net"
AUTOCONFIG, MOZILLA = "autoconfig.example.com", "autoconfig.thunderbird.net"
HERE = IPv4Address("127.0.0.1")
AUTH = "AUTH PLAIN LOGIN"
# Long enough for a busy machine; a port that stays silent has to be waited for.
PATIENCE, IMPATIENT = 10.0, 0.6
# What the certificate of the street is for.
NAMES = (HOST, SMTP, ELSEWHERE, AUTOCONFIG, MOZILLA)


@dataclass(slots=True)
class Street:
    """Servers at their places, and the examination of a subject there."""

    world: World
    context: ssl.SSLContext
    trust: Trust
    resolver: MemoryResolver = field(default_factory=lambda: MemoryResolver(authentic=False))
    filtered: Sequence[Place] = ()
    ports: dict[Place, int] = field(default_factory=dict)
    servers: dict[Place, HostileServer] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)
    reached: list[Place] = field(default_factory=list)

    def serve(self, host: str, port: int, *scripts: Script) -> HostileServer:
        server = self.stack.enter_context(HostileServer(*scripts))
        self.ports[host, port] = server.port
        self.servers[host, port] = server
        self.resolver.add(host, HERE)
        return server

    def examine(
        self,
        subject: str = ADDRESS,
        *,
        password: str | None = None,
        username: str | None = None,
        port: int | None = None,
        ask_mozilla: bool = False,
        timeout: float = PATIENCE,
    ) -> Examination:
        network = PortedNetwork(self.world.network(), self.ports, filtered=self.filtered)
        self.reached = network.reached
        is_blocking = self.world is World.BLOCKING
        return self.world.drive(
            examine(
                Subject.parse(subject, username=username, port=port),
                network=network,
                resolver=self.resolver,
                settle=BlockingExchange().settle if is_blocking else AsyncioExchange().settle,
                options=ConnectionOptions(trust=self.trust),
                password=None if password is None else Secret(password),
                ask_mozilla=ask_mozilla,
                timeout=timeout,
            )
        )

    def implicit(self, *extensions: str, then: Script = take_quit) -> Script:
        def script(talk: Talk) -> None:
            talk.seal(self.context)
            greet(talk, *extensions)
            then(talk)

        return script

    def starttls(self, *extensions: str, then: Script = take_quit) -> Script:
        def script(talk: Talk) -> None:
            greet(talk, "STARTTLS", AUTH)
            talk.hear("STARTTLS")
            talk.say("220 go ahead")
            talk.seal(self.context)
            hello(talk, *extensions)
            then(talk)

        return script


def in_clear(*extensions: str) -> Script:
    """A server without TLS."""

    def script(talk: Talk) -> None:
        greet(talk, *extensions)
        take_quit(talk)

    return script


def logging_in(talk: Talk) -> None:
    """Take any credentials, and QUIT."""
    take_auth(talk)
    take_quit(talk)


def refusing_login(reply: str) -> Script:
    def script(talk: Talk) -> None:
        talk.hear("AUTH PLAIN ")
        talk.say(reply)
        talk.take_all()

    return script


@contextmanager
def open_street(certificate: ServerCertificate) -> Iterator[Street]:
    """Make a street without servers; its certificate is for `NAMES`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain_file)
    street = Street(World.ASYNCIO, context, Trust.only(certificate.ca_file))
    street.resolver.add(DOMAIN)
    with street.stack:
        yield street


def ailments(found: Examination) -> dict[Place, Ailment | None]:
    """Give what is wrong with each server, in the order in which they were tried."""
    return {
        (one.probe.candidate.host, one.probe.candidate.port): (
            None if one.diagnosis is None else one.diagnosis.ailment
        )
        for one in found.servers
    }
