"""Servers that keep nothing, fed by Postfix's smtp-source over 20 connections that stay."""

from __future__ import annotations

from dataclasses import replace

from bench.case import Case, Contender
from bench.parts.discards import aiosmtpd_discard, our_discard, smtp_server_discard
from bench.parts.programs import node_version, package_version, postfix_version
from bench.parts.smtp_source import send_by_smtp_source

__all__ = ["BESIDE_AIOSMTPD", "BESIDE_SMTP_SERVER"]

BESIDE_AIOSMTPD = Case(
    name="server-discard",
    bench="server",
    title="discard, 4 KiB, plaintext from smtp-source -d -s 20",
    unit="messages/s",
    size=4000,
    ours=Contender(
        "postseal", lambda: package_version("postseal"), send_by_smtp_source, our_discard
    ),
    peer=Contender(
        "aiosmtpd", lambda: package_version("aiosmtpd"), send_by_smtp_source, aiosmtpd_discard
    ),
    met=lambda: f"smtp-source of Postfix {postfix_version()}",
)

BESIDE_SMTP_SERVER = replace(
    BESIDE_AIOSMTPD,
    name="server-discard-node",
    title="discard, 4 KiB, plaintext from smtp-source -d -s 20, beside Node.js",
    peer=Contender("smtp-server", node_version, send_by_smtp_source, smtp_server_discard),
)
