"""The sendmail program: messages handed to the mail system of this machine, or to msmtp."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Final

from postseal.address import Address
from postseal.errors import (
    ConnectError,
    DeliveryUnknown,
    InvalidAddress,
    InvalidInput,
    InvalidSetting,
    MailError,
    Phase,
    TimedOut,
)
from postseal.send.networks.network import Network
from postseal.send.outgoing import Outgoing
from postseal.send.printable import printable
from postseal.send.results import Delivery
from postseal.send.session.converted import in_7_bits, wants_7_bits
from postseal.send.terms import terms_for
from postseal.send.transport import Transport, Verification
from postseal.send.transports.disk import on_disk, opened
from postseal.send.transports.program import Ended, Program
from postseal.send.transports.stored import octets_of, taken_here
from postseal.send.transports.sysexits import rejection_of
from postseal.send.transports.urls import LocalURL
from postseal.smtp.extensions import Extensions
from postseal.tls.levels import TLSOutcome

__all__ = ["Sendmail"]

_EXAMPLE: Final = "sendmail: or sendmail:///usr/sbin/sendmail"
_PLACES: Final = ("/usr/sbin/sendmail", "/usr/lib/sendmail", "/usr/bin/sendmail")
# What such a program takes. Its input ends with the file, so nothing in it can end it sooner.
_OFFER: Final = Extensions({"8BITMIME": "", "SMTPUTF8": "", "CHUNKING": ""})
# These make the program read recipients, or a whole dialogue, out of the message.
_FORBIDDEN: Final = ("-t", "-bs", "-bS", "--", "--read-recipients", "--read-envelope-from")
# What programs of this kind look at: their own and their user's configuration.
_VARIABLES: Final = ("HOME", "LOGNAME", "USER", "TZ", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
_MAX_SAID: Final = 500
_PROGRAMS: Final = 4
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class Sendmail(Transport):
    """Runs `PROGRAM [arguments] -i -f reverse-path -- recipients` with the message as its input.

    There is no shell, the environment is a few variables long, and recipients come from the
    envelope alone. The message is written to a file without a name before the program starts:
    what breaks off halfway is never taken for a whole. The program's exit status (sysexits.h)
    becomes `TemporarilyRejected` or `PermanentlyRejected`; at the deadline it is ended with all
    that it started. What the mail system does later, TLS included, nobody learns here, so a message
    with REQUIRETLS is refused.

    `arguments` are for the program's own options, such as `-C FILE`. Raises `InvalidSetting` for a
    program that is not there, and for arguments that take the recipients from elsewhere.
    """

    def __init__(
        self,
        network: Network,
        program: str | Path | None = None,
        *,
        arguments: tuple[str, ...] = (),
    ) -> None:
        for argument in arguments:
            if argument.startswith("-t") or argument.partition("=")[0] in _FORBIDDEN:
                raise InvalidSetting(
                    f"the argument {argument[:40]!a} makes the program read the message for more "
                    "than its content",
                    hint="Recipients come from the envelope alone.",
                )
            if "\0" in argument:
                raise InvalidSetting("an argument of a program holds no NUL")
        self._network = network
        self._path = str(program) if program is not None else _installed()
        self._arguments = arguments
        self._check_program()

    @property
    def lanes(self) -> int:
        """A few: most of the time goes into starting programs."""
        return _PROGRAMS

    async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
        try:
            ready = await in_7_bits(outgoing) if wants_7_bits(outgoing, _OFFER) else outgoing
            terms = terms_for(ready, _OFFER)
            with opened(tempfile.TemporaryFile, host=self._path) as spool:
                async for piece in octets_of(ready):
                    with on_disk(self._path):
                        spool.write(piece.replace(b"\r\n", b"\n"))
                with on_disk(self._path):
                    spool.seek(0)
                ended = await self._run(self._command(ready), spool, deadline)
        except MailError as error:
            error.at(phase=Phase.BODY, host=self._path)
            raise
        said = printable(" ".join(ended.output.split()))[:_MAX_SAID]
        if ended.status > 0:
            raise rejection_of(ended.status, host=self._path, output=said)
        if ended.status < 0:
            raise DeliveryUnknown(
                f"the program was ended by {_signal_name(-ended.status)}: {said}",
                phase=Phase.BODY,
                host=self._path,
            )
        delivery = taken_here(outgoing, host=self._path, word="taken by the program")
        is_converted = ready.content is not outgoing.content
        return replace(delivery, dropped=terms.dropped, is_converted=is_converted)

    async def verify(self, *, deadline: float) -> Verification:
        """See that the program is there. Raises `InvalidSetting`."""
        self._check_program()
        return Verification(self._path, "", TLSOutcome.in_clear())

    async def close(self) -> None:
        """Nothing ends: the program runs once for each message."""

    async def _run(self, command: list[str], spool: IO[bytes], deadline: float) -> Ended:
        left = deadline - self._network.now()
        program = Program(command, environment=_environment(), seconds=left)
        try:
            ended = await self._network.run_blocking(partial(program.run, spool))
        except TimedOut:
            raise
        except OSError as error:
            raise _not_run(error) from error
        except BaseException:
            # Cancelled: nobody would hear what became of the message.
            program.give_up()
            raise
        if ended is None:
            raise DeliveryUnknown(
                "the program was not done in time, and was ended",
                hint="A mail system that is overloaded may need a longer total timeout.",
            ) from TimedOut("the program did not end in time")
        return ended

    def _command(self, outgoing: Outgoing) -> list[str]:
        envelope = outgoing.envelope
        sender = "<>" if envelope.sender is None else _argument(envelope.sender)
        body = ["-B8BITMIME"] if outgoing.is_8bit else []
        recipients = [_argument(recipient) for recipient in envelope.recipients]
        return [self._path, *self._arguments, "-i", *body, "-f", sender, "--", *recipients]

    def _check_program(self) -> None:
        path = Path(self._path)
        if path.is_absolute() and path.is_file() and os.access(path, os.X_OK):
            return
        raise InvalidSetting(
            f"{self._path!a} is no program that can be run",
            hint="Name it by its whole path, sendmail:///usr/sbin/sendmail. Postfix, Exim, "
            "OpenSMTPD and msmtp-mta bring one.",
        )


def transport_of(url: str, network: Network) -> Sendmail:
    """Make the transport that a `sendmail:` URL names, with its `argument=` options."""
    parsed = LocalURL.parse(url, example=_EXAMPLE, known=("argument",))
    return Sendmail(network, parsed.path or None, arguments=parsed.values("argument"))


def _installed() -> str:
    found = (path for path in _PLACES if os.access(path, os.X_OK))
    return next(found, None) or shutil.which("sendmail") or _PLACES[0]


def _argument(address: Address) -> str:
    written = address.to_ascii()
    if written.startswith("-"):
        # Behind "--" it should be none, but the programs are many, and some hand it on.
        raise InvalidAddress(
            f"{written!a} cannot be given to a program, which may take it for an option",
            recipient=written,
            hint="Send it by smtp://.",
        )
    return written


def _environment() -> dict[str, str]:
    own = {name: value for name in _VARIABLES if (value := os.environ.get(name)) is not None}
    return {**own, **_ENVIRONMENT}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _not_run(error: OSError) -> MailError:
    if error.errno == errno.E2BIG:
        return InvalidInput(
            "the recipients are more than the arguments of a program can hold",
            hint="Send to fewer at a time.",
        )
    return ConnectError(f"the program cannot be run: {error.strerror}", phase=Phase.CONNECT)
