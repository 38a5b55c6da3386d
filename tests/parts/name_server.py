"""A name server of the test's own on loopback, by UDP and TCP, that says what it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address

import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rrset
from dns.rcode import Rcode
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType

from postseal.dns.name_servers import NameServer
from tests.parts.ports import LOOPBACK, bind_streams_and_datagrams

Answering = Callable[[bytes], Sequence[bytes]]
"""Octets of a query to the messages that go back, in order; by TCP all of them go together."""


def respond(
    query: dns.message.Message,
    *records: str,
    rcode: Rcode = Rcode.NOERROR,
    authority: Sequence[str] = (),
    authentic: bool = False,
    truncated: bool = False,
) -> dns.message.Message:
    """Make a response; records are lines of a master file with absolute names."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    if authentic:
        response.flags |= dns.flags.AD
    if truncated:
        response.flags |= dns.flags.TC
    response.set_rcode(rcode)
    response.answer = _sets(records)
    response.authority = _sets(authority)
    return response


@contextmanager
def name_server(by_udp: Answering, by_tcp: Answering = lambda _: ()) -> Iterator[NameServer]:
    """Serve on one free port; a query to which nothing goes back is met by silence."""
    listener, datagrams = bind_streams_and_datagrams()
    with listener, datagrams:
        port = listener.getsockname()[1]
        listener.listen()
        threads = [
            threading.Thread(target=_serve_datagrams, args=(datagrams, by_udp)),
            threading.Thread(target=_serve_streams, args=(listener, by_tcp)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield NameServer(IPv4Address(LOOPBACK), port)
        finally:
            # Whoever waits for a datagram or a connection is woken by an empty one.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", (LOOPBACK, port))
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _sets(lines: Sequence[str]) -> list[dns.rrset.RRset]:
    sets: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        name, rdtype, data = line.split(" ", 2)
        sets.setdefault((name, rdtype), []).append(data)
    return [_set(name, RdataType[rdtype], data) for (name, rdtype), data in sets.items()]


def _set(name: str, rdtype: RdataType, data: Sequence[str]) -> dns.rrset.RRset:
    rdatas = [_tlsa(one) if rdtype is RdataType.TLSA else _rdata(rdtype, one) for one in data]
    made = dns.rrset.RRset(dns.name.from_text(name), RdataClass.IN, rdtype)
    made.update_ttl(300)
    # Past the checks of the set: a hostile server has none.
    made.items = dict.fromkeys(rdatas)
    return made


def _rdata(rdtype: RdataType, data: str) -> dns.rdata.Rdata:
    return dns.rdata.from_text(RdataClass.IN, rdtype, data)


def _tlsa(data: str) -> dns.rdata.Rdata:
    *numbers, association = data.split(" ")
    octets = bytes(map(int, numbers)) + bytes.fromhex(association)
    return dns.rdata.GenericRdata(RdataClass.IN, RdataType.TLSA, octets)


def _serve_datagrams(datagrams: socket.socket, answer: Answering) -> None:
    while True:
        query, client = datagrams.recvfrom(65535)
        if not query:
            return
        for message in answer(query):
            datagrams.sendto(message, client)


def _serve_streams(listener: socket.socket, answer: Answering) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            connection.settimeout(5)
            size = int.from_bytes(connection.recv(2), "big")
            query = connection.recv(size)
            for message in answer(query):
                connection.sendall(message)
            # The client closes first.
            connection.recv(1)
