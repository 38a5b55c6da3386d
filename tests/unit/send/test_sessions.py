"""The cache of TLS sessions: who gets which, how often, and how many are kept."""

from __future__ import annotations

import threading
from typing import cast

from postseal.send.session.sessions import SessionCache
from postseal.tls import ResumableSession


class Label:
    """Stands for a session: the cache looks at nothing but when it expires."""

    def __init__(self, name: str, expires: float = 100.0) -> None:
        self.name = name
        self.expires = expires


def session(name: str, expires: float = 100.0) -> ResumableSession:
    return cast(ResumableSession, Label(name, expires))


def name(taken: ResumableSession | None) -> str | None:
    return None if taken is None else cast(Label, taken).name


def test_each_session_is_given_away_once_and_the_newest_first() -> None:
    cache = SessionCache(clock=lambda: 0.0)
    cache.keep("a", session("first"))
    cache.keep("a", session("second"))
    assert [name(cache.take("a")) for _ in range(3)] == ["second", "first", None]


def test_scopes_do_not_see_each_other() -> None:
    cache = SessionCache(clock=lambda: 0.0)
    cache.keep(("host", 25, "weak"), session("weak"))
    assert cache.take(("host", 25, "strong")) is None
    assert cache.take(("host", 26, "weak")) is None
    assert name(cache.take(("host", 25, "weak"))) == "weak"


def test_what_expired_is_forgotten() -> None:
    now = [0.0]
    cache = SessionCache(clock=lambda: now[0])
    cache.keep("a", session("long", expires=20.0))
    cache.keep("a", session("short", expires=10.0))
    now[0] = 10.0
    assert name(cache.take("a")) == "long"
    cache.keep("a", session("long", expires=20.0))
    now[0] = 20.0
    assert cache.take("a") is None
    assert cache.take("a") is None


def test_a_scope_keeps_four() -> None:
    cache = SessionCache(clock=lambda: 0.0)
    for number in range(5):
        assert cache.has_room("a") is (number < 4)
        cache.keep("a", session(str(number)))
    assert [name(cache.take("a")) for _ in range(5)] == ["4", "3", "2", "1", None]
    assert cache.has_room("a")


def test_a_thousand_scopes_are_kept_and_those_in_use_longest() -> None:
    cache = SessionCache(clock=lambda: 0.0)
    for number in range(1000):
        cache.keep(number, session(str(number)))
    cache.keep(0, session("again"))
    cache.keep("one more", session("one more"))
    assert cache.take(1) is None
    assert name(cache.take(0)) == "again"
    assert name(cache.take("one more")) == "one more"


def test_threads_share_it() -> None:
    cache = SessionCache(clock=lambda: 0.0)
    taken: list[str | None] = []
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        for turn in range(200):
            cache.keep(turn % 5, session(f"{number}.{turn}"))
            taken.append(name(cache.take(turn % 5)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given = [one for one in taken if one is not None]
    # Whatever the order, none was given to two.
    assert len(given) == len(set(given))
    assert len(taken) == 1600
