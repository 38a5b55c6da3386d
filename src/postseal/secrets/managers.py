"""What providers of secret managers share: safe addresses, values by key, refusals by status."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from postseal.address import is_loopback
from postseal.errors import (
    InvalidSetting,
    SecretDenied,
    SecretError,
    SecretMalformed,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets.opaque import Secret
from postseal.secrets.provider import SecretReference, decoded

__all__ = ["checked_address", "refusal", "told", "value_among", "value_in"]

_MAX_TOLD = 400


def checked_address(address: str, *, setting: str) -> str:
    """Give the base address of a manager without its last slash.

    Raises `InvalidSetting`, naming the `setting` it comes from, where it is not HTTPS and not on
    loopback either, or carries a user, a query or a fragment.
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        parts.port  # noqa: B018  # reading it is what checks it
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in {"http", "https"} or not host or not address.isprintable():
        raise InvalidSetting(f"{setting} is no address of a web server", hint="Write https://host.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidSetting(f"{setting} holds more than a host, a port and a path")
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidSetting(
            f"{setting} would send secrets in clear to {host}",
            hint="Write https://, or run an agent or a proxy of the manager on loopback.",
        )
    return address.rstrip("/")


def told(text: str) -> str:
    """Make a server's own words fit into an error: one line of bounded length."""
    line = " ".join(text.split())
    shown = "".join(letter for letter in line if letter.isprintable())
    return shown if len(shown) <= _MAX_TOLD else f"{shown[:_MAX_TOLD]}..."


def refusal(
    reference: SecretReference, who: str, status: int, words: str, *, hint: str | None = None
) -> SecretError:
    """Make the error for an HTTP status other than 2xx; `hint` is for what is denied."""
    text = f"{who} answers {status}{f': {told(words)}' if words else ''}"
    if status == 404:
        return SecretNotFound(text, reference=str(reference))
    if status in {408, 412, 429} or status >= 500:
        return SecretUnreachable(text, reference=str(reference))
    return SecretDenied(text, reference=str(reference), hint=hint)


def value_among(
    reference: SecretReference, values: Mapping[str, object], key: str | None
) -> Secret:
    """Take the value of `key`, or without one the only value there is.

    Raises `SecretNotFound` for a key that is not there, and `SecretMalformed` where several values
    are kept and none is named, or the value is no text. The errors name the keys, never a value.
    """
    names = told(", ".join(sorted(values)))
    if key is None:
        if len(values) != 1:
            raise SecretMalformed(
                f"{len(values)} values are kept there",
                reference=str(reference),
                hint=f"Name one of them: {reference}#KEY, of {names}." if values else None,
            )
        (key,) = values
    if key not in values:
        raise SecretNotFound(
            f"nothing is kept there under the key {key!a}",
            reference=str(reference),
            hint=f"The keys are {names}." if names else None,
        )
    value = values[key]
    if not isinstance(value, str):
        raise SecretMalformed(f"the value of {key!a} is no text", reference=str(reference))
    return decoded(reference, value.encode("utf-8", "surrogatepass"))


def value_in(reference: SecretReference, kept: bytes, key: str | None) -> Secret:
    """Take all that is kept, or the value of `key` in the JSON object that it is.

    Raises `SecretMalformed` where it is empty, no UTF-8, or no JSON object although a key is given;
    and as `value_among` does.
    """
    if key is None:
        return decoded(reference, kept)
    import json

    values: object = None
    # The error would hold what is kept.
    with suppress(ValueError, RecursionError):
        values = json.loads(kept)
    if not isinstance(values, dict):
        raise SecretMalformed(
            f"a key is asked for ({key!a}), and what is kept there is no JSON object",
            reference=str(reference),
            hint="Leave the key out to get all that is kept.",
        )
    return value_among(reference, values, key)
