"""Where mail goes, as the configuration of a framework says it, and the mailer for that.

Frameworks configure mail in two ways: by a URL, or by the host, port and flags that smtplib made
people write. Both end in the same URL, so neither can say less than the other.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Self, TypeVar
from urllib.parse import quote

from postseal.address import is_loopback
from postseal.errors import InvalidSetting
from postseal.secrets.opaque import Secret
from postseal.secrets.source import SecretSource
from postseal.send.async_mailer import AsyncMailer
from postseal.send.mailer import Mailer
from postseal.send.mailer_base import MailerBase
from postseal.send.timeouts import Timeouts

__all__ = ["OPTIONS", "MailerSettings"]

T = TypeVar("T")
M = TypeVar("M", bound=MailerBase)

_OF_A_HOST: Final = ("host", "port", "username", "use_tls", "use_ssl")
_NOTHING: Final = ("", None)
_ONE: Final = "Leave one of them out."


@dataclass(frozen=True, slots=True, kw_only=True)
class MailerSettings:
    """What an application says of its mailer.

    `url` is as in `Mailer`. The `password` is given as it is, or by the reference of a
    `password_from`, such as `vault:kv/mail#password` (see `postseal.secrets`). `timeout` is for the
    whole of a message, in seconds. Raises `InvalidSetting`.
    """

    url: str
    password: Secret | None = None
    password_from: str | None = None
    ca_file: str | None = None
    local_name: str | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        if self.password is not None and self.password_from is not None:
            raise InvalidSetting("password and password_from both say the password", hint=_ONE)

    @classmethod
    def read(cls, values: Mapping[str, object]) -> Self:
        """Read options by the names of the fields, or `host`, `port`, `username`, `use_tls`...

        With a host, TLS is required and verified, by STARTTLS or with `use_ssl` from the first
        octet; only a host of loopback without either flag is spoken to in clear. What is empty or
        None counts as not given. Raises `InvalidSetting`, which names the option.
        """
        given = {name: value for name, value in values.items() if value not in _NOTHING}
        for name in given:
            if name not in OPTIONS:
                near = difflib.get_close_matches(name, OPTIONS, n=1)
                raise InvalidSetting(
                    f"{name!a} is no option of a mailer",
                    hint=f"Did you mean {near[0]}?" if near else f"Known: {', '.join(OPTIONS)}.",
                )
        password = given.get("password")
        ca_file = _of_type(given, "ca_file", str, Path)
        timeout = _of_type(given, "timeout", int, float)
        return cls(
            url=_url(given),
            password=Secret(password)
            if isinstance(password, str)
            else _of_type(given, "password", Secret),
            password_from=_of_type(given, "password_from", str),
            ca_file=None if ca_file is None else str(ca_file),
            local_name=_of_type(given, "local_name", str),
            timeout=timeout,
        )

    def mailer(self) -> Mailer:
        """Make a mailer for threads."""
        return self._make(Mailer)

    def async_mailer(self) -> AsyncMailer:
        """Make a mailer for tasks."""
        return self._make(AsyncMailer)

    def _make(self, kind: type[M]) -> M:
        password = self.password
        return kind(
            self.url,
            password=SecretSource(self.password_from) if self.password_from else password,
            ca_file=self.ca_file,
            local_name=self.local_name,
            timeouts=None if self.timeout is None else Timeouts(total=self.timeout),
        )


OPTIONS: Final = (*(one.name for one in fields(MailerSettings)), *_OF_A_HOST)
"""The options that `MailerSettings.read` takes."""


def _url(given: Mapping[str, object]) -> str:
    url = _of_type(given, "url", str)
    host = _of_type(given, "host", str)
    if url is not None:
        if beside := [name for name in _OF_A_HOST if given.get(name)]:
            raise InvalidSetting(f"url and {beside[0]} both say where mail goes", hint=_ONE)
        return url
    if host is None:
        raise InvalidSetting(
            "nothing says where mail goes", hint="Give a url, such as smtp://ada@mail.example.com."
        )
    use_tls, use_ssl = (bool(_of_type(given, name, bool)) for name in ("use_tls", "use_ssl"))
    if use_tls and use_ssl:
        raise InvalidSetting("use_tls (STARTTLS) and use_ssl exclude each other", hint=_ONE)
    is_local = host == "localhost" or is_loopback(host)
    scheme = "smtps" if use_ssl else "smtp+insecure" if is_local and not use_tls else "smtp"
    username = _of_type(given, "username", str)
    user = f"{quote(username, safe='')}@" if username else ""
    port = _of_type(given, "port", int)
    place = f"[{host}]" if ":" in host else host
    return f"{scheme}://{user}{place}{'' if port is None else f':{port}'}"


def _of_type(given: Mapping[str, object], name: str, *kinds: type[T]) -> T | None:
    value = given.get(name)
    if value is None or isinstance(value, kinds):
        return value
    raise InvalidSetting(f"the option {name} cannot be of the type {type(value).__name__}")
