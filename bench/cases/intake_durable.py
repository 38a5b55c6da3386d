"""Servers that reply once a message is on the disk, fed by Postfix's smtp-source."""

from __future__ import annotations

from bench.case import Case, Contender
from bench.parts.durable import describe_disk, our_platform, postfix_on_hold
from bench.parts.programs import package_version, postfix_version
from bench.parts.smtp_source import send_by_smtp_source

__all__ = ["CASE"]

CASE = Case(
    name="intake-durable",
    bench="server",
    title="durable intake, 4 KiB, plaintext from smtp-source -d -s 20",
    unit="messages/s",
    size=2000,
    ours=Contender(
        "postseal serve", lambda: package_version("postseal"), send_by_smtp_source, our_platform
    ),
    peer=Contender("Postfix", postfix_version, send_by_smtp_source, postfix_on_hold),
    met=lambda: f"smtp-source of Postfix {postfix_version()}; {describe_disk()}",
)
