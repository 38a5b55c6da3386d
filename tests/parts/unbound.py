"""A real Unbound that validates over the zones of the test, from the test's own root key."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from postseal.dns.name_servers import NameServer
from tests.conftest import find_part
from tests.parts.namespace import NetworkNamespace
from tests.parts.ports import LOOPBACK, bind_streams_and_datagrams
from tests.parts.waiting import wait_until
from tests.parts.zones import SignedZones

_SERVER = """\
server:
    interface: {address}@{port}
    port: {port}
    do-ip6: no
    access-control: 127.0.0.0/8 allow
    do-not-query-localhost: no
    module-config: "validator iterator"
    trust-anchor: "{trust_anchor}"
    trust-anchor-signaling: no
    # Names under test. are ordinary ones here.
    local-zone: "test." nodefault
    ede: {ede}
    val-log-level: 2
    verbosity: 1
    do-daemonize: no
    use-syslog: no
    logfile: ""
    username: ""
    chroot: ""
    pidfile: ""
    directory: "{folder}"
    num-threads: 1
    msg-cache-size: 1m
    rrset-cache-size: 1m
remote-control:
    control-enable: no
"""
# Unbound is resolver and name server in one: it reads the zone as if it had asked for it.
_ZONE = """\
auth-zone:
    name: "{name}"
    {source}
    for-downstream: no
    for-upstream: yes
    fallback-enabled: no
"""
# Nothing listens there: the zone is never fetched, and each question fails at once.
_NOWHERE = f"primary: {LOOPBACK}@1"


@contextmanager
def unbound(
    zones: SignedZones,
    *,
    namespace: NetworkNamespace | None = None,
    extended_errors: bool = False,
) -> Iterator[NameServer]:
    """Run Unbound on a free port of loopback, or on port 53 of a namespace, and give its place.

    With `extended_errors` it says why it fails (RFC 8914), which it does not by default.
    """
    program = find_part("unbound")
    folder = Path(tempfile.mkdtemp(prefix="unbound-"))
    try:
        if namespace is not None:
            where = NameServer(IPv4Address(LOOPBACK))
            _configure(folder, zones, where, extended_errors=extended_errors)
            command = namespace.command(program, "-d", "-c", folder / "unbound.conf")
            with namespace.make_socket(socket.SOCK_DGRAM) as inside:
                inside.setblocking(False)
                with _running(command, folder, where, inside):
                    yield where
            return
        streams, datagrams = bind_streams_and_datagrams()
        with streams, datagrams:
            where = NameServer(IPv4Address(LOOPBACK), streams.getsockname()[1])
            _configure(folder, zones, where, extended_errors=extended_errors)
            with _running([str(program), "-d", "-c", str(folder / "unbound.conf")], folder, where):
                yield where
    finally:
        shutil.rmtree(folder)


def _configure(
    folder: Path, zones: SignedZones, where: NameServer, *, extended_errors: bool
) -> None:
    text = _SERVER.format(
        address=where.address,
        port=where.port,
        trust_anchor=zones.trust_anchor,
        ede="yes" if extended_errors else "no",
        folder=folder,
    )
    for number, (name, content) in enumerate(zones.files.items()):
        source = _NOWHERE
        if content is not None:
            (folder / f"{number}.zone").write_text(content, encoding="ascii")
            source = f'zonefile: "{number}.zone"'
        text += _ZONE.format(name=name, source=source)
    (folder / "unbound.conf").write_text(text, encoding="ascii")


@contextmanager
def _running(
    command: Sequence[str], folder: Path, where: NameServer, inside: socket.socket | None = None
) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def answers() -> bool:
        said = (folder / "log").read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, f"Unbound ended at once:\n{said}"
        query = dns.message.make_query(".", "SOA")
        try:
            dns.query.udp(query, str(where.address), 0.1, where.port, sock=inside)
        except (dns.exception.DNSException, OSError):
            return False
        return True

    try:
        wait_until(answers, within=20, what="Unbound's first answer")
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        finally:
            process.kill()
            process.wait()
