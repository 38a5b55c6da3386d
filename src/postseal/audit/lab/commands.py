"""A client that is a command: its arguments, its environment, its configuration and its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shlex
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from postseal.audit.lab.clients import ClientRun, Settings
from postseal.audit.lab.hostile_inputs import InputNotTaken
from postseal.errors import InvalidSetting

__all__ = ["PLACEHOLDERS", "CommandClient"]

PLACEHOLDERS: Final = (
    "host", "port", "user", "password", "from", "to", "subject", "body", "ca_file", "mode",
    "ehlo", "size", "header", "filename", "config_file",
)  # fmt: skip
"""What is filled in where it stands in braces; each is also `POSTSEAL_LAB_<NAME>`."""

_PLACEHOLDER: Final = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")
_KEPT: Final = 64 * 1024
# After the deadline a client may still put its house in order.
_GRACE: Final = 0.5
_SECRET_NAME: Final = re.compile(r"PASS|TOKEN|SECRET|KEY|CREDENTIAL", re.IGNORECASE)
_SHORTEST_SECRET: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandClient:
    """Runs `arguments` for each message, in a process group of its own that ends with the run.

    Placeholders in the arguments, and in the text of `template` if there is one, are filled in;
    the filled template is a file of mode 0600, named by `{config_file}`. Programs that know no
    arguments find the same in the environment. There, too, `POSTSEAL_LAB_INPUTS` has all of it as
    one JSON object, which with `reads_json` is all that the command goes by. `label` is what it is
    called in place of its arguments, which may differ from one machine to the next.
    """

    arguments: tuple[str, ...]
    label: str = ""
    template: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    directory: Path | None = None
    reads_json: bool = False

    def __post_init__(self) -> None:
        if not self.arguments:
            raise InvalidSetting(
                "there is no command to attack",
                hint="Write it behind --, with its arguments, or name a library by --driver.",
            )

    @property
    def name(self) -> str:
        """Its label, or the command as it would be typed, placeholders and all."""
        return self.label or shlex.join(self.arguments)

    async def run(self, settings: Settings, *, patience: float) -> ClientRun:
        """Run the command once.

        Raises `InvalidSetting` when it cannot be started, and `InputNotTaken` when it has no way
        to be given one of the values.
        """
        with tempfile.TemporaryDirectory(prefix="postseal-lab-") as directory:
            values = _values(settings)
            self._check_values(values)
            if self.template is not None:
                path = Path(directory) / "config"
                path.touch(0o600)
                path.write_text(_fill(self.template, values), encoding="utf-8")
                values["config_file"] = str(path)
            return await self._run([_fill(one, values) for one in self.arguments], values, patience)

    def _check_values(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            if "\0" in value and not self.reads_json:
                raise InputNotTaken("neither a command line nor an environment can hold a NUL")
            is_in_file = self.template is not None and f"{{{name}}}" in self.template
            if is_in_file and not value.isprintable():
                raise InputNotTaken("its configuration file, not the client, would break")

    async def _run(
        self, arguments: Sequence[str], values: Mapping[str, str], patience: float
    ) -> ClientRun:
        loop = asyncio.get_running_loop()
        variables = {
            f"POSTSEAL_LAB_{name.upper()}": value
            for name, value in values.items()
            if "\0" not in value
        }
        variables["POSTSEAL_LAB_INPUTS"] = json.dumps(values)
        began = loop.time()
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**self.environment, **variables},
                cwd=self.directory,
                start_new_session=True,
            )
        except OSError as error:
            raise InvalidSetting(
                f"{arguments[0]!a} cannot be started: {error.strerror}",
                hint="The command is run as it is, without a shell.",
            ) from None
        output = bytearray()
        reading = asyncio.ensure_future(_read(process.stdout, output))
        try:
            async with asyncio.timeout(patience):
                status: int | None = await process.wait()
        except TimeoutError:
            status = None
        finally:
            _end_group(process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GRACE):
                    await process.wait()
                    await asyncio.shield(reading)
            _end_group(process.pid, signal.SIGKILL)
            await process.wait()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        text = output.decode("utf-8", "replace")
        return ClientRun(
            exit_code=status,
            seconds=loop.time() - began,
            output=_redacted(text, self.environment),
            crashed=status is not None and status < 0,
        )


async def _read(stream: asyncio.StreamReader | None, output: bytearray) -> None:
    while stream is not None and (data := await stream.read(65536)):
        output += data[: max(0, _KEPT - len(output))]


def _end_group(leader: int, how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, how)


def _values(settings: Settings) -> dict[str, str]:
    canaries = settings.canaries
    return {
        "host": settings.host,
        "port": str(settings.port),
        "user": canaries.user,
        "password": canaries.password,
        "from": canaries.sender,
        "to": canaries.recipient,
        "subject": canaries.subject,
        "body": canaries.body,
        "ca_file": str(settings.ca_file),
        "ehlo": canaries.ehlo,
        "size": canaries.size,
        "header": canaries.header,
        "filename": canaries.filename,
        "mode": settings.mode.value,
    }


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def _redacted(text: str, environment: Mapping[str, str]) -> str:
    for secret in sorted(_secrets(environment), key=len, reverse=True):
        text = text.replace(secret, "[redacted]")
    return text


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET:
            yield value
