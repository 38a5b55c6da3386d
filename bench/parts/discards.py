"""The servers that take all mail and keep none, as processes: ours, aiosmtpd and smtp-server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.case import Server
from bench.parts.certificate import self_signed_certificate
from bench.parts.processes import announced_server, python_server
from bench.parts.programs import NODE_FOLDER, find_program, node_version, package_version

__all__ = [
    "aiosmtpd_discard",
    "aiosmtpd_implicit_tls",
    "our_discard",
    "our_discard_implicit_tls",
    "our_discard_starttls",
    "smtp_server_discard",
]


@contextmanager
def our_discard() -> Iterator[Server]:
    """Our server session, in clear."""
    with python_server("bench.parts.discard") as server:
        yield server


@contextmanager
def our_discard_starttls() -> Iterator[Server]:
    """Our server session, offering STARTTLS."""
    with (
        self_signed_certificate() as (chain, ca_file),
        python_server("bench.parts.discard", str(chain), "starttls", ca_file=ca_file) as server,
    ):
        yield server


@contextmanager
def our_discard_implicit_tls() -> Iterator[Server]:
    """Our server session, under TLS from the first octet."""
    with (
        self_signed_certificate() as (chain, ca_file),
        python_server("bench.parts.discard", str(chain), "implicit", ca_file=ca_file) as server,
    ):
        yield server


@contextmanager
def aiosmtpd_discard() -> Iterator[Server]:
    """An aiosmtpd in clear."""
    package_version("aiosmtpd")
    with python_server("bench.parts.discard_aiosmtpd") as server:
        yield server


@contextmanager
def aiosmtpd_implicit_tls() -> Iterator[Server]:
    """An aiosmtpd under TLS from the first octet."""
    package_version("aiosmtpd")
    with (
        self_signed_certificate() as (chain, ca_file),
        python_server("bench.parts.discard_aiosmtpd", str(chain), ca_file=ca_file) as server,
    ):
        yield server


@contextmanager
def smtp_server_discard() -> Iterator[Server]:
    """The smtp-server of npm, in clear."""
    node_version()
    node = find_program("node")
    with announced_server([node, str(NODE_FOLDER / "server.js"), "{}"]) as server:
        yield server
