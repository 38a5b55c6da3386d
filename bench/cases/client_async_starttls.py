"""The asyncio client over 20 connections that must be sealed by STARTTLS, beside aiosmtplib.

The server is our own discarding one: it takes messages faster than either client sends them, which
neither Postfix (it writes each to disk) nor the other servers at hand do, and smtp-sink has no TLS.
"""

from __future__ import annotations

import ssl

from bench.case import Case, Contender
from bench.cases.clients import send_by_aiosmtplib, send_by_async_mailer
from bench.parts.discards import our_discard_starttls
from bench.parts.programs import package_version

__all__ = ["CASE"]

CASE = Case(
    name="client-async-starttls",
    bench="client",
    title="asyncio, 20 connections, 4 KiB, STARTTLS required and verified",
    unit="messages/s",
    size=2000,
    ours=Contender(
        "postseal", lambda: package_version("postseal"), send_by_async_mailer, our_discard_starttls
    ),
    peer=Contender(
        "aiosmtplib",
        lambda: package_version("aiosmtplib"),
        send_by_aiosmtplib,
        our_discard_starttls,
    ),
    met=lambda: (
        f"a discarding server of postseal {package_version('postseal')}, {ssl.OPENSSL_VERSION}"
    ),
)
