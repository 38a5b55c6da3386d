"""Whatever an authorization server answers, there is a token with an end, or an error of ours that
can be printed.
"""

from __future__ import annotations

from postseal.errors import SecretError
from postseal.send.oauth.answers import read_answer

__all__ = ["run"]

_STATUSES = (200, 302, 400, 401, 429, 503)
_NOW = 1_800_000_000.0


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses the status."""
    if not data:
        return
    status = _STATUSES[data[0] % len(_STATUSES)]
    try:
        granted = read_answer(status, data[1:], now=_NOW, remedy="Consent again.")
    except SecretError as error:
        assert str(error).isprintable()
        assert len(str(error)) < 4000
        return
    assert status == 200
    assert granted.expires > _NOW
    assert granted.access_token
