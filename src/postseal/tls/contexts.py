"""The settings of OpenSSL that follow from a trust, a level and a profile (RFC 9325)."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from postseal.tls.identity import load_identity
from postseal.tls.levels import TLSLevel
from postseal.tls.profiles import INTERMEDIATE, Profile
from postseal.tls.sni import ServerContext
from postseal.tls.trust import Trust

__all__ = ["client_context", "server_context"]


@lru_cache(maxsize=64)
def client_context(
    trust: Trust, level: TLSLevel, profile: Profile = INTERMEDIATE
) -> ssl.SSLContext:
    """The context for connections to servers, verifying chain and name when `trust` asks for it.

    That is at the level AUTHENTICATED; what `trust` asks besides, `postseal.tls.peer` checks after
    the handshake. Raises `InvalidSetting` when a file cannot be used. Contexts are cached: a
    changed file is seen by new processes.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    profile.apply(context)
    # RFC 9525 6.3: the subject alternative names count, the common name never.
    context.hostname_checks_common_name = False
    if level >= TLSLevel.AUTHENTICATED and trust.verifies_chain:
        trust.load_into(context)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if trust.client_certificate is not None:
        trust.client_certificate.load_into(context)
    return context


def server_context(
    certificate_file: str | Path, key_file: str | Path, *, profile: Profile = INTERMEDIATE
) -> ServerContext:
    """The context for listeners, with a certificate chain and its private key in PEM files.

    Raises `InvalidSetting` when they cannot be read or do not belong together.
    """
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    profile.apply(context)
    load_identity(context, certificate_file, key_file)
    context.learn_end_point(Path(certificate_file).read_text(encoding="latin-1"))
    return context
