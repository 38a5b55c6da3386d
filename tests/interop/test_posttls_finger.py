"""The whole decision and its outcome, for each level, beside what Postfix makes of the same world.

Certificate x TLSA x state of the DNS x MTA-STS: Unbound validates over signed zones, the mail and
web servers speak real TLS, and both clients are in a network namespace of the test's own. What
Postfix has no word on, MTA-STS above all, is compared with the RFC alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

import pytest

from postseal.dns.exchange import BlockingExchange
from postseal.dns.name_servers import NameServer
from postseal.dns.stub import StubResolver
from postseal.send.explanation.explained import ExplainedDestination
from postseal.send.explanation.explaining import Depth, explain_destination
from postseal.send.mx.ways import is_shortfall
from postseal.send.networks.blocking import BlockingNetwork, run
from postseal.send.session.connection import ConnectionOptions
from postseal.tls import PeerProof, TLSLevel, Trust
from postseal.tls.ladder import Statement
from postseal.tls.statements import configuration_statement, dangerous_lowering_statement
from tests.parts.namespace import NetworkNamespace
from tests.parts.posttls_finger import (
    MAIN_CF,
    Level,
    Records,
    Report,
    Seen,
    ask_posttls_finger,
    read_report,
)
from tests.parts.situations import Situation, serving

pytestmark = pytest.mark.needs("unbound", "posttls-finger")


@unique
class Outcome(StrEnum):
    """What becomes of a delivery; the value is how the tables write it."""

    VERIFIED = "verified"
    ENCRYPTED = "encrypted"
    CLEAR = "clear"
    REFUSED = "refused"
    """A connection was made, and was not what the policy asks for."""
    DEFERRED = "deferred"
    """No connection was made."""


# What each of Postfix's levels would be in our configuration. Its `may` and `encrypt` ignore what
# the destination publishes; ours do so under a dangerous name alone.
LEVELS: Final[Mapping[Level, tuple[Statement, ...]]] = {
    Level.MAY: (dangerous_lowering_statement(TLSLevel.OPPORTUNISTIC, setting="may"),),
    Level.ENCRYPT: (dangerous_lowering_statement(TLSLevel.ENCRYPTED, setting="encrypt"),),
    Level.SECURE: (
        configuration_statement(
            TLSLevel.AUTHENTICATED, setting="secure", proofs=frozenset({PeerProof.PKIX})
        ),
    ),
    Level.DANE: (),
    Level.DANE_ONLY: (
        configuration_statement(
            TLSLevel.AUTHENTICATED, setting="dane-only", proofs=frozenset({PeerProof.DANE})
        ),
    ),
}

# Zone of the domain, server, its TLSA records, and the outcome at each level.
TABLE: Final = """\
zone        server      tlsa    may        encrypt    secure     dane       dane-only
signed      valid       none    encrypted  encrypted  verified   encrypted  deferred
signed      other-name  none    encrypted  encrypted  refused    encrypted  deferred
signed      expired     none    encrypted  encrypted  refused    encrypted  deferred
signed      early       none    encrypted  encrypted  refused    encrypted  deferred
signed      self        none    encrypted  encrypted  refused    encrypted  deferred
signed      stranger    none    encrypted  encrypted  refused    encrypted  deferred
signed      cut-short   none    encrypted  encrypted  refused    encrypted  deferred
signed      client      none    encrypted  encrypted  refused    encrypted  deferred
signed      clear       none    clear      refused    refused    clear      deferred
signed      refusing    none    clear      refused    refused    clear      deferred
signed      breaking    none    clear      refused    refused    clear      deferred
signed      valid       key     encrypted  encrypted  verified   verified   verified
signed      other-name  key     encrypted  encrypted  refused    verified   verified
signed      expired     key     encrypted  encrypted  refused    verified   verified
signed      self        key     encrypted  encrypted  refused    verified   verified
signed      client      key     encrypted  encrypted  refused    verified   verified
signed      valid       wrong   encrypted  encrypted  verified   refused    refused
signed      self        wrong   encrypted  encrypted  refused    refused    refused
signed      valid       issuer  encrypted  encrypted  verified   verified   verified
signed      other-name  issuer  encrypted  encrypted  refused    refused    refused
signed      expired     issuer  encrypted  encrypted  refused    refused    refused
signed      self        issuer  encrypted  encrypted  refused    refused    refused
signed      client      issuer  encrypted  encrypted  refused    refused    refused
signed      clear       key     clear      refused    refused    refused    refused
signed      refusing    key     clear      refused    refused    refused    refused
signed      breaking    key     clear      refused    refused    refused    refused
signed      valid       pkix    encrypted  encrypted  verified   encrypted  deferred
signed      self        pkix    encrypted  encrypted  refused    encrypted  deferred
signed      clear       pkix    clear      refused    refused    refused    deferred
unsigned    valid       none    encrypted  encrypted  verified   encrypted  deferred
unsigned    valid       wrong   encrypted  encrypted  verified   encrypted  deferred
unsigned    self        key     encrypted  encrypted  refused    encrypted  deferred
unsigned    clear       key     clear      refused    refused    clear      deferred
plain-host  valid       wrong   encrypted  encrypted  verified   encrypted  deferred
plain-host  self        key     encrypted  encrypted  refused    encrypted  deferred
plain-mx    valid       wrong   encrypted  encrypted  verified   encrypted  deferred
forged      valid       key     deferred   deferred   deferred   deferred   deferred
forged-host valid       key     deferred   deferred   deferred   deferred   deferred
forged-tlsa valid       key     encrypted  encrypted  deferred   deferred   deferred
silent-tlsa valid       key     encrypted  encrypted  deferred   deferred   deferred
"""
# Where Postfix's outcome is another by design: (zone, server, tlsa, level) to that and the reason.
DIFFERENCES: Final[Mapping[tuple[str, str, str, Level], tuple[Outcome, str]]] = {
    ("plain-mx", "valid", "wrong", Level.DANE): (
        Outcome.REFUSED,
        "RFC 7672 2.2.1 leaves it to the client: who forges the MX names another server",
    ),
    ("plain-mx", "valid", "wrong", Level.DANE_ONLY): (
        Outcome.REFUSED,
        "for the same reason Postfix connects; neither sends",
    ),
    ("forged-tlsa", "valid", "key", Level.SECURE): (
        Outcome.VERIFIED,
        "a level of Postfix's takes DANE's place; a rule of ours stands beside DANE's",
    ),
    ("silent-tlsa", "valid", "key", Level.SECURE): (
        Outcome.VERIFIED,
        "the same",
    ),
}

# Policy, zone, server, TLSA, and the outcome where nothing is configured (RFC 8461 4, 5).
MTA_STS_TABLE: Final = """\
policy      zone        server      tlsa    outcome
enforce     unsigned    valid       none    verified
enforce     unsigned    other-name  none    refused
enforce     unsigned    expired     none    refused
enforce     unsigned    self        none    refused
enforce     unsigned    stranger    none    refused
enforce     unsigned    clear       none    refused
enforce     unsigned    breaking    none    refused
elsewhere   unsigned    valid       none    deferred
testing     unsigned    valid       none    verified
testing     unsigned    self        none    encrypted
testing     unsigned    clear       none    clear
off         unsigned    self        none    encrypted
redirected  unsigned    self        none    encrypted
impostor    unsigned    self        none    encrypted
malformed   unsigned    self        none    encrypted
enforce     signed      self        key     verified
enforce     signed      valid       wrong   refused
elsewhere   signed      self        key     verified
enforce     signed      valid       pkix    verified
enforce     signed      self        pkix    refused
enforce     signed      valid       none    verified
enforce     forged-tlsa valid       key     deferred
"""


def rows(table: str) -> list[dict[str, str]]:
    header, *lines = (line.split() for line in table.splitlines())
    return [dict(zip(header, line, strict=True)) for line in lines]


CASES: Final = [
    (Situation(row["zone"], row["server"], row["tlsa"]), level, Outcome(row[level]))
    for row in rows(TABLE)
    for level in Level
]
MTA_STS_CASES: Final = [
    (Situation(row["zone"], row["server"], row["tlsa"], row["policy"]), Outcome(row["outcome"]))
    for row in rows(MTA_STS_TABLE)
]
SITUATIONS: Final = tuple(
    dict.fromkeys([*(case[0] for case in CASES), *(case[0] for case in MTA_STS_CASES)])
)

# -- the comparison -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class World:
    """All servers, in a namespace; `folder` has the files of the clients."""

    namespace: NetworkNamespace
    folder: Path

    def ours(self, situation: Situation, level: Level) -> Outcome:
        return self.namespace.within(lambda: outcome_of(run(self._explain(situation, level))))

    def postfix(self, situation: Situation, level: Level) -> Report:
        return ask_posttls_finger(self.namespace, self.folder, level, situation.domain)

    async def _explain(self, situation: Situation, level: Level) -> ExplainedDestination:
        return await explain_destination(
            situation.domain,
            network=BlockingNetwork(),
            resolver=StubResolver(
                name_servers=[NameServer.parse("127.0.0.1")], exchange=BlockingExchange()
            ),
            options=ConnectionOptions(trust=Trust.only(self.folder / "ca.pem")),
            depth=Depth.CONNECTION,
            local=LEVELS[level],
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    (folder / "main.cf").write_text(MAIN_CF)
    with serving(SITUATIONS, folder) as namespace:
        yield World(namespace, folder)


def outcome_of(explained: ExplainedDestination) -> Outcome:
    if explained.problem is not None:
        return Outcome.DEFERRED
    (server,) = explained.servers
    if server.trial is None:
        return Outcome.DEFERRED
    had = server.trial.outcome
    if had is None:
        assert server.trial.problem is not None
        assert is_shortfall(server.trial.problem), server.trial.problem
        return Outcome.REFUSED
    if had.level is TLSLevel.NONE:
        return Outcome.CLEAR
    return Outcome.VERIFIED if had.level is TLSLevel.AUTHENTICATED else Outcome.ENCRYPTED


def judged(report: Report, level: Level) -> Outcome:
    """What smtp(8) makes of it at a level, as postconf(5) says at smtp_tls_security_level.

    posttls-finger goes on at DANE levels without usable records, where smtp(8) would not.
    """
    if report.seen is Seen.NO_ANSWER:
        return Outcome.DEFERRED
    if report.records is not Records.USABLE:
        if level is Level.DANE_ONLY:
            return Outcome.DEFERRED
        if level is Level.DANE:
            level = Level.ENCRYPT if report.records is Records.UNUSABLE else Level.MAY
    if report.seen in (Seen.NO_TLS, Seen.TLS_REFUSED, Seen.TLS_BROKEN):
        return Outcome.CLEAR if level is Level.MAY else Outcome.REFUSED
    if level in (Level.MAY, Level.ENCRYPT):
        return Outcome.ENCRYPTED
    return Outcome.VERIFIED if report.seen is Seen.VERIFIED else Outcome.REFUSED


@pytest.mark.parametrize(
    ("situation", "level", "expected"),
    CASES,
    ids=[f"{one.domain}-{level}" for one, level, _ in CASES],
)
def test_the_outcomes_are_the_same(
    world: World, situation: Situation, level: Level, expected: Outcome
) -> None:
    assert world.ours(situation, level) is expected
    report = world.postfix(situation, level)
    by_design = DIFFERENCES.get((situation.zone, situation.server, situation.tlsa, level))
    their_own = by_design[0] if by_design else expected
    assert judged(report, level) is their_own, report.output


@pytest.mark.parametrize(
    ("situation", "expected"), MTA_STS_CASES, ids=[one.domain for one, _ in MTA_STS_CASES]
)
def test_mta_sts_is_applied_as_its_rfc_says(
    world: World, situation: Situation, expected: Outcome
) -> None:
    assert world.ours(situation, Level.DANE) is expected


def test_a_line_that_nobody_knows_is_not_passed_over() -> None:
    known = "posttls-finger: STARTTLS rejected: 454 4.7.0 not now\n"
    assert read_report(known).seen is Seen.TLS_REFUSED
    for unknown in ("posttls-finger: something new\n", "SSL3 alert\n", known):
        with pytest.raises(AssertionError):
            read_report(known + unknown)


def test_the_table_names_real_differences_only() -> None:
    known = {(one.zone, one.server, one.tlsa, level): expected for one, level, expected in CASES}
    for row, (outcome, _) in DIFFERENCES.items():
        assert known[row] is not outcome
