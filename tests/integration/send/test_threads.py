"""One mailer shared by threads, each of which sends many: over real sockets and real TLS."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from postseal import Mailer, Message, PoolOptions
from postseal.testing import SMTPServer

THREADS, SHARE = 4, 25


def test_threads_send_their_shares_each_over_a_connection_of_its_own() -> None:
    meeting = threading.Barrier(THREADS)

    def letters(subjects: list[str]) -> Iterator[Message]:
        for subject in subjects:
            if subject == subjects[1]:
                # The first is under way in each thread: none has to wait for another's connection.
                meeting.wait(20)
            yield Message(
                from_="ada@example.com", to="bob@example.org", subject=subject, text="Hello."
            )

    shares = [[f"{thread}.{place}" for place in range(SHARE)] for thread in range(THREADS)]
    with SMTPServer() as server:
        limits = PoolOptions(max_connections=THREADS)
        with (
            Mailer(server.url, trust=server.trust, pool=limits) as mailer,
            ThreadPoolExecutor(THREADS) as threads,
        ):
            done = list(threads.map(lambda share: list(mailer.send_many(letters(share))), shares))
        arrived = Counter(stored.message.subject for stored in server.outbox)
        sessions = list(server.sessions)
    # The results of a share are in its order: it went one behind the other.
    assert [[sent.message.subject for sent in share] for share in done] == shares
    assert all(sent.error is None for share in done for sent in share)
    assert arrived == Counter(subject for share in shares for subject in share)
    assert [session.tls.version for session in sessions] == ["TLSv1.3"] * THREADS
