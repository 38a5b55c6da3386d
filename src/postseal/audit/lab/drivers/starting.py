"""How the driver of a library is started: which interpreter runs which of these programs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from postseal.audit.lab.commands import CommandClient
from postseal.errors import InvalidSetting

__all__ = ["DRIVERS", "driver_client"]

_FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class _Driver:
    interpreter: str
    file: str


_DRIVERS: Final = {
    "aiosmtplib": _Driver("python", "aiosmtplib_driver.py"),
    "mail": _Driver("ruby", "mail_driver.rb"),
    "net-smtp": _Driver("ruby", "net_smtp_driver.rb"),
    "nodemailer": _Driver("node", "nodemailer_driver.cjs"),
    "smtplib": _Driver("python", "smtplib_driver.py"),
}

DRIVERS: Final = tuple(_DRIVERS)
"""The libraries that there are drivers for."""


def driver_client(
    library: str, *, interpreter: Sequence[str] = (), directory: Path | None = None
) -> CommandClient:
    """The client of the lab that sends by a library.

    `interpreter` is the command that runs it, by default Python itself or what is on the PATH;
    `directory` is where the library is looked for by those that look from the working directory.
    Raises `InvalidSetting` for a library without a driver, and where there is no interpreter.
    """
    driver = _DRIVERS.get(library)
    if driver is None:
        raise InvalidSetting(
            f"there is no driver for {library!a}", hint=f"There is one for {', '.join(DRIVERS)}."
        )
    return CommandClient(
        arguments=(*(interpreter or _found(driver, library)), str(_FOLDER / driver.file)),
        label=f"{library} (driver of the lab)",
        directory=directory,
        reads_json=True,
    )


def _found(driver: _Driver, library: str) -> tuple[str]:
    own = sys.executable if driver.interpreter == "python" else None
    program = own or shutil.which(driver.interpreter)
    if program is None:
        raise InvalidSetting(
            f"{library} needs {driver.interpreter}, which is not on the PATH",
            hint=f"Install {driver.interpreter}, or name the command that runs it.",
        )
    return (program,)
