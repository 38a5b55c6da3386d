"""Cases N01 to N23 of the attack lab: a careful client is safe, each mutant is caught."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace
from pathlib import Path

import pytest

from postseal.audit.findings import Outcome
from postseal.audit.lab.case import Case, Clock, Expectation, Mode
from postseal.audit.lab.catalogue.negotiation import NEGOTIATION
from postseal.audit.lab.deviations import Append
from postseal.audit.lab.run import LabOptions
from postseal.audit.lab.verdicts import Verdict
from tests.parts.lab_runs import attack, harms
from tests.parts.mutant_client import MutantClient
from tests.parts.ports import ReservedPort
from tests.parts.weaknesses import Weakness

CREDENTIALS = Verdict.LEAK_CREDENTIALS
PROOF = Verdict.LEAK_CREDENTIAL_PROOF
MAIL = Verdict.LEAK_MAIL
ENVELOPE = Verdict.LEAK_ENVELOPE

W = Weakness


def all_of(verdict: Verdict, *ids: str) -> dict[str, Verdict]:
    return dict.fromkeys(ids, verdict)


REFUSED_5YZ = ("N02", "N06", "N09-503", "N09-530", "N09-554")
BROKEN_HANDSHAKES = ("N15-GARBAGE", "N15-HTTP", "N15-ALERT", "N15-CLOSE", "N15-HELLO")

# Mutant -> all the harm it does in the cases that wait for nothing, with STARTTLS.
STARTTLS_MUTANTS: dict[frozenset[Weakness], dict[str, Verdict]] = {
    frozenset({W.GOES_ON_UNOFFERED}): {
        **all_of(CREDENTIALS, "N01", "N18-SUBSTRING"),
        **all_of(PROOF, "N21-CRAM", "N21-SCRAM", "N22-WEAKER"),
        "N21-ODD": MAIL,
    },
    frozenset({W.IGNORES_5YZ}): all_of(CREDENTIALS, *REFUSED_5YZ),
    frozenset({W.IGNORES_4YZ}): all_of(CREDENTIALS, "N03", "N08"),
    frozenset({W.IGNORES_3YZ}): all_of(CREDENTIALS, "N04"),
    frozenset({W.TAKES_2YZ_FOR_DONE}): all_of(CREDENTIALS, "N05", "N07-250", "N07-235"),
    frozenset({W.BARE_CODE_IS_REFUSAL}): all_of(CREDENTIALS, "N09-BARE"),
    frozenset({W.FALLS_BACK_TO_HELO}): all_of(MAIL, "N10"),
    frozenset({W.GOES_ON_UNGREETED}): all_of(MAIL, "N11"),
    frozenset({W.HELO_UNLESS_ESMTP}): all_of(MAIL, "N19"),
    frozenset({W.RECONNECTS_IN_CLEAR}): {
        **all_of(CREDENTIALS, "N08", "N12", *BROKEN_HANDSHAKES),
        "N23-421": ENVELOPE,
    },
    frozenset({W.GOES_ON_AFTER_FAILED_HANDSHAKE}): all_of(CREDENTIALS, *BROKEN_HANDSHAKES),
    frozenset({W.CASE_SENSITIVE_OFFERS}): all_of(CREDENTIALS, "N18-LOWER"),
    frozenset({W.EXACT_LINE_OFFERS}): all_of(CREDENTIALS, "N18-PARAMETER"),
    frozenset({W.LAST_LINE_OFFERS}): {
        **all_of(CREDENTIALS, "N18-MIDDLE", "N20-AUTH"),
        "N20": ENVELOPE,
    },
    frozenset({W.SUBSTRING_OFFERS, W.IGNORES_5YZ}): all_of(
        CREDENTIALS, "N18-SUBSTRING", *REFUSED_5YZ
    ),
    frozenset({W.PROVES_IN_CLEAR}): all_of(PROOF, "N21-CRAM", "N21-SCRAM", "N22-WEAKER"),
    frozenset({W.PROVES_IN_CLEAR, W.RETRIES_WEAKER}): {
        **all_of(PROOF, "N21-CRAM", "N21-SCRAM"),
        "N22-WEAKER": CREDENTIALS,
    },
    frozenset({W.NAMES_ITSELF_IN_CLEAR}): {"N21-ODD": Verdict.LEAK_METADATA},
    frozenset({W.FOLLOWS_REDIRECTS}): all_of(CREDENTIALS, "N23-421"),
    frozenset({W.IGNORES_REFUSED_RECIPIENTS}): {"N23-551": Verdict.SILENT_LOSS},
}

IMPLICIT_MUTANTS: dict[frozenset[Weakness], dict[str, Verdict]] = {
    frozenset({W.SPEAKS_CLEAR_WHEN_GREETED}): all_of(CREDENTIALS, "N17"),
    frozenset({W.RECONNECTS_IN_CLEAR}): all_of(CREDENTIALS, *BROKEN_HANDSHAKES, "N16", "N17"),
    frozenset({W.GOES_ON_AFTER_FAILED_HANDSHAKE}): {
        **all_of(CREDENTIALS, *BROKEN_HANDSHAKES),
        **all_of(Verdict.LEAK_METADATA, "N15-CLOSE", "N15-HELLO"),
    },
    frozenset({W.FALLS_BACK_TO_PORT}): all_of(CREDENTIALS, "N16"),
    frozenset({W.IGNORES_REFUSED_RECIPIENTS}): {"N23-551": Verdict.SILENT_LOSS},
}


def case(id_: str) -> Case:
    return next(one for one in NEGOTIATION if one.id == id_)


def sooner(slow: Case) -> Case:
    """The same case, but what comes late comes after 0.3 s."""
    servers = tuple(
        replace(
            server,
            deviations=tuple(
                replace(one, seconds=0.3) if isinstance(one, Append) and one.seconds > 1 else one
                for one in server.deviations
            ),
        )
        for server in slow.servers
    )
    return replace(slow, servers=servers)


def elsewhere(port: int) -> Iterable[Case]:
    """All quick cases; N16 on a port of the test's and not on those of mail."""
    for one in NEGOTIATION:
        if one.clock is Clock.QUICK:
            yield replace(one, also_on=(port,)) if one.also_on else one


