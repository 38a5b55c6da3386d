"""What `docs/tls-policy.md` promises, row by row of its tables."""

from __future__ import annotations

import pytest

from postseal.errors import (
    CertificateReason,
    CertificateRejected,
    ConnectError,
    HandshakeFailed,
    MailError,
    PolicyNotMet,
    RequireTLSNotMet,
    StartTLSStripped,
    TimedOut,
    TLSError,
    TLSResultType,
)
from postseal.tls import (
    ANY_PROOF,
    SOUND_PROOFS,
    PeerProof,
    PolicySource,
    TLSLevel,
    TLSOutcome,
    TLSPolicy,
    require,
)
from postseal.tls.dane import DNSState, TLSAState, requirement
from postseal.tls.ladder import Defer, Deliver, Refuse, Stance, Statement, decide
from postseal.tls.mta_sts import MTAStsMode, MTAStsPolicy
from postseal.tls.remembered import Fall, RememberingRule, Sighting
from postseal.tls.reports import AppliedPolicy, PolicyType, SessionEnds, session_results
from postseal.tls.requiretls import (
    HostAssurance,
    TLSRequirement,
    announces_requiretls,
    bounce_reason,
    requirement_of,
    requiretls_statement,
)
from postseal.tls.statements import (
    caller_statement,
    configuration_statement,
    dane_statement,
    dangerous_lowering_statement,
    mta_sts_statement,
)
from tests.parts.page_tables import table

PAGE = "tls-policy.md"
DAY = 86400.0
NOW = 1_800_000_000.0
ASSURANCES = {
    "DNSSEC": HostAssurance.DNSSEC,
    "MTA-STS": HostAssurance.MTA_STS,
    "itself": HostAssurance.ITSELF,
    "forged MX": HostAssurance.NONE,
}


def level_and_proofs(cell: str) -> tuple[TLSLevel, frozenset[PeerProof]]:
    word, _, ways = cell.partition(" by ")
    proofs = frozenset(PeerProof(way) for way in ways.split(" or ")) if ways else ANY_PROOF
    return TLSLevel[word.upper()], proofs


def had(cell: str) -> TLSOutcome:
    level, proofs = level_and_proofs(cell)
    return TLSOutcome(level, proof=next(iter(proofs)) if len(proofs) == 1 else None)


def said_by_configuration(cell: str) -> Statement:
    if cell.startswith("lowered to "):
        level = TLSLevel[cell.removeprefix("lowered to ").upper()]
        return dangerous_lowering_statement(level, setting="a setting")
    level, proofs = level_and_proofs(cell)
    return configuration_statement(level, setting="a setting", proofs=proofs)


def said_by_dane(cell: str) -> Statement | None:
    return dane_statement(DNSState.SECURE, TLSAState(cell), base_domain="mx.example.org")


def said_by_mta_sts(cell: str) -> Statement | None:
    mode, _, other = cell.partition(", ")
    names = ("elsewhere.example.org",) if other else ("*.example.org",)
    policy = MTAStsPolicy(MTAStsMode(mode), names, 86400)
    return mta_sts_statement(policy, domain="example.org", host="mx.example.org")


def said_by_message(cell: str) -> list[Statement]:
    if cell == "both":
        return [*said_by_message("TLS-Required: No"), *said_by_message("REQUIRETLS")]
    tag, _, more = cell.partition(", ")
    statement = requiretls_statement(
        TLSRequirement(tag),
        HostAssurance.NONE if more == "forged MX" else HostAssurance.DNSSEC,
        is_notification=more == "bounce",
    )
    assert statement is not None
    return [statement]


def said_by_memory(cell: str) -> Statement | None:
    level, _, fall = cell.partition(", ")
    rule = RememberingRule(fall=Fall(fall))
    known = Sighting(TLSLevel[level.upper()], NOW - 3 * DAY)
    return rule.statement("example.org", known, now=NOW)


@pytest.mark.parametrize(("policy", "connection", "met"), table(PAGE, "Policy and connection"))
def test_a_policy_and_a_connection(policy: str, connection: str, met: str) -> None:
    asked = TLSPolicy(level_and_proofs(policy)[0], proofs=level_and_proofs(policy)[1])
    if met == "yes":
        require(asked, had(connection), host="mx.example.org")
        return
    assert met == "no"
    with pytest.raises(PolicyNotMet) as caught:
        require(asked, had(connection), host="mx.example.org")
    assert f"asks for {policy}" in str(caught.value)
    assert f"the connection is {connection}" in str(caught.value)


@pytest.mark.parametrize(
    ("caller", "configuration", "dane", "sts", "message", "memory", "decision", "by", "reports"),
    table(PAGE, "Decisions"),
)
def test_a_decision(
    caller: str,
    configuration: str,
    dane: str,
    sts: str,
    message: str,
    memory: str,
    decision: str,
    by: str,
    reports: str,
) -> None:
    said: list[Statement | None] = []
    if caller != "-":
        said.append(caller_statement(TLSLevel[caller.upper()], option="an option"))
    if configuration != "-":
        said.append(said_by_configuration(configuration))
    said += [] if dane == "-" else [said_by_dane(dane)]
    said += [] if sts == "-" else [said_by_mta_sts(sts)]
    said += [] if message == "-" else said_by_message(message)
    said += [] if memory == "-" else [said_by_memory(memory)]
    statements = [each for each in said if each is not None]

    made = decide(statements)

    assert made.explanation.decisive.source.value == by
    match made:
        case Deliver(policy=policy, watched=watched):
            level, proofs = level_and_proofs(decision)
            assert policy.level is level
            assert policy.proofs & SOUND_PROOFS == proofs & SOUND_PROOFS
            # Only who sends may take anybody for the server, and not where another rule decides.
            if policy.source not in (PolicySource.CALLER, PolicySource.CONFIGURATION):
                assert PeerProof.WAIVED not in policy.proofs or level < TLSLevel.AUTHENTICATED
            assert policy.source.value == by
            assert (", ".join(each.source for each in watched) or "-") == reports
            lowers = any(each.stance is Stance.LOWERS for each in made.explanation.heard)
            assert lowers is any(
                each.stance is Stance.LOWERS and message != "both" for each in statements
            )
        case Defer():
            assert decision == "defer"
            assert made.error(host="mx.example.org").is_temporary
        case Refuse():
            assert decision == f"refuse {made.error(host='mx.example.org').enhanced_code}"
            assert not made.error(host="mx.example.org").is_temporary
    # Whatever was said is in the explanation, heard or set aside; the order does not matter.
    explained = [*made.explanation.heard, *(each for each, _ in made.explanation.set_aside)]
    assert all(each in explained for each in statements)
    assert decide(reversed(statements)) == made


