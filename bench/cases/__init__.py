"""All cases, in the order in which they run."""

from __future__ import annotations

from bench.case import Case
from bench.cases import (
    client_async_plain,
    client_async_starttls,
    client_attachment_memory,
    client_blocking,
    client_endless_memory,
    client_many,
    dkim,
    imports,
    intake_durable,
    message_build,
    message_parse,
    server_discard,
    server_idle_memory,
)

__all__ = ["CASES"]

CASES: tuple[Case, ...] = (
    client_async_plain.BESIDE_AIOSMTPLIB,
    client_async_plain.BESIDE_SMTP_SOURCE,
    client_blocking.PLAIN,
    client_blocking.FAR,
    client_async_starttls.CASE,
    client_many.BESIDE_AIOSMTPLIB,
    client_many.BESIDE_NODEMAILER,
    client_many.FAR_BESIDE_NODEMAILER,
    client_attachment_memory.CASE,
    client_endless_memory.CASE,
    imports.PACKAGE,
    imports.MAILER,
    server_discard.BESIDE_AIOSMTPD,
    server_discard.BESIDE_SMTP_SERVER,
    server_idle_memory.CASE,
    intake_durable.CASE,
    message_build.CASE,
    message_parse.BESIDE_DEFAULT_POLICY,
    message_parse.BESIDE_COMPAT32,
    message_parse.MEMORY,
    dkim.SIGN_BESIDE_DKIMPY,
    dkim.SIGN_BESIDE_RSA,
    dkim.VERIFY,
)
