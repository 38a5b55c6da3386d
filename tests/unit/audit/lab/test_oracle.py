"""What the oracle makes of what was seen: one row for each way in which a client can go wrong."""

from __future__ import annotations

import itertools
from base64 import b64encode
from dataclasses import replace

import pytest

from postseal.address import Address
from postseal.audit.findings import Outcome, Severity
from postseal.audit.lab.canaries import CRAM_CHALLENGE, Canaries
from postseal.audit.lab.case import Case, Expectation, Mode, Server
from postseal.audit.lab.clients import ClientRun
from postseal.audit.lab.oracle import judge
from postseal.audit.lab.records import Connection, Delivered, Record
from postseal.audit.lab.verdicts import Verdict, worst
from postseal.smtp.sasl.cram_md5 import CramMD5Client
from postseal.smtp.sasl.credentials import Password

CANARIES = Canaries(
    user="useruseruseru",
    password="wordwordwordw",
    sender="sendsendsends@lab.example",
    recipient="rcptrcptrcptr@lab.example",
    subject="subjsubjsubjs",
    body="bodybodybodyb",
)
PLAIN = b"AUTH PLAIN " + b64encode(b"\0useruseruseru\0wordwordwordw") + b"\r\n"
CRAM = b64encode(CramMD5Client(Password("u", CANARIES.password)).respond(CRAM_CHALLENGE))
CASE = Case(
    id="T01",
    title="A case",
    story="A story.",
    hostile="did something",
    safe="ends.",
    severity=Severity.HIGH,
    remedy="Mend it.",
    servers=(Server(),),
)
UNTRUSTED = replace(CASE, channel_is_sound=False)
FAILED = ClientRun(exit_code=1, seconds=0.1, output="first\nSTARTTLS is not offered\n")
SENT = ClientRun(exit_code=0, seconds=0.1)


def said(clear: bytes = b"", sealed: bytes = b"", **more: object) -> Connection:
    return Connection(0, bytearray(clear), bytearray(sealed), **more)  # type: ignore[arg-type]


def delivered(content: bytes) -> list[Delivered]:
    return [Delivered((Address.parse(CANARIES.recipient),), content, was_sealed=True)]


