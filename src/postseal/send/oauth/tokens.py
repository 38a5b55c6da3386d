"""Access tokens of OAuth 2.0: asked for when one is needed, kept until shortly before its end."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from postseal.errors import MailError, MissingExtra, SecretError, SecretUnreachable
from postseal.secrets.access import AccessLog, log_access
from postseal.secrets.opaque import Secret
from postseal.secrets.provider import (
    Need,
    Provider,
    SecretReference,
    SecretVersion,
    seconds_left,
)
from postseal.secrets.source import SecretSource
from postseal.send.networks.blocking import BlockingNetwork, run
from postseal.send.networks.https import HTTPSRequest, exchange
from postseal.send.oauth.answers import Granted, read_answer
from postseal.send.oauth.cache import TokenFile
from postseal.send.oauth.grants import Grant, TokenEndpoint

if TYPE_CHECKING:
    from postseal.send.networks.network import Network
    from postseal.tls import Trust

__all__ = ["oauth_tokens"]

_MAX_ANSWER: Final = 64 * 1024
# More than the margin of `SecretSource`, which asks for another one when that begins.
_MIN_LEFT: Final = 90.0

_log: Final = logging.getLogger("postseal.send")


def oauth_tokens(
    grant: Grant,
    *,
    cache_file: Path | str | None = None,
    trust: Trust | None = None,
    network: Network | None = None,
    patience: float = 30.0,
    log: AccessLog = log_access,
    clock: Callable[[], float] = time.time,
) -> SecretSource:
    """Make what a mailer takes as its `token`, for any number of mailers, threads and tasks.

    A token is asked for when a connection needs one, once for all that wait, and kept until a
    minute before it expires. One that a server refuses is replaced and the login tried again, once.
    In a `cache_file` tokens outlive the process; others read it, and whoever asks writes it.

    The authorization server is verified by `trust` and waited for up to `patience` seconds.
    `network` is a blocking one, for proxies and tests; `log` is told of each access, and `clock` is
    in seconds since the epoch. Raises `InvalidSetting` for an endpoint that is none; asking raises
    the `SecretError`s of `SecretSource.get`.
    """
    endpoint = TokenEndpoint.parse(grant.endpoint)
    reference = SecretReference("oauth", f"{endpoint.host} {grant.name}")
    provider = _AuthorizationServer(
        grant,
        endpoint,
        TokenFile(Path(cache_file), str(reference)) if cache_file is not None else None,
        trust=trust,
        network=network or BlockingNetwork(),
        clock=clock,
    )
    return SecretSource(
        reference,
        provider=provider,
        lifetime=float("inf"),
        grace=0.0,
        patience=patience,
        log=log,
        clock=clock,
    )


class _AuthorizationServer(Provider):
    """Who gives the tokens of one grant."""

    def __init__(
        self,
        grant: Grant,
        endpoint: TokenEndpoint,
        file: TokenFile | None,
        *,
        trust: Trust | None,
        network: Network,
        clock: Callable[[], float],
    ) -> None:
        self._grant = grant
        self._endpoint = endpoint
        self._file = file
        self._trust = trust
        self._network = network
        self._clock = clock
        self._last: tuple[str, Granted] | None = None

    def fetch(
        self, reference: SecretReference, *, deadline: float, need: Need = Need.CURRENT
    ) -> SecretVersion:
        """Give the token that is kept, or ask for another one; see `Provider.fetch`."""
        now = self._clock()
        form = self._grant.form(now=now, timeout=seconds_left(reference, deadline))
        fingerprint = self._fingerprint(form)
        kept = self._kept(fingerprint)
        if need is Need.CURRENT and kept is not None and kept.expires - now > _MIN_LEFT:
            return _version(kept)
        if kept is not None and kept.refresh_token is not None:
            form["refresh_token"] = kept.refresh_token.reveal()
        granted = self._ask(form, seconds_left(reference, deadline))
        if kept is not None and granted.refresh_token is None:
            # RFC 6749 6: the one that was shown goes on.
            granted = replace(granted, refresh_token=kept.refresh_token)
        self._keep(fingerprint, granted)
        return _version(granted)

    def _ask(self, form: Mapping[str, str], seconds: float) -> Granted:
        request = HTTPSRequest(
            host=self._endpoint.host,
            target=self._endpoint.path,
            method="POST",
            headers=(
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("Accept", "application/json"),
            ),
            body=urlencode(form).encode(),
        )
        try:
            answer = run(
                exchange(
                    self._network,
                    request,
                    trust=self._trust,
                    deadline=self._network.now() + seconds,
                    max_size=_MAX_ANSWER,
                    # RFC 6749 5.2: why there is no token is said with 400 or 401.
                    read_statuses=range(200, 500),
                )
            )
        except (SecretError, MissingExtra):
            raise
        except MailError as error:
            raise SecretUnreachable(f"the authorization server: {error}") from None
        return read_answer(answer.status, answer.body, now=self._clock(), remedy=self._grant.remedy)

    def _kept(self, fingerprint: str) -> Granted | None:
        if self._file is not None and (kept := self._file.load(fingerprint)) is not None:
            return kept
        # The refresh token that the source keeps may be another one by now.
        if self._last is not None and self._last[0] == fingerprint:
            return self._last[1]
        return None

    def _keep(self, fingerprint: str, granted: Granted) -> None:
        self._last = fingerprint, granted
        if self._file is None:
            return
        try:
            self._file.store(fingerprint, granted)
        except SecretError as error:
            # The token is as good without it.
            _log.warning("tokens cannot be kept: %s", error)

    def _fingerprint(self, form: Mapping[str, str]) -> str:
        told = [self._grant.endpoint, self._grant.name, form.get("refresh_token", "")]
        return sha256(json.dumps(told).encode()).hexdigest()


def _version(granted: Granted) -> SecretVersion:
    return SecretVersion(
        Secret(granted.access_token.reveal()), expires=datetime.fromtimestamp(granted.expires, UTC)
    )
