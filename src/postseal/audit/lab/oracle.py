"""From what a hostile server saw to the verdict: canaries decide what leaked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from postseal.audit.lab.canaries import Canaries, occurs, proof_in
from postseal.audit.lab.case import Case, Expectation, Mode
from postseal.audit.lab.clients import ClientRun
from postseal.audit.lab.records import Connection, Record
from postseal.audit.lab.verdicts import Verdict, worst

__all__ = ["judge"]

_ENVELOPE: Final = re.compile(rb"^(?:MAIL FROM|RCPT TO):", re.IGNORECASE | re.MULTILINE)


def judge(
    case: Case,
    mode: Mode,
    expectation: Expectation,
    canaries: Canaries,
    record: Record,
    run: ClientRun,
    *,
    has_own_message: bool = False,
) -> tuple[Verdict, str]:
    """Give the worst of what the client did in a case that applies to it, and a sentence for it.

    What the case allows is passed over; what remains is safe, unless the client never came. With
    `has_own_message` the client sends what it has, and no canary is to be looked for in that.
    """
    allowed = case.allowed
    if expectation is Expectation.OPPORTUNISTIC:
        allowed |= case.allowed_opportunistic
    seen = {
        verdict: told
        for verdict, told in _all(case, mode, canaries, record, run)
        if verdict not in allowed
    }
    if run.claims_success and not (has_own_message and record.delivered):
        seen |= {
            verdict: told
            for verdict, told in _false_success(case, canaries, record)
            if verdict not in allowed
        }
    if seen:
        verdict = worst(*seen)
        return verdict, seen[verdict]
    if not record.connections and not (case.input is not None and run.exit_code):
        return Verdict.INCONCLUSIVE, "the client never connected"
    return Verdict.SAFE, _how_it_ended(run)


def _all(
    case: Case, mode: Mode, canaries: Canaries, record: Record, run: ClientRun
) -> Iterator[tuple[Verdict, str]]:
    for connection in record.connections:
        yield from _leaks(case, mode, canaries, connection)
    if case.input is not None and (told := case.input.found_in(record)):
        yield case.input.smuggles.verdict, told
    if case.untold and case.untold in run.output:
        yield Verdict.ACCEPTED_FORGED, "wrote control characters of the server to its own output"
    if run.exit_code is None:
        yield Verdict.HANG, f"still running after {run.seconds:.0f} s"
    elif run.crashed:
        yield Verdict.CRASH, _how_it_ended(run)


def _false_success(case: Case, canaries: Canaries, record: Record) -> Iterator[tuple[Verdict, str]]:
    if any(occurs(canaries.body, one.content) for one in record.delivered):
        return
    if case.answers_are_forged:
        yield Verdict.ACCEPTED_FORGED, "reported success on the word of the attacker"
    else:
        yield Verdict.SILENT_LOSS, "reported success, and no server took the message"


def _leaks(
    case: Case, mode: Mode, canaries: Canaries, connection: Connection
) -> Iterator[tuple[Verdict, str]]:
    # What a failed handshake has met may be no TLS at all.
    open_to_all = [
        ("in clear", bytes(octets)) for octets in (connection.clear, connection.handshake)
    ]
    if not case.channel_is_sound:
        open_to_all.append(("to a server it should not trust", bytes(connection.sealed)))
    for how, octets in open_to_all:
        if occurs(canaries.password, octets):
            yield Verdict.LEAK_CREDENTIALS, f"gave away its password {how}"
        if mechanism := proof_in(octets, canaries.password):
            yield Verdict.LEAK_CREDENTIAL_PROOF, f"proved its password by {mechanism} {how}"
        if occurs(canaries.body, octets) or occurs(canaries.subject, octets):
            yield Verdict.LEAK_MAIL, f"gave away the message {how}"
        if _ENVELOPE.search(octets) or any(
            occurs(address.partition("@")[0], octets)
            for address in (canaries.sender, canaries.recipient)
        ):
            yield Verdict.LEAK_ENVELOPE, f"gave away the envelope {how}"
        if occurs(canaries.user, octets):
            yield Verdict.LEAK_METADATA, f"gave away its user name {how}"
    # A client may have a message of its own, without the canaries.
    for one in connection.delivered:
        if not one.was_sealed:
            yield Verdict.LEAK_MAIL, "delivered its message in clear"
        elif not case.channel_is_sound:
            yield Verdict.LEAK_MAIL, "delivered its message to a server it should not trust"
    if mode is Mode.IMPLICIT and connection.clear:
        yield Verdict.LEAK_METADATA, "spoke in clear on a port of TLS"
    if connection.continued:
        yield Verdict.ACCEPTED_FORGED, "went on with a handshake that it had to refuse"
    if connection.swallowed:
        size = connection.swallowed // 2**20
        yield Verdict.HANG, f"read {size} MiB of an answer that has no end"
    for told in connection.trapped:
        yield Verdict.ACCEPTED_FORGED, told


def _how_it_ended(run: ClientRun) -> str:
    last = run.output.strip().rsplit("\n", 1)[-1][:200]
    return f"ended with status {run.exit_code}" + (f": {last}" if last else "")
