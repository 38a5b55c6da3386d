"""The commands `postseal serve` and `postseal send` as a person runs them: as processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.parts.waiting import wait_until

_COMMAND = Path(sys.executable).with_name("postseal")


@dataclass(frozen=True, slots=True)
class Login:
    """A name and password that the first run announced."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a serving process says about itself in `runtime.json`."""

    pid: int
    ports: dict[str, int]
    authority: Path


class Platform:
    """One data directory, and at most one `postseal serve` on it at a time.

    `configuration` is TOML without `data_directory` and listeners: the platform of a test listens
    on ports that the system chooses, new ones after each start. On exit the process is killed.
    """

    def __init__(self, directory: Path, *, configuration: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.data_directory = directory / "data"
        self._configuration_file = directory / "postseal.toml"
        self._output_file = directory / "output.txt"
        listeners = "".join(
            f"[{name}]\nport = 0\n"
            for name in (
                "listeners.submission",
                "listeners.submissions",
                "listeners.mx",
                "web",
            )
        )
        self._configuration_file.write_text(
            f"data_directory = {json.dumps(str(self.data_directory))}\n{listeners}{configuration}",
            encoding="utf-8",
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._runtime: Runtime | None = None

    @property
    def output(self) -> str:
        """What all its processes have printed, both streams."""
        if not self._output_file.exists():
            return ""
        return self._output_file.read_text(encoding="utf-8", errors="replace")

    @property
    def authority(self) -> Path:
        """The certificate of the authority that signed the listeners' certificate."""
        return self._running.authority

    @property
    def admin(self) -> Login:
        """The account of the web pages, as the first run announced it."""
        return self._announced("Admin account")

    @property
    def credential(self) -> Login:
        """The SMTP credential, as the first run announced it."""
        return self._announced("SMTP credential")

    def port(self, listener: str) -> int:
        """Where `listener` ("submission", "submissions", "mx" or "web") listens at present."""
        return self._running.ports[listener]

    def start(self) -> None:
        """Run `postseal serve` and return when it is ready."""
        self.start_without_waiting()
        self.wait_until_ready()

    def start_without_waiting(self) -> None:
        """Run `postseal serve` and return at once."""
        assert self._process is None, "it runs already"
        with self._output_file.open("ab") as output:
            self._process = subprocess.Popen(
                [str(_COMMAND), "serve", "--config", str(self._configuration_file)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(),
            )

    def wait_until_ready(self) -> None:
        """Return when the process has written that it listens."""
        self._runtime = wait_until(
            self._read_runtime, within=60, what="postseal serve ready", state=lambda: self.output
        )

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return how it ended."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self.kill()

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None, "it does not run"
        process, self._process, self._runtime = self._process, None, None
        process.send_signal(how)
        try:
            return process.wait(timeout=30)
        finally:
            process.kill()
            process.wait()

    @property
    def _running(self) -> Runtime:
        assert self._runtime is not None, "it does not run"
        return self._runtime

    def _read_runtime(self) -> Runtime | None:
        assert self._process is not None
        if (status := self._process.poll()) is not None:
            raise AssertionError(f"postseal serve ended with {status}:\n{self.output}")
        path = self.data_directory / "runtime.json"
        if not path.exists():
            return None
        written = json.loads(path.read_text(encoding="utf-8"))
        if written["pid"] != self._process.pid:
            return None  # a killed predecessor's
        ports = {name: listener["port"] for name, listener in written["listeners"].items()}
        return Runtime(pid=written["pid"], ports=ports, authority=Path(written["authority"]))

    def _announced(self, heading: str) -> Login:
        pattern = rf"{heading}.*?^\s+username\s+(\S+)$.*?^\s+password\s+(\S+)$"
        if found := re.search(pattern, self.output, re.DOTALL | re.MULTILINE):
            return Login(username=found[1], password=found[2])
        raise AssertionError(f"no {heading} was announced:\n{self.output}")


def run_send(url: str, *arguments: str | Path, password: str) -> subprocess.CompletedProcess[str]:
    """Run `postseal send` to its end, with the password where nobody but the process sees it."""
    return subprocess.run(
        [str(_COMMAND), "send", url, *map(str, arguments)],
        env=_environment() | {"POSTSEAL_PASSWORD": password},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _environment() -> dict[str, str]:
    """Return the environment, without settings for Postseal that whoever runs the tests has.

    Python may keep its bytecode: the tests restart the platform often.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("POSTSEAL_") and name != "PYTHONDONTWRITEBYTECODE"
    }
