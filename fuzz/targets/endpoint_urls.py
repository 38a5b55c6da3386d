"""Any text is refused as InvalidURL, which repeats no password, or names a server whose TLS is
weaker than authenticated only where the scheme says so, or LMTP stays on this machine.
"""

from __future__ import annotations

from fuzz.chunks import text_of
from postseal.errors import InvalidURL
from postseal.send.endpoint import Endpoint, is_loopback
from postseal.tls import TLSLevel

__all__ = ["run"]

# Seeds have it where a password is put by mistake, and mutations carry it about.
_PASSWORD = "hunter2"
_WEAK_SCHEMES = ("smtp+opportunistic://", "smtp+insecure://")


def run(data: bytes) -> None:
    """Check the invariant."""
    url = text_of(data)
    try:
        endpoint = Endpoint.parse(url)
    except InvalidURL as error:
        assert str(error).isprintable()
        # As the scheme, the user or the host it would not stand where passwords stand.
        if f":{_PASSWORD}@" in url and url.count(_PASSWORD) == 1:
            assert _PASSWORD not in str(error)
        return
    if endpoint.socket_path is not None:
        assert url.lower().startswith("lmtp+unix:///")
        assert endpoint.socket_path.startswith("/")
        assert endpoint.socket_path.isprintable()
        return
    assert 1 <= endpoint.port <= 65535
    assert endpoint.host
    assert endpoint.host.isprintable()
    assert " " not in endpoint.host
    is_weak = endpoint.level is not TLSLevel.AUTHENTICATED
    stays_here = url.lower().startswith("lmtp://") and is_loopback(endpoint.host)
    assert is_weak == (url.lower().startswith(_WEAK_SCHEMES) or stays_here)
