"""`send_many` over 10 connections sealed by STARTTLS, near and far, beside others.

The server is smtp-sink behind a TLS terminator, both in C: the clients are what is measured.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from bench.case import Case, Contender
from bench.cases.clients import send_by_aiosmtplib, send_by_async_mailer
from bench.parts.nodemailer import send_by_nodemailer
from bench.parts.programs import node_version, package_version
from bench.parts.terminator import far_starttls_sink, starttls_sink, starttls_sink_version

__all__ = ["BESIDE_AIOSMTPLIB", "BESIDE_NODEMAILER", "FAR_BESIDE_NODEMAILER"]

_CONNECTIONS = 10

_OURS = Contender(
    "postseal",
    lambda: package_version("postseal"),
    partial(send_by_async_mailer, connections=_CONNECTIONS),
    starttls_sink,
)
_NODEMAILER = Contender(
    "nodemailer's pool",
    partial(node_version, "nodemailer"),
    partial(send_by_nodemailer, connections=_CONNECTIONS),
    starttls_sink,
)

BESIDE_AIOSMTPLIB = Case(
    name="client-many-starttls",
    bench="client",
    title="send_many, 10 connections, 4 KiB, STARTTLS to smtp-sink",
    unit="messages/s",
    size=10_000,
    ours=_OURS,
    peer=Contender(
        "aiosmtplib",
        lambda: package_version("aiosmtplib"),
        partial(send_by_aiosmtplib, connections=_CONNECTIONS),
        starttls_sink,
    ),
    met=starttls_sink_version,
)

BESIDE_NODEMAILER = replace(
    BESIDE_AIOSMTPLIB,
    name="client-many-starttls-node",
    title="send_many, 10 connections, 4 KiB, STARTTLS to smtp-sink, beside Node.js",
    peer=_NODEMAILER,
)

FAR_BESIDE_NODEMAILER = replace(
    BESIDE_NODEMAILER,
    name="client-many-far-node",
    title="send_many, 10 connections, 4 KiB, STARTTLS, round trip of 20 ms",
    size=2000,
    ours=replace(_OURS, server=far_starttls_sink),
    peer=replace(_NODEMAILER, server=far_starttls_sink),
)
