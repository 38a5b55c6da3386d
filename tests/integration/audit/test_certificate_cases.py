"""Cases C01 to C21 of the attack lab: a careful client is safe, each mutant is caught."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from postseal.audit.findings import Outcome
from postseal.audit.lab.case import Case, Expectation, Mode, Server
from postseal.audit.lab.catalogue.certificate_names import CERTIFICATE_NAMES
from postseal.audit.lab.catalogue.certificates import CERTIFICATES
from postseal.audit.lab.certificates import Certificates
from postseal.audit.lab.flawed_certificates import Chain, key_of
from postseal.audit.lab.handshakes import OpenSSL
from postseal.audit.lab.run import Lab, LabOptions
from postseal.audit.lab.verdicts import Verdict
from tests.parts.lab_runs import attack, harms
from tests.parts.mutant_client import MutantClient
from tests.parts.mutant_trust import NAMES, faults_of_chain, faults_of_name
from tests.parts.weaknesses import Weakness

W = Weakness

CASES = (*CERTIFICATES, *CERTIFICATE_NAMES)
LOOPBACK = "127.0.0.1"
MAIL = "mail.lab.example"
HOSTS = ["localhost", LOOPBACK, "lab.example", MAIL, "xn--bcher-kva.example"]
NEVER = {"C06-REVOKED", "C14-RSA-512", "C20", "C21"}

# The one weakness that each case is for.
CHAINS: dict[str, Weakness] = {
    "C01": W.TAKES_SELF_SIGNED,
    "C02": W.TAKES_UNKNOWN_AUTHORITIES,
    "C02-NAMESAKE": W.CHECKS_NO_SIGNATURES,
    "C02-SENT": W.TAKES_SENT_AUTHORITIES,
    "C02-BESIDE": W.LOOKS_FOR_ANY_TRUSTED,
    "C02-FORGED": W.CHECKS_NO_SIGNATURES,
    "C04": W.IGNORES_EXPIRY,
    "C04-INTERMEDIATE": W.IGNORES_EXPIRY,
    "C05": W.IGNORES_BEGINNING,
    "C06-MUST-STAPLE": W.IGNORES_MUST_STAPLE,
    "C11-PERMITTED": W.IGNORES_NAME_CONSTRAINTS,
    "C11-EXCLUDED": W.IGNORES_NAME_CONSTRAINTS,
    "C12": W.TAKES_ANYBODY_FOR_AUTHORITY,
    "C12-UNSAID": W.TAKES_ANYBODY_FOR_AUTHORITY,
    "C12-USAGE": W.IGNORES_KEY_USAGE,
    "C12-LENGTH": W.IGNORES_PATH_LENGTH,
    "C13-CLIENT": W.IGNORES_PURPOSE,
    "C13-MAIL": W.IGNORES_PURPOSE,
    "C13-INTERMEDIATE": W.IGNORES_PURPOSE,
    "C14-SHA1": W.TAKES_BROKEN_DIGESTS,
    "C14-SHA1-INTERMEDIATE": W.TAKES_BROKEN_DIGESTS,
    "C14-MD5": W.TAKES_BROKEN_DIGESTS,
    "C14-RSA-1024": W.TAKES_SMALL_KEYS,
    "C15-VERSION-1": W.TAKES_ANYBODY_FOR_AUTHORITY,
    "C15-CRITICAL": W.IGNORES_CRITICAL,
    "C15-TWICE": W.TAKES_EXTENSIONS_TWICE,
    "C16": W.TAKES_UNKNOWN_AUTHORITIES,
}
# Who compares nothing falls for all of them; these are the others.
NAMED: dict[str, set[Weakness]] = {
    "C03": set(),
    "C03-BELOW": {W.COMPARES_ENDS},
    "C03-BEGINS": {W.COMPARES_BEGINNINGS},
    "C03-ENDS": {W.COMPARES_ENDS},
    "C07": {W.FALLS_BACK_TO_COMMON_NAME, W.COUNTS_COMMON_NAME},
    "C07-BESIDE": {W.COUNTS_COMMON_NAME},
    "C07-MAIL": {W.COUNTS_ALL_KINDS_OF_NAMES},
    "C07-URI": {W.COUNTS_ALL_KINDS_OF_NAMES},
    "C08-STAR": {W.GLOBS},
    "C08-BARE": {W.WILDCARD_FOR_NO_LABEL},
    "C08-PARTIAL": {W.GLOBS},
    "C08-TLD": {W.GLOBS},
    "C08-DEEP": {W.GLOBS},
    "C08-SECOND": {W.GLOBS},
    "C08-TWO": {W.GLOBS},
    "C08-A-LABEL": {W.GLOBS},
    "C09": {W.READS_NAMES_AS_C, W.COMPARES_BEGINNINGS},
    "C09-COMMON-NAME": set(),
    "C10": {W.COMPARES_THE_ADDRESS},
    "C10-DNS": {W.TAKES_ADDRESSES_FOR_NAMES},
    "C10-COMMON-NAME": {W.FALLS_BACK_TO_COMMON_NAME, W.COUNTS_COMMON_NAME},
    "C17": set(),
    "C18": {W.GOES_BY_THE_GREETING},
}


@pytest.fixture(autouse=True, scope="module")
def keys() -> None:
    """Make the large keys before a client waits for them: they are kept by their owners."""
    for owner in ("localhost", "Low", "High"):
        key_of("RSA-2048", owner)


def options(mode: Mode, host: str = "localhost") -> LabOptions:
    return LabOptions(mode=mode, host=host, patience=0.5, parallel=8)


def client(*weaknesses: Weakness) -> MutantClient:
    return MutantClient(frozenset(weaknesses), address=LOOPBACK)


def picked(*ids: str) -> list[Case]:
    return [case for case in CASES if case.id in ids]


def host_for(case: Case) -> str:
    """The first of the hosts with which a case can be run."""
    return next(host for host in HOSTS if not case.not_covered_for(host))


def chain_of(case: Case, certificates: Certificates) -> Chain:
    handshake = case.servers[0].handshake
    assert isinstance(handshake, OpenSSL)
    return handshake.certificate(certificates)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("mode", Mode)
async def test_a_careful_client_is_safe(mode: Mode, host: str, tmp_path: Path) -> None:
    cases = [case for case in CASES if case.id in NEVER or host_for(case) == host]
    # Those that take long may take their time.
    found = await attack(client(), cases, replace(options(mode, host), patience=30.0), tmp_path)
    assert harms(found) == {}
    assert {id_ for id_, one in found.items() if one.outcome is Outcome.NOT_COVERED} == NEVER


async def test_a_case_for_other_hosts_says_so(tmp_path: Path) -> None:
    found = await attack(client(), picked("C08-TLD"), options(Mode.STARTTLS), tmp_path)
    assert found["C08-TLD"].outcome is Outcome.NOT_COVERED
    assert "2 labels, and the client asks for 'localhost'" in found["C08-TLD"].message


def test_each_case_has_its_mutants() -> None:
    everything = {*CHAINS, *NAMED, *NEVER, "C19-NAMES", "C19-CHAIN"}
    assert everything == {case.id for case in CASES}


@pytest.mark.parametrize("host", ["localhost", LOOPBACK])
@pytest.mark.parametrize("case", picked(*CHAINS), ids=lambda case: case.id)
def test_a_chain_has_one_fault(case: Case, host: str) -> None:
    # So that no client is caught by a case for another reason than the one the case is for.
    certificates = Certificates(host)
    sent = [one.der for one in chain_of(case, certificates).sent]
    assert faults_of_chain(sent, certificates.root.der) == {CHAINS[case.id]}
    if CHAINS[case.id] is not W.TAKES_EXTENSIONS_TWICE:
        assert faults_of_name(sent, host, frozenset()) == set()


@pytest.mark.parametrize("case", CERTIFICATE_NAMES, ids=lambda case: case.id)
def test_a_name_is_wrong_for_all_but_its_mutants(case: Case) -> None:
    host = host_for(case)
    certificates = Certificates(host)
    sent = [one.der for one in chain_of(case, certificates).sent]
    assert faults_of_chain(sent, certificates.root.der) == set()
    fooled = {one for one in NAMES if not faults_of_name(sent, host, {one})}
    assert fooled == NAMED[case.id] - {W.GOES_BY_THE_GREETING}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("weakness", sorted(set(CHAINS.values()), key=str))
async def test_who_is_lax_with_chains_is_caught(
    weakness: Weakness, mode: Mode, tmp_path: Path
) -> None:
    mine = {id_ for id_, one in CHAINS.items() if one is weakness}
    others = {"C01", "C02", "C03", "C04", "C12", "C17"} - mine
    found = await attack(client(weakness), picked(*mine, *others), options(mode), tmp_path)
    assert harms(found) == dict.fromkeys(mine, Verdict.LEAK_CREDENTIALS)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("host", HOSTS)
async def test_who_is_lax_with_names_is_caught(host: str, mode: Mode, tmp_path: Path) -> None:
    by_weakness: dict[Weakness, set[str]] = defaultdict(set)
    for case in CERTIFICATE_NAMES:
        for weakness in NAMED[case.id] if host_for(case) == host else ():
            by_weakness[weakness].add(case.id)
    for weakness, mine in by_weakness.items():
        cases = picked(*mine, "C03")
        found = await attack(client(weakness), cases, options(mode, host), tmp_path)
        assert harms(found) == dict.fromkeys(mine, Verdict.LEAK_CREDENTIALS), weakness


@pytest.mark.parametrize("mode", Mode)
async def test_who_compares_no_names_is_caught_in_all_of_them(mode: Mode, tmp_path: Path) -> None:
    cases = (*CERTIFICATE_NAMES, *picked("C01", "C04"))
    found = await attack(client(W.COMPARES_NO_NAMES), cases, options(mode, MAIL), tmp_path)
    mine = {case.id for case in CERTIFICATE_NAMES if not case.not_covered_for(MAIL)}
    assert harms(found) == dict.fromkeys(mine, Verdict.LEAK_CREDENTIALS)


async def test_two_weaknesses_may_need_each_other(tmp_path: Path) -> None:
    both = client(W.READS_NAMES_AS_C, W.FALLS_BACK_TO_COMMON_NAME)
    cases = picked("C09-COMMON-NAME", "C07-BESIDE")
    found = await attack(both, cases, options(Mode.STARTTLS), tmp_path)
    assert harms(found) == {"C09-COMMON-NAME": Verdict.LEAK_CREDENTIALS}


async def test_who_cannot_take_a_long_chain_hangs(tmp_path: Path) -> None:
    async def run(mode: Mode) -> dict[str, Verdict]:
        directory = tmp_path / mode.value
        directory.mkdir()
        cases = picked("C19-NAMES", "C19-CHAIN")
        return harms(await attack(client(W.STALLS_ON_FLOODS), cases, options(mode), directory))

    for harm in await asyncio.gather(*map(run, Mode)):
        assert harm == {"C19-NAMES": Verdict.HANG, "C19-CHAIN": Verdict.HANG}


async def test_who_does_without_tls_may_do_without_trust(tmp_path: Path) -> None:
    # RFC 7435: but not with a password, which nobody gives to a stranger.
    expecting = replace(options(Mode.STARTTLS), expectation=Expectation.OPPORTUNISTIC)
    found = await attack(client(W.TAKES_SELF_SIGNED), picked("C01"), expecting, tmp_path)
    assert harms(found) == {"C01": Verdict.LEAK_CREDENTIALS}
    assert found["C01"].message == "gave away its password to a server it should not trust"
    assert all(Verdict.LEAK_MAIL in case.allowed_opportunistic for case in picked(*CHAINS, *NAMED))


def _useless(certificates: Certificates) -> Chain:
    raise ssl.SSLError("no such curve")


async def test_a_failure_of_the_lab_is_no_merit_of_the_client(tmp_path: Path) -> None:
    broken = replace(picked("C01")[0], servers=(Server(handshake=OpenSSL(_useless)),))
    _, finding = await Lab(client(), tmp_path, options(Mode.STARTTLS)).run([broken])
    assert finding.outcome is Outcome.BROKEN
    assert "no such curve" in finding.message
