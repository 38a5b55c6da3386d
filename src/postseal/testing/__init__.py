"""Mail conversations without a network: scripted servers in memory, on a clock that tests move."""

from __future__ import annotations

from postseal.testing.clock import ManualClock
from postseal.testing.network import MemoryNetwork
from postseal.testing.script import Break, End, Hear, Say, Stall, Step, Wait, transcript
from postseal.testing.stream import ScriptedStream

__all__ = [
    "Break",
    "End",
    "Hear",
    "ManualClock",
    "MemoryNetwork",
    "Say",
    "ScriptedStream",
    "Stall",
    "Step",
    "Wait",
    "transcript",
]