@pytest.mark.parametrize("row", table(PAGE, "What the DNS says"), ids=lambda row: row[0])
def test_what_dane_asks_for(row: tuple[str, ...]) -> None:
    columns = ("usable", "unusable", "absent", "insecure", "bogus", "failed")
    assert set(columns) == set(TLSAState)
    asked = [requirement(DNSState(row[0]), TLSAState(column)).value for column in columns]
    assert asked == list(row[1:])


def test_the_dane_table_is_whole() -> None:
    assert {row[0] for row in table(PAGE, "What the DNS says")} == set(DNSState)


@pytest.mark.parametrize(("parameter", "header", "tag"), table(PAGE, "Tags"))
def test_a_tag(parameter: str, header: str, tag: str) -> None:
    values = [] if header == "-" else header.split(", ")
    assert requirement_of(parameter=parameter == "yes", header_values=values) == tag


@pytest.mark.parametrize(
    ("name", "connection", "offered", "message", "outcome"), table(PAGE, "Over a connection")
)
def test_requiretls_over_a_connection(
    name: str, connection: str, offered: str, message: str, outcome: str
) -> None:
    def ask() -> bool:
        return announces_requiretls(
            TLSRequirement.REQUIRED,
            ASSURANCES[name],
            had(connection),
            is_offered=offered == "yes",
            is_notification=message == "bounce",
            host="mx.example.org",
        )

    if outcome in ("announced", "not announced"):
        assert ask() is (outcome == "announced")
        return
    with pytest.raises(RequireTLSNotMet) as caught:
        ask()
    assert (caught.value.code, caught.value.enhanced_code) == (550, outcome)


FAILURES: dict[str, MailError] = {
    "5.7.30": RequireTLSNotMet("", enhanced_code="5.7.30"),
    "5.7.10": RequireTLSNotMet("", enhanced_code="5.7.10"),
    "no STARTTLS": StartTLSStripped(""),
    "certificate": CertificateRejected("", reason=CertificateReason.EXPIRED),
    "handshake": HandshakeFailed(""),
    "no connection": ConnectError(""),
    "DNSSEC failure": PolicyNotMet(""),
}


@pytest.mark.parametrize(("failures", "outcome"), table(PAGE, "After the last server"))
def test_after_the_last_server(failures: str, outcome: str) -> None:
    errors = [FAILURES[each] for each in failures.split(", ")]
    reason = bounce_reason(errors, domain="example.org")
    if outcome == "tried again":
        assert reason is None
        return
    assert reason is not None
    assert outcome == f"back to its sender with {reason.enhanced_code}"
    assert (reason.code, reason.is_temporary) == (550, False)


@pytest.mark.parametrize(
    ("remembered", "age", "connection", "afterwards"), table(PAGE, "What is remembered")
)
def test_what_is_remembered(remembered: str, age: str, connection: str, afterwards: str) -> None:
    known = None
    if remembered != "-":
        known = Sighting(TLSLevel[remembered.upper()], NOW - float(age) * DAY)
    fresh = RememberingRule(lifetime=30 * DAY).updated(known, had(connection), now=NOW)
    if afterwards == "-":
        assert fresh is None
        return
    level, _, when = afterwards.partition(", ")
    assert fresh is not None
    assert fresh.level is TLSLevel[level.upper()]
    if when == "now":
        assert fresh.seen_at == NOW
    else:
        assert when == "as before"
        assert fresh is known


ERRORS: dict[str, MailError] = {
    "wrong name": CertificateRejected("", reason=CertificateReason.WRONG_NAME),
    "expired": CertificateRejected("", reason=CertificateReason.EXPIRED),
    "unknown issuer": CertificateRejected("", reason=CertificateReason.UNKNOWN_ISSUER),
    "handshake": HandshakeFailed(""),
    "no STARTTLS": StartTLSStripped(""),
    "timeout": TimedOut(""),
}


@pytest.mark.parametrize(("policy", "session", "counted"), table(PAGE, "What is counted"))
def test_what_is_counted(policy: str, session: str, counted: str) -> None:
    applied = AppliedPolicy(type=PolicyType(policy), domain="example.org")
    error = ERRORS[session.removeprefix("error: ")] if session.startswith("error: ") else None
    outcome = TLSOutcome.in_clear() if error else had(session)
    results = session_results(applied, outcome, error, ends=SessionEnds())
    if counted == "not counted":
        assert results is None
        assert not isinstance(error, TLSError)
        return
    assert results is not None
    assert results.successful_sessions + results.failed_sessions == 1
    if counted == "success":
        assert (results.successful_sessions, results.failures) == (1, ())
        return
    (count,) = results.failures
    assert (count.failure.result_type, count.sessions) == (TLSResultType(counted), 1)
