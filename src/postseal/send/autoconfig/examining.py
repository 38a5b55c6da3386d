"""Finding the server, port, mode and mechanism to send mail by, as mail programs do.

What the domain publishes comes first, then guesses, and those only until one works. Credentials are
used once, at the best server, and only where it is proven to be the one that was meant.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Protocol, TypeVar

from postseal.dns import MX, Answer, NameDoesNotExist, Resolver
from postseal.dns.recording import RecordingResolver
from postseal.errors import MailError
from postseal.secrets.opaque import Secret
from postseal.send.autoconfig.account import Service
from postseal.send.autoconfig.candidates import Candidate, Origin, Voucher, lies_within
from postseal.send.autoconfig.examined import Examination, ExaminedLogin, ExaminedServer
from postseal.send.autoconfig.guessing import PORTS, guess_at, guess_hosts, is_ip_address
from postseal.send.autoconfig.judging import (
    judge_candidate,
    judge_files,
    judge_records,
    lookup_failed,
    not_vouched_for,
    nowhere,
    tokens_only,
)
from postseal.send.autoconfig.probing import Probe, log_in, probe
from postseal.send.autoconfig.published import (
    Place,
    PublishedFile,
    fetch_published,
    mozillas_place,
    own_places,
)
from postseal.send.autoconfig.srv_records import find_submission
from postseal.send.autoconfig.subject import Subject
from postseal.send.doctor.diagnosing import diagnose
from postseal.send.doctor.diagnosis import Diagnosis
from postseal.send.networks.network import Network
from postseal.send.networks.resolved_network import ResolvedNetwork
from postseal.send.session.connection_options import ConnectionOptions
from postseal.tls.channel import Opening

__all__ = ["Settle", "examine"]

T = TypeVar("T")

_MAX_PUBLISHED: Final = 8


class Settle(Protocol):
    """Does several things, at once where that can be; errors are among the results."""

    async def __call__(
        self, questions: Sequence[Callable[[], Awaitable[T]]], /
    ) -> list[T | MailError]:
        """Wait for all of them, in their order."""


async def examine(
    subject: Subject,
    *,
    network: Network,
    resolver: Resolver,
    settle: Settle,
    options: ConnectionOptions,
    password: Secret | None = None,
    ask_mozilla: bool = False,
    timeout: float = 10.0,
) -> Examination:
    """Find out by which server `subject` can send mail, and what is wrong with the others.

    `options` has no credentials; its trust is for web servers as well. Each connection and fetch
    takes `timeout` seconds at most, lookups what the resolver allows; there are 80 connections at
    most, and three where somebody named a URL. `settle` is `Exchange.settle` of the same world as
    the network. All trouble is in the result. Raises `MissingExtra`.

    `ask_mozilla` has Mozilla's database asked as well, which is thereby told the domain: where the
    subject may publish its servers, and none that it publishes works.
    """
    doctor = _Doctor(subject, network, resolver, settle, options, timeout)
    return await doctor.examine(password, ask_mozilla=ask_mozilla)


class _Doctor:
    """One examination, with what it has learnt meanwhile."""

    def __init__(
        self,
        subject: Subject,
        network: Network,
        resolver: Resolver,
        settle: Settle,
        options: ConnectionOptions,
        timeout: float,
    ) -> None:
        self._subject = subject
        self._resolver = RecordingResolver(resolver)
        self._network = ResolvedNetwork(network, self._resolver)
        self._settle = settle
        self._options = options
        self._timeout = timeout
        self._probes: list[Probe] = []
        self._files: list[PublishedFile] = []
        self._unknown_hosts: list[str] = []
        self._diagnoses: list[Diagnosis] = []

    async def examine(self, password: Secret | None, *, ask_mozilla: bool) -> Examination:
        subject = self._subject
        if subject.opening is not None:
            await self._probe_all([self._as_given(subject.opening)])
        elif subject.is_one_server:
            await self._guess(None)
        elif (exchangers := await self._exchangers()) is not None:
            await self._probe_all(await self._published())
            if ask_mozilla and self._best() is None:
                await self._probe_all(await self._known_to_mozilla())
            await self._guess(exchangers)
        if not self._probes and not self._diagnoses:
            self._diagnoses.append(nowhere(subject.name, self._unknown_hosts))
        best = self._best()
        return Examination(
            subject=subject,
            lookups=tuple(self._resolver.lookups),
            files=tuple(self._files),
            servers=tuple(
                ExaminedServer(one, judge_candidate(one, self._probes)) for one in self._probes
            ),
            unknown_hosts=tuple(self._unknown_hosts),
            diagnoses=tuple(self._diagnoses),
            best=best,
            login=None if best is None or password is None else await self._log_in(best, password),
        )

    # -- who is named -----------------------------------------------------------------------------

    async def _exchangers(self) -> Answer[MX] | None:
        """Ask for the MX records; where that fails, nothing else is to be had of the domain."""
        name = self._subject.name
        try:
            return await self._resolver.mx(name)
        except NameDoesNotExist:
            self._diagnoses.append(nowhere(name, [name]))
        except MailError as problem:
            self._diagnoses.append(lookup_failed(problem))
        return None

    async def _published(self) -> list[Candidate]:
        subject = self._subject
        found = await find_submission(self._resolver, subject.name)
        files = await self._fetch_all(own_places(subject.name))
        self._diagnoses += judge_records(found)
        self._diagnoses += judge_files(files)
        by_records = [
            Candidate(
                host=one.host,
                port=one.port,
                opening=one.opening,
                origin=Origin.SRV,
                voucher=self._vouch(
                    one.host, otherwise=Voucher.DNSSEC if one.authentic else Voucher.NOBODY
                ),
                username=subject.username_by(""),
            )
            for one in found.services
        ]
        file = next((one for one in files if one.settings is not None), None)
        by_file = [] if file is None else self._named_in(file)
        distinct: dict[tuple[str, int, Opening], Candidate] = {}
        # The file knows what users are called: where both name a server, it is taken from there.
        for one in [*by_file, *by_records]:
            distinct.setdefault((one.host, one.port, one.opening), one)
        return list(distinct.values())[:_MAX_PUBLISHED]

    async def _known_to_mozilla(self) -> list[Candidate]:
        files = await self._fetch_all([mozillas_place(self._subject.name)])
        self._diagnoses += judge_files(files)
        return [one for file in files for one in self._named_in(file)][:_MAX_PUBLISHED]

    async def _fetch_all(self, places: Iterable[Place]) -> list[PublishedFile]:
        fetched = await self._settle(
            [
                partial(
                    fetch_published,
                    self._network,
                    place,
                    trust=self._options.trust,
                    timeout=self._timeout,
                )
                for place in places
            ]
        )
        files = [_no_error(one) for one in fetched]
        self._files += files
        return files

    def _named_in(self, file: PublishedFile) -> list[Candidate]:
        """Give the servers of a file that are sealed; those in clear are not connected to."""
        is_own = file.place.origin is Origin.FILE
        return [
            Candidate(
                host=one.host,
                port=one.port,
                opening=one.opening,
                origin=file.place.origin,
                voucher=Voucher.HTTPS
                if is_own
                else self._vouch(one.host, otherwise=Voucher.THIRD_PARTY),
                username=self._subject.username_by(one.username),
            )
            for one in (file.settings.of(Service.SUBMISSION) if file.settings is not None else ())
            if one.opening is not None
        ]

    def _as_given(self, opening: Opening) -> Candidate:
        subject = self._subject
        return Candidate(
            host=subject.name,
            port=subject.port or PORTS[0],
            opening=opening,
            origin=Origin.CALLER,
            voucher=Voucher.CALLER,
            username=subject.username,
        )

    def _vouch(self, host: str, *, otherwise: Voucher) -> Voucher:
        return Voucher.DOMAIN if lies_within(host, self._subject.name) else otherwise

    # -- trying -----------------------------------------------------------------------------------

    async def _guess(self, exchangers: Answer[MX] | None) -> None:
        subject = self._subject
        hosts = guess_hosts(subject.name, exchangers=exchangers, is_named=subject.address is None)
        # Who names a port means the host that they name.
        for place in hosts if subject.port is None else hosts[:1]:
            if self._best() is not None:
                return
            if await self._has_address(place.host):
                ports = PORTS if subject.port is None else (subject.port,)
                await self._probe_all(
                    guess_at(place, ports=ports, username=subject.username_by(""))
                )

    async def _has_address(self, host: str) -> bool:
        if is_ip_address(host):
            return True
        try:
            if (await self._resolver.addresses(host)).records:
                return True
            self._unknown_hosts.append(host)
        except NameDoesNotExist:
            self._unknown_hosts.append(host)
        except MailError as problem:
            self._diagnoses.append(lookup_failed(problem))
        return False

    async def _probe_all(self, candidates: Iterable[Candidate]) -> None:
        known = {(one.candidate.host, one.candidate.port) for one in self._probes}
        probed = await self._settle(
            [
                partial(probe, self._network, one, self._options, timeout=self._timeout)
                for one in candidates
                if (one.host, one.port) not in known
            ]
        )
        self._probes += [_no_error(one) for one in probed]

    def _best(self) -> Probe | None:
        """Give the first server that one can log in to, by a password before by a token alone."""
        usable = [
            one
            for tried in self._probes
            for one in (tried, tried.other)
            if one is not None and one.is_usable
        ]
        return next((one for one in usable if one.mechanism), usable[0] if usable else None)

    async def _log_in(self, best: Probe, password: Secret) -> ExaminedLogin:
        candidate = best.candidate
        if not candidate.voucher.is_enough:
            return ExaminedLogin(candidate, not_vouched_for(candidate))
        if best.mechanism is None:
            return ExaminedLogin(candidate, tokens_only(best))
        try:
            await log_in(
                self._network,
                candidate,
                replace(self._options, password=password),
                timeout=self._timeout,
            )
        except MailError as error:
            return ExaminedLogin(candidate, diagnose(error))
        return ExaminedLogin(candidate)


def _no_error(result: T | MailError) -> T:
    """Raise what is no trouble of a server's, such as a package that is missing."""
    if isinstance(result, MailError):
        raise result
    return result
