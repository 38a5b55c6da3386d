"""A secret by its reference: how long it is kept, who is asked, and what comes of a refusal."""

from __future__ import annotations

import os
import threading
import traceback
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

import postseal
from postseal.errors import (
    InvalidReference,
    InvalidSetting,
    SecretDenied,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets import Access, Need, Outcome, Secret, SecretSource
from tests.parts.keepers import Keeper

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PASSWORD = "correct-horse-battery-staple"


class Desk:
    """A source, its keeper, its clock and what was logged."""

    def __init__(self, keeper: Keeper | None = None, *, patience: float = 20.0) -> None:
        self.keeper = keeper or Keeper(PASSWORD)
        self.now = 0.0
        self.accesses: list[Access] = []
        self.source = SecretSource(
            "vault:kv/mail#password",
            provider=self.keeper,
            lifetime=300,
            grace=1000,
            patience=patience,
            log=self.accesses.append,
            clock=lambda: NOON.timestamp() + self.now,
            monotonic=lambda: self.now,
        )

    def value(self) -> str:
        return self.source.get(timeout=20).secret.reveal()

    @property
    def outcomes(self) -> list[Outcome]:
        return [access.outcome for access in self.accesses]


def test_it_is_fetched_when_first_needed_and_kept_for_its_lifetime() -> None:
    desk = Desk()
    assert desk.keeper.needs == []
    for desk.now in (0, 100, 299):
        assert desk.value() == PASSWORD
    assert desk.keeper.needs == [Need.CURRENT]
    desk.keeper.rotate("another")
    desk.now = 300
    assert desk.value() == "another"
    assert desk.outcomes == [Outcome.FETCHED, Outcome.CACHED, Outcome.CACHED, Outcome.FETCHED]


def test_a_lease_is_renewed_before_it_ends() -> None:
    desk = Desk(Keeper(PASSWORD, expires=NOON + timedelta(seconds=100)))
    desk.value()
    for desk.now in (50, 89):
        desk.value()
    assert len(desk.keeper.needs) == 1
    desk.now = 90
    desk.keeper.expires = NOON + timedelta(seconds=190)
    desk.value()
    desk.now = 150
    desk.value()
    assert len(desk.keeper.needs) == 2


def test_what_has_expired_is_not_given() -> None:
    desk = Desk(Keeper(PASSWORD, expires=NOON))
    with pytest.raises(SecretDenied, match="expired"):
        desk.value()
    assert desk.outcomes == [Outcome.FAILED]


def test_one_is_asked_for_many() -> None:
    desk = Desk(Keeper(PASSWORD, gate=threading.Event()))
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(desk.value) for _ in range(8)]
        assert desk.keeper.entered.wait(20)
        assert desk.keeper.gate is not None
        desk.keeper.gate.set()
        assert {future.result(20) for future in asked} == {PASSWORD}
    assert len(desk.keeper.needs) == 1


def test_those_who_wait_for_one_failure_get_one_each() -> None:
    # An error collects where it has been; two who raise the same would mix that up.
    keeper = Keeper(PASSWORD, gate=threading.Event())
    keeper.failures.append(SecretNotFound("nothing", reference="vault:kv/mail#password"))
    source = Desk(keeper).source
    flight = source._kept_or_asked(None)
    assert source._kept_or_asked(None) is flight
    assert keeper.gate is not None
    keeper.gate.set()
    errors = []
    for _ in range(2):
        with pytest.raises(SecretNotFound, match=r"^vault:kv/mail#password: nothing") as caught:
            source._wait(flight, 20)
        errors.append(caught.value)
    assert errors[0] is not errors[1]


def test_a_keeper_that_hangs_is_not_waited_for() -> None:
    desk = Desk(Keeper(PASSWORD, gate=threading.Event()))
    with pytest.raises(SecretUnreachable, match="no answer in time") as caught:
        desk.source.get(timeout=0.01)
    assert caught.value.is_temporary
    assert desk.keeper.gate is not None
    desk.keeper.gate.set()
    assert desk.value() == PASSWORD
    assert len(desk.keeper.needs) == 1


# -- failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "outlasts"),
    [
        (SecretUnreachable("down"), True),
        (ConnectionError("down"), True),
        (SecretDenied("no"), False),
        (SecretNotFound("gone"), False),
    ],
)
def test_only_a_keeper_that_cannot_be_asked_is_outlasted(
    failure: Exception, outlasts: bool
) -> None:
    desk = Desk()
    desk.value()
    desk.now = 300
    desk.keeper.failures = deque([failure])
    if outlasts:
        assert desk.value() == PASSWORD
        assert desk.accesses[-1].outcome is Outcome.STALE
        assert desk.accesses[-1].error == "SecretUnreachable"
    else:
        with pytest.raises(type(failure)):
            desk.value()
        assert desk.accesses[-1].outcome is Outcome.FAILED


def test_the_keeper_is_asked_again_soon_and_the_grace_ends() -> None:
    desk = Desk()
    desk.value()
    desk.keeper.failures = deque(SecretUnreachable("down") for _ in range(4))
    desk.now = 300
    desk.value()
    desk.value()
    assert len(desk.keeper.needs) == 2
    desk.now = 1299
    desk.value()
    assert len(desk.keeper.needs) == 3
    desk.now = 1300
    with pytest.raises(SecretUnreachable):
        desk.value()


