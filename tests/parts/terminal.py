"""The `postseal` command at a terminal of its own, with a person who answers."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import warnings
from collections.abc import Sequence

from tests.parts.command import COMMAND


def at_a_terminal(*arguments: str, answers: Sequence[bytes]) -> tuple[bytes, int]:
    """Run the command at a terminal of its own, answering each question when it is asked."""
    with warnings.catch_warnings():
        # Newer Pythons warn of forks beside threads; the child does nothing but become a program.
        warnings.simplefilter("ignore", DeprecationWarning)
        child, terminal = pty.fork()
    if child == 0:  # pragma: no cover
        os.environ.pop("POSTSEAL_SEALED_KEY", None)
        os.execv(COMMAND, [str(COMMAND), *arguments])
    shown, left = b"", list(answers)
    # Linux ends a terminal without a program by an error.
    with contextlib.suppress(OSError):
        while select.select([terminal], [], [], 30)[0] and (piece := os.read(terminal, 4096)):
            shown += piece
            # The space comes once nothing is echoed any more; what was typed before is dropped.
            if left and shown.endswith(b": "):
                os.write(terminal, left.pop(0))
    # A program that still waits for an answer ends with its terminal.
    os.close(terminal)
    return shown, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
