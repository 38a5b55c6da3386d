"""What is said of secrets by their dates and their keepers; files are tested with the command."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import keyring
import pytest

from postseal.errors import InvalidReference, SecretDenied, SecretUnreachable
from postseal.secrets import SecretReference
from postseal.secrets.checking import Checked, Weight, check
from postseal.secrets.provider import SCHEMES
from postseal.secrets.version_control import Tracking, tracking_of
from tests.parts.keepers import Keeper

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PASSWORD = "correct-horse-battery-staple"


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> Keeper:
    """Stands in for the providers of all schemes."""
    keeper = Keeper(PASSWORD)
    monkeypatch.setattr("postseal.secrets.source.provider_of", lambda _: keeper)
    return keeper


def examine(text: str = "vault:kv/mail#password") -> Checked:
    checked = check(SecretReference.parse(text), now=NOON, max_age=365 * DAY, patience=20)
    assert PASSWORD not in repr(checked)
    return checked


def weights(checked: Checked) -> list[Weight]:
    return [finding.weight for finding in checked.findings]


def test_nothing_to_say(keeper: Keeper) -> None:
    keeper.created, keeper.expires = NOON - 365 * DAY, NOON + 14 * DAY
    checked = examine()
    assert checked.findings == ()
    assert checked.weight is None
    assert (checked.version, checked.created, checked.expires) == (
        "1",
        keeper.created,
        keeper.expires,
    )


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_every_scheme_has_a_keeper_with_a_name(keeper: Keeper, scheme: str) -> None:
    rest = {"sealed": "/nothing?key=env:X#name"}.get(scheme, "/nothing")
    assert examine(f"{scheme}:{rest}").keeper


@pytest.mark.parametrize(
    ("created", "expires", "expected"),
    [
        (NOON - 366 * DAY, None, [Weight.PROBLEM]),
        (NOON - 100 * DAY, NOON + 13 * DAY, [Weight.ADVICE]),
        (None, NOON + 13 * DAY, [Weight.ADVICE]),
        # A lease of hours ends soon all its life long.
        (NOON, NOON + timedelta(hours=1), []),
    ],
)
def test_dates(
    keeper: Keeper, created: datetime | None, expires: datetime | None, expected: list[Weight]
) -> None:
    keeper.created, keeper.expires = created, expires
    assert weights(examine()) == expected


def test_a_pinned_version_never_rotates(keeper: Keeper) -> None:
    assert weights(examine("vault:kv/mail?version=3#password")) == [Weight.ADVICE]
    assert weights(examine("vault:kv/mail#version=3")) == []


@pytest.mark.parametrize(
    ("failure", "weight"),
    [
        (SecretDenied("no"), Weight.PROBLEM),
        (SecretUnreachable("down"), Weight.UNKNOWN),
        (RuntimeError(PASSWORD), Weight.UNKNOWN),
    ],
)
def test_what_cannot_be_had(keeper: Keeper, failure: Exception, weight: Weight) -> None:
    keeper.failures = deque([failure])
    checked = examine()
    assert checked.weight is weight
    assert checked.version is None


def test_the_gravest_counts(keeper: Keeper) -> None:
    keeper.failures = deque([SecretUnreachable("down")])
    assert examine("env:X").weight is Weight.UNKNOWN


def test_a_reference_that_is_none(keeper: Keeper) -> None:
    with pytest.raises(InvalidReference):
        check(SecretReference.parse("file:/x?mode=1"), now=NOON, max_age=DAY)


def test_a_keyring_that_encrypts_nothing(keeper: Keeper) -> None:
    backends = import_module("keyrings.alt.file")
    before = keyring.get_keyring()
    keyring.set_keyring(backends.PlaintextKeyring())
    try:
        assert weights(examine("keyring:mail/ada")) == [Weight.PROBLEM]
    finally:
        keyring.set_keyring(before)


def test_a_machine_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tracking_of(tmp_path / "file") is Tracking.OUTSIDE
    (tmp_path / ".git").mkdir()
    assert tracking_of(tmp_path / "file") is Tracking.UNKNOWN
