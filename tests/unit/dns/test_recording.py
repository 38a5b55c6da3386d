"""What a recording resolver writes down, and that it asks nothing twice."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from postseal.dns import MX, SRV, BogusAnswer, Lookup, NameDoesNotExist
from postseal.dns.recording import RecordedLookup, RecordingResolver
from postseal.send.networks.blocking import run
from postseal.testing import MemoryResolver
from postseal.tls.tlsa import TLSA

HOST = "mx.example.org"
RECORD = TLSA(3, 1, 1, bytes(32))


@pytest.fixture
def memory() -> MemoryResolver:
    memory = MemoryResolver()
    memory.add("example.org", MX(10, HOST), "a text", SRV(0, 0, 465, HOST))
    memory.add(HOST, IPv4Address("192.0.2.1"), authentic=False)
    memory.add(f"_25._tcp.{HOST}", RECORD)
    return memory


def test_each_kind_of_question_is_written_down_with_its_answer(memory: MemoryResolver) -> None:
    recording = RecordingResolver(memory)
    answers = [
        run(recording.mx("example.org")),
        run(recording.addresses(HOST)),
        run(recording.tlsa(f"_25._tcp.{HOST}")),
        run(recording.txt("example.org")),
        run(recording.srv("example.org")),
    ]
    asked = [
        (Lookup.MX, "example.org"),
        (Lookup.ADDRESSES, HOST),
        (Lookup.TLSA, f"_25._tcp.{HOST}"),
        (Lookup.TXT, "example.org"),
        (Lookup.SRV, "example.org"),
    ]
    assert memory.asked == asked
    assert recording.lookups == [
        RecordedLookup(lookup, name, answer)
        for (lookup, name), answer in zip(asked, answers, strict=True)
    ]


def test_nothing_is_asked_twice(memory: MemoryResolver) -> None:
    recording = RecordingResolver(memory)
    first = run(recording.mx("example.org"))
    memory.remove("example.org")
    assert run(recording.mx("example.org")) == first
    assert len(recording.lookups) == len(memory.asked) == 1


def test_a_failure_is_written_down_and_raised_each_time(memory: MemoryResolver) -> None:
    recording = RecordingResolver(memory)
    memory.bogus(HOST)
    for _ in range(2):
        with pytest.raises(BogusAnswer):
            run(recording.addresses(HOST))
    with pytest.raises(NameDoesNotExist):
        run(recording.txt("nowhere.example"))
    bogus, missing = recording.lookups
    assert isinstance(bogus.problem, BogusAnswer)
    assert isinstance(missing.problem, NameDoesNotExist)
    assert bogus.answer is missing.answer is None
