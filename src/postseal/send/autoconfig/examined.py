"""What an examination found out, as values: each server with its diagnosis, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

from postseal.dns.recording import RecordedLookup
from postseal.send.autoconfig.candidates import Candidate
from postseal.send.autoconfig.probing import Probe
from postseal.send.autoconfig.published import PublishedFile
from postseal.send.autoconfig.subject import Subject
from postseal.send.doctor.diagnosis import Ailment, Diagnosis

__all__ = ["Examination", "ExaminedLogin", "ExaminedServer", "Health"]


@unique
class Health(Enum):
    """The verdict of an examination."""

    WORKS = "works"
    """There is a server to use, and nobody is sent to one that does not work."""
    FAULTY = "faulty"
    """No server works, the login fails, or one that is published does not work."""
    INCONCLUSIVE = "inconclusive"
    """Something could not be reached or tried, and nothing is known to be wrong."""


@dataclass(frozen=True, slots=True)
class ExaminedServer:
    """A server that was tried; without a `diagnosis` one can send through it."""

    probe: Probe
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True)
class ExaminedLogin:
    """A login that was tried, or not, at one server; without a `diagnosis` it was taken."""

    candidate: Candidate
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """All that was looked at, and the server to use in the end.

    `best` is that server; None where there is none. `login` is None where there were no
    credentials, or nowhere to take them. `unknown_hosts` are guessed names that have no address,
    `diagnoses` what is wrong with the domain as a whole.
    """

    subject: Subject
    lookups: tuple[RecordedLookup, ...] = ()
    files: tuple[PublishedFile, ...] = ()
    servers: tuple[ExaminedServer, ...] = ()
    unknown_hosts: tuple[str, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    best: Probe | None = None
    login: ExaminedLogin | None = None

    @property
    def health(self) -> Health:
        """Judge by the rules that `Health` has."""
        failed = self.login.diagnosis if self.login is not None else None
        if failed is not None:
            return Health.INCONCLUSIVE if failed.ailment.is_inconclusive else Health.FAULTY
        wrong = [
            server.diagnosis.ailment
            for server in self.servers
            if server.diagnosis is not None
            and (self.best is None or server.probe.candidate.origin.is_published)
        ]
        wrong += [one.ailment for one in self.diagnoses]
        # Where no password was to be used, a server for tokens is as good as any.
        if any(not one.is_inconclusive and one is not Ailment.TOKENS_ONLY for one in wrong):
            return Health.FAULTY
        return Health.INCONCLUSIVE if self.best is None else Health.WORKS
