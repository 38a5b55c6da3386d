"""`250` means durable: the serving process dies by SIGKILL while mail comes in and goes out.

Twenty times. Then every message whose client got a `250` has arrived, and each copy too many is
explained by a final reply that was in flight when the process died.
"""

from __future__ import annotations

import email
import hashlib
import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.parts.certificates import issue_certificate
from tests.parts.postfix import Postfix
from tests.parts.postseal_process import Platform
from tests.parts.queue_view import DeliveryRow, read_deliveries
from tests.parts.submitters import Ending, Server, Submission, Submitters
from tests.parts.waiting import wait_until

KILLS = 20
MESSAGES = 200
CONNECTIONS = 4
DELIVERIES_AT_ONCE = 4
# How long after the moment they are aimed at kills come, at most.
LONG = 0.4
SHORT = 0.02

SENDER = "crash@example.com"
RECIPIENT = "box@example.org"


def make_submission(number: int, randomness: random.Random) -> Submission:
    """Compose a message that names itself and lets its body be checked after its journey."""
    lines = [randomness.randbytes(30).hex() for _ in range(randomness.choice([1, 50, 3000]))]
    body = "".join(f"{line}\r\n" for line in lines)
    key = f"<crash-{number:03}@example.com>"
    header = (
        f"From: {SENDER}\r\nTo: {RECIPIENT}\r\nSubject: Crash test {number}\r\n"
        f"Date: Sun, 1 Mar 2026 12:00:00 +0000\r\nMessage-ID: {key}\r\n"
        f"X-Digest: {digest(body)}\r\n\r\n"
    )
    return Submission(key, SENDER, RECIPIENT, (header + body).encode())


def digest(body: str) -> str:
    return hashlib.sha256(body.replace("\r\n", "\n").encode()).hexdigest()


@contextmanager
def running_platform(folder: Path, postfix: Postfix, ca_file: Path) -> Iterator[Platform]:
    configuration = f"""
[delivery]
mode = "live"
concurrency = {DELIVERIES_AT_ONCE}
retry_first = 0.3
retry_cap = 1

[delivery.routes]
"example.org" = {{ url = "smtp://localhost:{postfix.port}", ca_file = "{ca_file}" }}
"""
    with Platform(folder, configuration=configuration) as platform:
        platform.start()
        yield platform


def announce(platform: Platform, submitters: Submitters, life: int) -> None:
    submitters.announce(
        Server(
            life=life,
            port=platform.port("submission"),
            ca_file=platform.authority,
            username=platform.credential.username,
            password=platform.credential.password,
        )
    )


def wait_for_the_instant(randomness: random.Random, submitters: Submitters) -> None:
    """Return at a random instant of three kinds, beginning when the platform is ready."""
    match randomness.randrange(3):
        case 0:  # while it takes up what the last one left and clients connect
            time.sleep(randomness.uniform(0, LONG))
        case 1:  # anywhere among the submissions and deliveries
            submitters.wait_for_dots(1)
            time.sleep(randomness.uniform(0, LONG))
        case _:  # close upon the end of a message, where a reply too early would show
            submitters.wait_for_dots(randomness.randint(1, 5))
            time.sleep(randomness.uniform(0, SHORT))


def leased_at_death(platform: Platform, scratch: Path) -> set[str]:
    """Return the messages that the dead process was delivering, from a copy of what it left."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    for file in platform.data_directory.glob("postseal.db*"):
        # Not the shared memory of the dead: SQLite makes it anew from the log.
        if not file.name.endswith("-shm"):
            shutil.copy(file, scratch)
    return {row.header_message_id for row in read_deliveries(scratch) if row.is_leased}


def all_sent(platform: Platform) -> list[DeliveryRow] | None:
    rows = read_deliveries(platform.data_directory)
    return rows if all(row.state == "sent" for row in rows) else None


@pytest.mark.needs("postfix")
@pytest.mark.timeout(400)
def test_what_was_acknowledged_arrives(tmp_path: Path) -> None:
    # Drawn from what pytest-randomly seeds: -p randomly_seed=N repeats it.
    seed = random.getrandbits(32)
    print(f"seed {seed}")  # noqa: T201  # shown with a failure
    randomness = random.Random(seed)
    submissions = [make_submission(number, randomness) for number in range(MESSAGES)]
    submitters = Submitters(submissions, connections=CONNECTIONS)
    certificate = issue_certificate(tmp_path / "certificates", "localhost")
    leased: Counter[str] = Counter()
    with (
        Postfix(certificate=certificate) as postfix,
        running_platform(tmp_path / "platform", postfix, certificate.ca_file) as platform,
        closing(submitters),
    ):
        postfix.start()
        submitters.start()
        for life in range(1, KILLS + 1):
            announce(platform, submitters, life)
            submitters.allow(MESSAGES // KILLS)
            wait_for_the_instant(randomness, submitters)
            platform.kill()
            leased.update(leased_at_death(platform, tmp_path / "left"))
            platform.start()
        announce(platform, submitters, KILLS + 1)
        submitters.join()
        rows = wait_until(
            lambda: all_sent(platform),
            within=60,
            what="all deliveries sent",
            state=lambda: f"{platform.output[-3000:]}\n{postfix.log[-3000:]}",
        )
        stored = postfix.wait_for_messages(len(rows))
        assert platform.stop() == 0, platform.output

    ledger = submitters.ledger
    accepted = Counter(row.header_message_id for row in rows)
    arrived: Counter[str] = Counter()
    for content in stored:
        message = email.message_from_bytes(content)
        arrived[message["Message-ID"]] += 1
        payload = message.get_payload(decode=True)
        assert isinstance(payload, bytes)
        assert digest(payload.decode()) == message["X-Digest"]

    twice = sum(accepted.values()) - MESSAGES
    again = sum((arrived - accepted).values())
    print(  # noqa: T201  # shown with a failure, and by pytest -rP
        f"{KILLS} kills; attempts: "
        + ", ".join(f"{ledger.count(ending)} {ending.name.lower()}" for ending in Ending)
        + f"; {twice} accepted once more, {again} delivered once more, of {sum(leased.values())}"
        " deliveries that a kill interrupted"
    )
    # Every client had its 250 in the end, and the kills came in the middle of things.
    assert ledger.count(Ending.ACKNOWLEDGED) == MESSAGES
    assert ledger.count(Ending.INTERRUPTED) + ledger.count(Ending.IN_FLIGHT) >= KILLS // 4
    for submission in submissions:
        key = submission.key
        endings = ledger.endings[key]
        # None is lost: neither between client and queue nor between queue and mailbox.
        assert 1 <= accepted[key] <= arrived[key], key
        # The platform has it more than once only where a reply to the dot never came.
        assert accepted[key] <= 1 + endings[Ending.IN_FLIGHT], key
        # Postfix has it more often than the platform only where a kill found it being delivered.
        assert arrived[key] <= accepted[key] + leased[key], key
    assert set(arrived) == {submission.key for submission in submissions}
    assert again <= KILLS * DELIVERIES_AT_ONCE
    assert_sound(tmp_path / "platform" / "data" / "postseal.db")


def assert_sound(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
