"""Secrets that a program prints: a password manager's own command."""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import subprocess
import time
from contextlib import suppress

from postseal.errors import (
    InvalidReference,
    SecretDenied,
    SecretMalformed,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets.local import without_line_end
from postseal.secrets.private_files import MAX_OCTETS
from postseal.secrets.provider import (
    Need,
    Provider,
    SecretReference,
    SecretVersion,
    decoded,
    seconds_left,
)

__all__ = ["Command"]


class Command(Provider):
    """``exec:program argument...``: what the program prints, without the line end behind it.

    Words are split as a shell does (quotes, backslash), but no shell runs: nothing is expanded.
    The program gets no input and no terminal; what it writes to standard error is dropped, since
    it may name the secret. It and its children are killed at the deadline.
    """

    def fetch(
        self, reference: SecretReference, *, deadline: float, need: Need = Need.CURRENT
    ) -> SecretVersion:
        try:
            words = shlex.split(reference.rest)
        except ValueError:
            raise InvalidReference("a quote in the exec: reference is not closed") from None
        if not words or not words[0]:
            raise InvalidReference("the exec: reference names no program")
        seconds_left(reference, deadline)
        try:
            process = subprocess.Popen(  # noqa: S603  # to run what the caller names is the purpose
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            kind = SecretDenied if isinstance(error, PermissionError) else SecretNotFound
            raise kind(
                f"the program cannot be run: {error.strerror}", reference=str(reference)
            ) from None
        with process:
            try:
                printed = _printed(process, reference, deadline)
                status = process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise _too_late(reference) from None
            finally:
                # Once it has been waited for, its number may be another's.
                if process.returncode is None:
                    _kill(process)
        if status != 0:
            raise SecretDenied(
                f"the program ended with status {status}",
                reference=str(reference),
                hint="Run it by hand to see what it says.",
            )
        return SecretVersion(decoded(reference, without_line_end(printed)))


def _printed(
    process: subprocess.Popen[bytes], reference: SecretReference, deadline: float
) -> bytes:
    """Read what is printed to its end."""
    assert process.stdout is not None  # noqa: S101  # it was asked for
    printed = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise _too_late(reference)
            piece = process.stdout.read(MAX_OCTETS)
            if not piece:
                return bytes(printed)
            printed += piece
            if len(printed) > MAX_OCTETS:
                raise SecretMalformed(
                    f"the program prints more than {MAX_OCTETS} octets", reference=str(reference)
                )


def _too_late(reference: SecretReference) -> SecretUnreachable:
    return SecretUnreachable("the program did not end in time", reference=str(reference))


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Also the children that it left behind, who may hold its output open.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
