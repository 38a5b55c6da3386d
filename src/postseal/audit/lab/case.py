"""One case of the attack lab: a hostile server, and what a safe client does in front of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from postseal.audit.findings import Check, Reference, Severity
from postseal.audit.lab.deviations import Deviation
from postseal.audit.lab.handshakes import SOUND, Handshake
from postseal.audit.lab.hostile_inputs import HostileInput
from postseal.audit.lab.verdicts import Verdict
from postseal.smtp.sasl.offer import ServerOffer, ServerSASL

__all__ = ["SAYING_PASSWORD", "Case", "Clock", "Expectation", "Mode", "Server"]


@unique
class Mode(Enum):
    """How the client was told to reach the server."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@unique
class Expectation(Enum):
    """What the client is configured for: TLS always, or TLS where it is offered (RFC 7435)."""

    REQUIRED = "required"
    OPPORTUNISTIC = "opportunistic"


@unique
class Clock(Enum):
    """Whether a case waits for the client's patience to end."""

    QUICK = "quick"
    PATIENT = "patient"


SAYING_PASSWORD: Final = ServerOffer(frozenset({ServerSASL.PLAIN, ServerSASL.LOGIN}))
"""The mechanisms by which a client simply says its password, under TLS."""


def _covered(host: str) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What one connection of the client meets.

    `feigns_tls`: the engine behaves in clear as it does under TLS, so that a client which goes on
    in clear can give away all it has. `greets_in_clear`: no handshake is awaited, whatever the
    mode. `refuses`: the connection is reset as soon as it is there. `offer` is how users may
    prove who they are.
    """

    deviations: tuple[Deviation, ...] = ()
    handshake: Handshake = SOUND
    feigns_tls: bool = False
    greets_in_clear: bool = False
    refuses: bool = False
    offer: ServerOffer = SAYING_PASSWORD


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case, declared.

    `story` says what the attacker is after, `hostile` in a phrase what the server does, and `safe`
    what a sound client does. `channel_is_sound`: what the client says under TLS may be known to
    this server, since it is who it says; otherwise all of that is leaked. `answers_are_forged`:
    what the client may take for an acceptance comes from the attacker.

    `servers` are met by the connections in their order, the last of them by all that follow.
    `also_on` are ports of the loopback addresses on which they listen besides the client's.
    `allowed_opportunistic` are verdicts that a client may earn which is content without TLS.
    `allowed` may be earned by any: the case looks for something worse. `untold` is what the server
    says and the client must not hand on as it is to whoever reads its output. `input` is what
    the client is given in place of one of its canaries. `not_covered` says why a case cannot be
    run, and `not_covered_for` why it cannot with the host the client asks for.
    """

    id: str
    title: str
    story: str
    hostile: str
    safe: str
    severity: Severity
    remedy: str
    servers: tuple[Server, ...]
    also_on: tuple[int, ...] = ()
    modes: frozenset[Mode] = frozenset(Mode)
    channel_is_sound: bool = True
    answers_are_forged: bool = False
    allowed: frozenset[Verdict] = frozenset()
    allowed_opportunistic: frozenset[Verdict] = frozenset()
    untold: str = ""
    input: HostileInput | None = None
    clock: Clock = Clock.QUICK
    not_covered: str = ""
    not_covered_for: Callable[[str], str] = _covered
    references: tuple[Reference, ...] = ()
    cwe: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()

    def server(self, number: int) -> Server:
        """What the connection `number`, from 0, meets."""
        return self.servers[min(number, len(self.servers) - 1)]

    def check(self, mode: Mode) -> Check:
        """The case as the rule of a report, in one mode."""
        return Check(
            id=f"LAB-{self.id}-{mode.name}",
            title=self.title,
            description=f"{self.story} A safe client: {self.safe}",
            severity=self.severity,
            remedy=self.remedy,
            references=self.references,
            cwe=self.cwe,
            tags=("client", mode.value, *self.tags),
        )