def test_what_expired_is_not_outlasted() -> None:
    desk = Desk(Keeper(PASSWORD, expires=NOON + timedelta(seconds=100)))
    desk.value()
    desk.keeper.failures = deque([SecretUnreachable("down"), SecretUnreachable("down")])
    desk.now = 99
    assert desk.value() == PASSWORD
    desk.now = 100
    with pytest.raises(SecretUnreachable):
        desk.value()


def test_nothing_of_the_provider_is_shown() -> None:
    # Its frames hold the value, and its own errors may say it.
    desk = Desk()
    desk.keeper.failures = deque([RuntimeError(f"cannot parse {PASSWORD}")])
    with pytest.raises(SecretUnreachable) as caught:
        desk.source.get()
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    lines = [line for line in told.format() if "desk = " not in line]
    assert PASSWORD not in "".join(lines)
    assert "the provider failed (RuntimeError)" in str(caught.value)
    assert caught.value.__context__ is None


# -- refusals --------------------------------------------------------------------------------------


def test_a_refused_secret_is_replaced_by_the_one_in_force() -> None:
    desk = Desk()
    refused = desk.source.get().secret
    desk.keeper.rotate("another")
    newer = desk.source.replace(refused)
    assert newer is not None
    assert (newer.secret.reveal(), newer.version) == ("another", "2")
    assert desk.value() == "another"
    assert desk.keeper.needs == [Need.CURRENT, Need.REPLACEMENT]
    assert desk.outcomes == [Outcome.FETCHED, Outcome.REPLACED, Outcome.CACHED]


def test_a_secret_that_is_still_the_same_has_no_replacement() -> None:
    desk = Desk()
    assert desk.source.replace(desk.source.get().secret) is None
    assert desk.outcomes == [Outcome.FETCHED, Outcome.UNCHANGED]


def test_one_replacement_is_for_all_that_were_refused() -> None:
    desk = Desk()
    refused = desk.source.get().secret
    desk.keeper.rotate("another")
    for _ in range(5):
        newer = desk.source.replace(refused)
        assert newer is not None
        assert newer.version == "2"
    assert len(desk.keeper.needs) == 2


def test_who_asked_before_the_refusal_does_not_answer_for_it() -> None:
    # The fetch that is under way may give from a cache; the refusal is about that very value.
    keeper = Keeper(PASSWORD, gate=threading.Event())
    desk = Desk(keeper)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(desk.source.get)
        assert keeper.entered.wait(20)
        second = threads.submit(desk.source.replace, Secret(PASSWORD))
        assert keeper.gate is not None
        keeper.gate.set()
        assert first.result(20).secret == Secret(PASSWORD)
        assert second.result(20) is None
    assert keeper.needs == [Need.CURRENT, Need.REPLACEMENT]


def test_a_refused_secret_is_not_outlasted() -> None:
    desk = Desk()
    refused = desk.source.get().secret
    desk.keeper.failures = deque([SecretUnreachable("down")])
    with pytest.raises(SecretUnreachable):
        desk.source.replace(refused)


# -- the rest --------------------------------------------------------------------------------------


def test_an_access_is_told_without_the_value() -> None:
    desk = Desk()
    desk.value()
    (access,) = desk.accesses
    assert (access.when, access.user, access.process) == (NOON, os.geteuid(), os.getpid())
    assert str(access) == "vault:kv/mail#password: fetched (version 1)"
    assert PASSWORD not in repr(access)


def test_a_secret_is_not_given_where_the_log_cannot_be_written() -> None:
    def full(_: Access) -> None:
        raise OSError(28, "No space left on device")

    source = SecretSource("env:X", provider=Keeper(PASSWORD), log=full)
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            source.get()


def test_after_a_fork_nobody_waits_for_the_parents_thread() -> None:
    desk = Desk(Keeper(PASSWORD, gate=threading.Event()))
    with pytest.raises(SecretUnreachable):
        desk.source.get(timeout=0.01)
    assert desk.keeper.gate is not None
    with warnings.catch_warnings():
        # Newer Pythons warn of forks beside threads, which is what this is about.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:  # pragma: no cover
        desk.keeper.gate = None
        os._exit(0 if desk.value() == PASSWORD else 1)
    _, status = os.waitpid(child, 0)
    desk.keeper.gate.set()
    assert os.waitstatus_to_exitcode(status) == 0


def test_who_clears_a_secret_takes_it_from_nobody_else() -> None:
    desk = Desk()
    for _ in range(2):
        with desk.source.get().secret as secret:
            assert secret.reveal() == PASSWORD
    assert desk.value() == PASSWORD


def test_a_thread_that_cannot_be_started_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    desk = Desk()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", full)
        with pytest.raises(RuntimeError):
            desk.value()
    assert desk.value() == PASSWORD


def test_what_is_kept_can_be_forgotten() -> None:
    desk = Desk()
    desk.value()
    desk.source.forget()
    desk.value()
    assert len(desk.keeper.needs) == 2


def test_the_front_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    source = postseal.secret("env:MAIL_PASSWORD")
    assert source.get().secret.reveal() == PASSWORD
    assert repr(source) == "SecretSource('env:MAIL_PASSWORD')"


def test_input_that_is_none() -> None:
    with pytest.raises(InvalidReference) as caught:
        SecretSource(PASSWORD)
    assert PASSWORD not in str(caught.value)
    for lifetime, grace, patience in ((-1.0, 1.0, 1.0), (1.0, float("nan"), 1.0), (1.0, 1.0, 0.0)):
        with pytest.raises(InvalidSetting):
            SecretSource("env:X", lifetime=lifetime, grace=grace, patience=patience)
