"""A network with a resolver: connections go where the DNS says, and nowhere where it does not."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from postseal.errors import ConnectError, Phase
from postseal.send.networks.blocking import run
from postseal.send.networks.resolved_network import ResolvedNetwork
from postseal.testing import End, MemoryNetwork, MemoryResolver

HOST = "mx.example.org"
V4, V6 = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")


def connect(memory: MemoryNetwork, resolver: MemoryResolver, host: str = HOST) -> None:
    network = ResolvedNetwork(memory, resolver)
    run(network.connect(host, 25, network.now() + 10))


def test_the_addresses_are_those_of_the_resolver() -> None:
    memory, resolver = MemoryNetwork((End(),)), MemoryResolver()
    resolver.add(HOST, V6, V4)
    connect(memory, resolver)
    assert (memory.connected, memory.addresses) == ([(HOST, 25)], [(V4, V6)])


def test_dozens_of_addresses_are_not_all_tried() -> None:
    memory, resolver = MemoryNetwork((End(),)), MemoryResolver()
    resolver.add(HOST, *(IPv4Address(f"192.0.2.{number}") for number in range(1, 41)))
    connect(memory, resolver)
    assert len(memory.addresses[0]) == 6


@pytest.mark.parametrize("literal", ["192.0.2.7", "2001:db8::7"])
def test_an_address_is_not_looked_up(literal: str) -> None:
    memory, resolver = MemoryNetwork((End(),)), MemoryResolver()
    connect(memory, resolver, literal)
    assert (memory.addresses, resolver.asked) == ([(ip_address(literal),)], [])


@pytest.mark.parametrize("trouble", ["missing", "forged", "silent", "without addresses"])
def test_without_an_address_nothing_is_connected_to(trouble: str) -> None:
    memory, resolver = MemoryNetwork((End(),)), MemoryResolver()
    match trouble:
        case "forged":
            resolver.bogus(HOST)
        case "silent":
            resolver.time_out(HOST)
        case "without addresses":
            resolver.add(HOST)
    with pytest.raises(ConnectError) as caught:
        connect(memory, resolver)
    assert caught.value.phase is Phase.RESOLVE
    assert HOST in caught.value.text
    assert memory.connected == []


def test_addresses_that_are_given_are_not_looked_up() -> None:
    memory, resolver = MemoryNetwork((End(),)), MemoryResolver()
    network = ResolvedNetwork(memory, resolver)
    run(network.connect(HOST, 25, network.now() + 10, addresses=(V6,)))
    assert (memory.addresses, resolver.asked) == ([(V6,)], [])
