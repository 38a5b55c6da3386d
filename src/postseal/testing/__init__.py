"""For tests of code that sends mail: a server with faults, an outbox, a network in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.testing.capturing import captured_mail
    from postseal.testing.clock import ManualClock
    from postseal.testing.conversation import SeenSession
    from postseal.testing.faults import Fault, FaultKind
    from postseal.testing.network import MemoryNetwork
    from postseal.testing.outbox import Outbox
    from postseal.testing.resolver import MemoryResolver
    from postseal.testing.script import Break, End, Hear, Say, Stall, Step, Wait, transcript
    from postseal.testing.server import Mode, SMTPServer
    from postseal.testing.stream import ScriptedStream
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.testing.capturing": ("captured_mail",),
            "postseal.testing.clock": ("ManualClock",),
            "postseal.testing.conversation": ("SeenSession",),
            "postseal.testing.faults": ("Fault", "FaultKind"),
            "postseal.testing.network": ("MemoryNetwork",),
            "postseal.testing.outbox": ("Outbox",),
            "postseal.testing.resolver": ("MemoryResolver",),
            "postseal.testing.script": (
                "Break",
                "End",
                "Hear",
                "Say",
                "Stall",
                "Step",
                "Wait",
                "transcript",
            ),
            "postseal.testing.server": ("Mode", "SMTPServer"),
            "postseal.testing.stream": ("ScriptedStream",),
        },
    )

__all__ = [
    "Break",
    "End",
    "Fault",
    "FaultKind",
    "Hear",
    "ManualClock",
    "MemoryNetwork",
    "MemoryResolver",
    "Mode",
    "Outbox",
    "SMTPServer",
    "Say",
    "ScriptedStream",
    "SeenSession",
    "Stall",
    "Step",
    "Wait",
    "captured_mail",
    "transcript",
]
