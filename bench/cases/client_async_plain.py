"""The asyncio client over 20 plaintext connections, beside aiosmtplib and Postfix's smtp-source."""

from __future__ import annotations

from dataclasses import replace

from bench.case import Case, Contender
from bench.cases.clients import send_by_aiosmtplib, send_by_async_mailer
from bench.parts.programs import package_version, postfix_version
from bench.parts.sink import smtp_sink, smtp_sink_version
from bench.parts.smtp_source import send_by_smtp_source

__all__ = ["BESIDE_AIOSMTPLIB", "BESIDE_SMTP_SOURCE"]

BESIDE_AIOSMTPLIB = Case(
    name="client-async-plain",
    bench="client",
    title="asyncio, 20 connections, 4 KiB, plaintext to smtp-sink",
    unit="messages/s",
    size=4000,
    ours=Contender(
        "postseal", lambda: package_version("postseal"), send_by_async_mailer, smtp_sink
    ),
    peer=Contender(
        "aiosmtplib", lambda: package_version("aiosmtplib"), send_by_aiosmtplib, smtp_sink
    ),
    met=smtp_sink_version,
)

BESIDE_SMTP_SOURCE = replace(
    BESIDE_AIOSMTPLIB,
    name="client-async-plain-c",
    title="asyncio, 20 connections, 4 KiB, plaintext to smtp-sink, beside C",
    peer=Contender("smtp-source -d -s 20", postfix_version, send_by_smtp_source, smtp_sink),
)
