"""One case of the attack lab: a hostile server, and what a safe client does in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

from postseal.audit.findings import Check, Reference, Severity
from postseal.audit.lab.deviations import Deviation
from postseal.audit.lab.handshakes import SOUND, Handshake
from postseal.audit.lab.verdicts import Verdict

__all__ = ["Case", "Clock", "Expectation", "Mode", "Server"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What one connection of the client meets.

    `feigns_tls`: the engine behaves in clear as it does under TLS, so that a client which goes on
    in clear can give away all it has. `greets_in_clear`: no handshake is awaited, whatever the
    mode. `refuses`: the connection is reset as soon as it is there.
    """

    deviations: tuple[Deviation, ...] = ()
    handshake: Handshake = SOUND
    feigns_tls: bool = False
    greets_in_clear: bool = False
    refuses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case, declared.

    `story` says what the attacker is after, `hostile` in a phrase what the server does, and `safe`
    what a sound client does. `channel_is_sound`: what the client says under TLS may be known to
    this server, since it is who it says; otherwise all of that is leaked. `answers_are_forged`:
    what the client may take for an acceptance comes from the attacker.

    `servers` are met by the connections in their order, the last of them by all that follow.
    `allowed_opportunistic` are verdicts that a client may earn which is content without TLS.
    `allowed` may be earned by any: the case looks for something worse.
    """

    id: str
    title: str
    story: str
    hostile: str
    safe: str
    severity: Severity
    remedy: str
    servers: tuple[Server, ...]
    modes: frozenset[Mode] = frozenset(Mode)
    channel_is_sound: bool = True
    answers_are_forged: bool = False
    allowed: frozenset[Verdict] = frozenset()
    allowed_opportunistic: frozenset[Verdict] = frozenset()
    clock: Clock = Clock.QUICK
    not_covered: str = ""
    references: tuple[Reference, ...] = ()
    cwe: tuple[int, ...] = ()

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
            tags=("client", mode.value),
        )
