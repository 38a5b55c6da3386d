"""References name secrets, and a text that is none is never repeated: it may be the secret."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postseal.errors import InvalidReference
from postseal.secrets.provider import (
    SCHEMES,
    Location,
    SecretReference,
    missing_extra,
    provider_of,
)

OPTIONS = frozenset({"version", "region"})


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("vault:kv/mail", Location("kv/mail", {}, None)),
        ("vault:kv/mail#password", Location("kv/mail", {}, "password")),
        (
            "vault:kv/mail?version=3&region=eu#password",
            Location("kv/mail", {"version": "3", "region": "eu"}, "password"),
        ),
        ("vault:a%23b%3Fc%25#k%C3%A9", Location("a#b?c%", {}, "ké")),
        ("file:/etc/x y", Location("/etc/x y", {}, None)),
        ("vault:a#b#c?d", Location("a", {}, "b#c?d")),
        ("vault:a?version=x=y:/z", Location("a", {"version": "x=y:/z"}, None)),
    ],
)
def test_what_lies_behind_the_scheme(text: str, location: Location) -> None:
    assert SecretReference.parse(text).location(options=OPTIONS) == location
    assert str(SecretReference.parse(text)) == text


@pytest.mark.parametrize(
    "rest",
    [
        "a?nothing=3",
        "a?version",
        "a?version=",
        "a?version=1&version=2",
        "a?version=1&",
        "a#",
        "#b",
        "?version=1",
        "a%2",
        "a%zz",
        "a%ff",
        "a%0a",
        "a#%00",
    ],
)
def test_locations_that_are_none(rest: str) -> None:
    with pytest.raises(InvalidReference):
        SecretReference.parse(f"vault:{rest}").location(options=OPTIONS)


@pytest.mark.parametrize(
    "text",
    [
        "hunter2hunter2",
        "hunter2:hunter2",
        "Env:hunter2",
        " env:hunter2",
        "env:hunter2\n",
        "env:hunter2\0",
        "file:" + "hunter2" * 1000,
        "https://hunter2",
    ],
)
def test_a_secret_given_for_a_reference_is_not_repeated(text: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        SecretReference.parse(text)
    assert "hunter2" not in str(caught.value)
    assert caught.value.hint is None or "Secret(value)" in caught.value.hint


@given(st.text())
@example("vault:%")
@example("exec:")
def test_any_text_is_a_reference_or_an_error(text: str) -> None:
    try:
        reference = SecretReference.parse(text)
    except InvalidReference:
        return
    assert f"{reference.scheme}:{reference.rest}" == text
    try:
        location = reference.location()
    except InvalidReference:
        return
    assert location.path


def test_arguments_of_a_command_are_not_shown() -> None:
    reference = SecretReference.parse("exec:curl -H 'Authorization: hunter2'")
    assert str(reference) == "exec:curl ..."
    assert repr(reference) == "SecretReference('exec:curl ...')"
    told = traceback.TracebackException.from_exception(ValueError(reference), capture_locals=True)
    assert "Authorization" not in "".join(told.format()).replace("reference = SecretRef", "", 1)
    assert str(SecretReference.parse("exec:true")) == "exec:true"


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_every_scheme_has_a_provider_that_is_made_once(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_ADDR", "https://vault.example.com")
    provider = provider_of(scheme)
    assert provider_of(scheme) is provider
    assert callable(provider.fetch)


def test_a_missing_extra_is_named() -> None:
    assert str(missing_extra("aws-sm", "aws")) == (
        "secrets of aws-sm: need packages that are not installed. "
        "Install them with: pip install 'postseal[aws]'."
    )