ROWS: dict[str, tuple[Case, Connection, ClientRun, Verdict, str]] = {
    "nothing but greetings": (
        CASE, said(b"EHLO x\r\nQUIT\r\n"), FAILED,
        Verdict.SAFE, "ended with status 1: STARTTLS is not offered",
    ),
    "password in clear": (
        CASE, said(PLAIN), FAILED, Verdict.LEAK_CREDENTIALS, "gave away its password in clear",
    ),
    "password in what was to be a handshake": (
        CASE, said(handshake=bytearray(b"\x16\x03\x01" + PLAIN)), FAILED,
        Verdict.LEAK_CREDENTIALS, "gave away its password in clear",
    ),
    "password under sound TLS": (CASE, said(sealed=PLAIN), FAILED, Verdict.SAFE, ""),
    "password to whom it should not trust": (
        UNTRUSTED, said(sealed=PLAIN), FAILED,
        Verdict.LEAK_CREDENTIALS, "gave away its password to a server it should not trust",
    ),
    "proof in clear": (
        CASE, said(CRAM), FAILED,
        Verdict.LEAK_CREDENTIAL_PROOF, "proved its password by CRAM-MD5 in clear",
    ),
    "proof under sound TLS": (CASE, said(sealed=CRAM), FAILED, Verdict.SAFE, ""),
    "proof to whom it should not trust": (
        UNTRUSTED, said(sealed=CRAM), FAILED,
        Verdict.LEAK_CREDENTIAL_PROOF, "proved its password by CRAM-MD5 to a server it should",
    ),
    "subject in clear": (
        CASE, said(b"Subject: subjsubjsubjs\r\n"), FAILED,
        Verdict.LEAK_MAIL, "gave away the message in clear",
    ),
    "body in clear": (
        CASE, said(b64encode(b"hello bodybodybodyb")), FAILED,
        Verdict.LEAK_MAIL, "gave away the message in clear",
    ),
    "sender in clear": (
        CASE, said(b"MAIL FROM:<sendsendsends@lab.example>\r\n"), FAILED,
        Verdict.LEAK_ENVELOPE, "gave away the envelope in clear",
    ),
    "recipient in clear": (
        CASE, said(b"RCPT TO:<rcptrcptrcptr@lab.example>\r\n"), FAILED,
        Verdict.LEAK_ENVELOPE, "gave away the envelope in clear",
    ),
    "user in clear": (
        CASE, said(b"AUTH EXTERNAL " + b64encode(b"useruseruseru")), FAILED,
        Verdict.LEAK_METADATA, "gave away its user name in clear",
    ),
    "went on with a handshake": (
        CASE, said(continued=True), FAILED,
        Verdict.ACCEPTED_FORGED, "went on with a handshake that it had to refuse",
    ),
    "trapped": (
        CASE, said(trapped=["took the bait"]), FAILED, Verdict.ACCEPTED_FORGED, "took the bait",
    ),
    "success by the attacker's word": (
        replace(CASE, answers_are_forged=True), said(), SENT,
        Verdict.ACCEPTED_FORGED, "reported success on the word of the attacker",
    ),
    "success without delivery": (
        CASE, said(), SENT,
        Verdict.SILENT_LOSS, "reported success, and no server took the message",
    ),
    "success with another message": (
        CASE, said(delivered=delivered(b"Subject: other\r\n\r\nother\r\n")), SENT,
        Verdict.SILENT_LOSS, "reported success, and no server took the message",
    ),
    "success with delivery": (
        CASE, said(delivered=delivered(b"\r\nbodybodybodyb\r\n")), SENT,
        Verdict.SAFE, "ended with status 0",
    ),
    "still running": (
        CASE, said(), ClientRun(exit_code=None, seconds=7.4),
        Verdict.HANG, "still running after 7 s",
    ),
    "ended by a signal": (
        CASE, said(), ClientRun(exit_code=-11, seconds=0.1, crashed=True),
        Verdict.CRASH, "ended with status -11",
    ),
    "the worst of all": (
        CASE,
        said(PLAIN + b"MAIL FROM:<sendsendsends@lab.example>\r\nsubjsubjsubjs", trapped=["x"]),
        ClientRun(exit_code=None, seconds=3),
        Verdict.LEAK_CREDENTIALS, "gave away its password in clear",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_the_verdict(row: str) -> None:
    case, connection, run, expected, told = ROWS[row]
    verdict, message = judge(
        case, Mode.STARTTLS, Expectation.REQUIRED, CANARIES, Record([connection]), run
    )
    assert verdict is expected
    assert message.startswith(told)


def verdict_on(
    case: Case,
    *connections: Connection,
    mode: Mode = Mode.STARTTLS,
    expectation: Expectation = Expectation.REQUIRED,
) -> Verdict:
    return judge(case, mode, expectation, CANARIES, Record(list(connections)), FAILED)[0]


def test_who_never_came_has_proven_nothing() -> None:
    assert verdict_on(CASE) is Verdict.INCONCLUSIVE
    assert Verdict.INCONCLUSIVE.outcome is Outcome.INCONCLUSIVE


def test_each_connection_counts() -> None:
    assert verdict_on(CASE, said(), said(PLAIN)) is Verdict.LEAK_CREDENTIALS


def test_on_a_port_of_tls_any_word_in_clear_is_too_much() -> None:
    assert verdict_on(CASE, said(b"EHLO x\r\n"), mode=Mode.IMPLICIT) is Verdict.LEAK_METADATA
    assert verdict_on(CASE, said(sealed=b"EHLO x\r\n"), mode=Mode.IMPLICIT) is Verdict.SAFE


def test_what_a_case_allows_is_passed_over_and_what_is_worse_is_not() -> None:
    mail = said(b"subjsubjsubjs MAIL FROM:<sendsendsends@lab.example>")
    allowed = frozenset({Verdict.LEAK_MAIL, Verdict.LEAK_ENVELOPE})
    to_all = replace(CASE, allowed=allowed)
    to_some = replace(CASE, allowed_opportunistic=allowed)
    assert verdict_on(to_all, mail) is Verdict.SAFE
    assert verdict_on(to_some, mail) is Verdict.LEAK_MAIL
    opportunistic = Expectation.OPPORTUNISTIC
    assert verdict_on(to_some, mail, expectation=opportunistic) is Verdict.SAFE
    worse = said(bytes(mail.clear) + PLAIN)
    assert verdict_on(to_some, worse, expectation=opportunistic) is Verdict.LEAK_CREDENTIALS


def test_verdicts_are_ordered_from_worst_to_best() -> None:
    ordered = list(Verdict)
    assert [one.name for one in ordered] == [
        "LEAK_CREDENTIALS", "LEAK_CREDENTIAL_PROOF", "LEAK_MAIL", "LEAK_ENVELOPE",
        "LEAK_METADATA", "ACCEPTED_FORGED", "SILENT_LOSS", "HANG", "CRASH", "SAFE", "INCONCLUSIVE",
    ]  # fmt: skip
    for worse, better in itertools.combinations(ordered, 2):
        assert worst(better, worse) is worse
    assert {one for one in Verdict if one.outcome is Outcome.PASSED} == {Verdict.SAFE}


def test_a_client_may_have_a_message_of_its_own() -> None:
    honest = Record([said(delivered=delivered(b"Subject: mine\r\n\r\nmine\r\n"))])
    in_clear = Record(
        [said(delivered=[replace(one, was_sealed=False) for one in delivered(b"mine\r\n")])]
    )

    def judged(case: Case, record: Record) -> Verdict:
        verdict, _ = judge(
            case, Mode.STARTTLS, Expectation.REQUIRED, CANARIES, record, SENT, has_own_message=True
        )
        return verdict

    assert judged(CASE, honest) is Verdict.SAFE
    assert judged(CASE, in_clear) is Verdict.LEAK_MAIL
    assert judged(UNTRUSTED, honest) is Verdict.LEAK_MAIL
    assert judged(CASE, Record([said()])) is Verdict.SILENT_LOSS
