"""Mail conversations without a network: servers and a DNS in memory, on a clock that tests move."""

from __future__ import annotations

from postseal.testing.clock import ManualClock
from postseal.testing.network import MemoryNetwork
from postseal.testing.resolver import MemoryResolver
from postseal.testing.script import Break, End, Hear, Say, Stall, Step, Wait, transcript
from postseal.testing.stream import ScriptedStream

__all__ = [
    "Break",
    "End",
    "Hear",
    "ManualClock",
    "MemoryNetwork",
    "MemoryResolver",
    "Say",
    "ScriptedStream",
    "Stall",
    "Step",
    "Wait",
    "transcript",
]