def options(mode: Mode, expectation: Expectation = Expectation.REQUIRED) -> LabOptions:
    return LabOptions(mode=mode, expectation=expectation, patience=0.5, parallel=8)


@pytest.fixture
def free_port() -> Iterator[int]:
    with ReservedPort() as port:
        yield port.number


@pytest.mark.parametrize("mode", Mode)
async def test_a_careful_client_is_safe(mode: Mode, free_port: int, tmp_path: Path) -> None:
    cases = [replace(sooner(one), also_on=(free_port,) * bool(one.also_on)) for one in NEGOTIATION]
    found = await attack(MutantClient(timeout=1.0), cases, options(mode), tmp_path)
    assert harms(found) == {}
    assert {id_ for id_, one in found.items() if one.outcome is Outcome.NOT_COVERED} == {"N21-PLUS"}
    assert len(found) > (30 if mode is Mode.STARTTLS else 8)


@pytest.mark.parametrize(
    "weaknesses", STARTTLS_MUTANTS, ids=lambda one: "+".join(sorted(w.name for w in one))
)
async def test_a_mutant_is_caught_in_its_cases_and_in_no_other(
    weaknesses: Set[Weakness], free_port: int, tmp_path: Path
) -> None:
    client = MutantClient(weaknesses)
    cases = tuple(elsewhere(free_port))
    found = await attack(client, cases, options(Mode.STARTTLS), tmp_path)
    assert harms(found) == STARTTLS_MUTANTS[frozenset(weaknesses)]


@pytest.mark.parametrize(
    "weaknesses", IMPLICIT_MUTANTS, ids=lambda one: "+".join(sorted(w.name for w in one))
)
async def test_a_mutant_with_implicit_tls_is_caught_in_its_cases_and_in_no_other(
    weaknesses: Set[Weakness], free_port: int, tmp_path: Path
) -> None:
    client = MutantClient(weaknesses, fallback_port=free_port)
    cases = tuple(elsewhere(free_port))
    found = await attack(client, cases, options(Mode.IMPLICIT), tmp_path)
    assert harms(found) == IMPLICIT_MUTANTS[frozenset(weaknesses)]


async def test_a_client_that_authenticates_before_tls_is_caught_wherever_it_may(
    tmp_path: Path,
) -> None:
    client = MutantClient({W.AUTHENTICATES_BEFORE_TLS})
    cases = [case(one) for one in ("N20", "N20-AUTH", "N23-551")]
    found = await attack(client, cases, options(Mode.STARTTLS), tmp_path)
    assert harms(found) == all_of(CREDENTIALS, "N20", "N20-AUTH")


async def test_clients_without_patience_or_without_end(tmp_path: Path) -> None:
    # They wait for the lab's deadline, so all of them at once.
    async def wait(mode: Mode) -> None:
        waiting = [one for one in NEGOTIATION if one.id.startswith("N13") and mode in one.modes]
        directory = tmp_path / mode.value
        directory.mkdir()
        found = await attack(MutantClient({W.WAITS_FOREVER}), waiting, options(mode), directory)
        assert harms(found) == all_of(Verdict.HANG, *(one.id for one in waiting))

    async def answer(mode: Mode) -> None:
        client = MutantClient({W.ANSWERS_EVERY_CHALLENGE})
        found = await attack(client, [case("N22-ENDLESS")], options(mode), tmp_path)
        assert harms(found) == {"N22-ENDLESS": Verdict.HANG}
        # What was said is kept for people, though not without end.
        (dialogue,) = found["N22-ENDLESS"].evidence
        assert dialogue.text.endswith("\n-- and so on")

    await asyncio.gather(wait(Mode.STARTTLS), wait(Mode.IMPLICIT), answer(Mode.IMPLICIT))


async def test_a_client_that_tires_of_waiting_for_tls_is_caught(tmp_path: Path) -> None:
    client = MutantClient({W.GOES_ON_AFTER_SILENCE}, timeout=0.1)
    cases = [sooner(case("N14")), case("N13-COMMAND"), case("N03")]
    found = await attack(client, cases, options(Mode.STARTTLS), tmp_path)
    assert harms(found) == {"N14": CREDENTIALS, "N13-COMMAND": ENVELOPE}


async def test_who_is_content_without_tls_may_send_mail_but_no_credentials(tmp_path: Path) -> None:
    cases = [case(one) for one in ("N01", "N10", "N21-ODD", "N21-CRAM")]
    client = MutantClient({W.GOES_ON_UNOFFERED, W.FALLS_BACK_TO_HELO})
    opportunistic = options(Mode.STARTTLS, Expectation.OPPORTUNISTIC)
    found = await attack(client, cases, opportunistic, tmp_path)
    # The mutant names its user in a header, too, which is more than the mail it may send.
    named = all_of(Verdict.LEAK_METADATA, "N10", "N21-ODD")
    assert harms(found) == {"N01": CREDENTIALS, "N21-CRAM": PROOF, **named}


async def test_a_case_whose_port_is_taken_is_not_covered_and_says_why(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        unreachable = replace(case("N16"), also_on=(port,))
        found = await attack(MutantClient(), [unreachable], options(Mode.IMPLICIT), tmp_path)
    assert found["N16"].outcome is Outcome.NOT_COVERED
    assert str(port) in found["N16"].message
