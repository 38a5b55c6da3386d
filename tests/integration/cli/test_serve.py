"""`postseal serve`: the first run and the next, its end by a signal, and starts that must fail."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
from pathlib import Path

import pytest

from tests.parts.command import COMMAND, Ran, clean_environment, run_postseal
from tests.parts.postseal_process import Platform

QUIET = "[web]\nenabled = false\n[listeners]\n" + "".join(
    f"{name}.port = 0\n" for name in ("submission", "submissions", "mx")
)


def the_error(ran: Ran) -> str:
    """What it said on standard error: no traceback."""
    assert ran.errors.startswith("error: ")
    assert "Traceback" not in ran.printed
    return ran.errors.removeprefix("error: ")


def write(directory: Path, text: str) -> Path:
    path = directory / "postseal.toml"
    path.write_text(text)
    return path


def test_the_first_run_announces_once_and_the_second_reuses_all(tmp_path: Path) -> None:
    with Platform(tmp_path, configuration="") as platform:
        platform.start()
        admin, credential = platform.admin, platform.credential
        authority = platform.authority.read_bytes()
        assert platform.output.count("shown only now") == 2
        assert (platform.data_directory / "runtime.json").exists()
        assert platform.stop() == 0
        assert not (platform.data_directory / "runtime.json").exists()
        platform.start()
        assert platform.output.count("shown only now") == 2
        assert platform.authority.read_bytes() == authority
        assert platform.stop() == 0
        for secret in (admin.password, credential.password):
            assert platform.output.count(secret) == 1
            for path in platform.data_directory.rglob("*"):
                assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_nothing_of_it_is_for_other_users(tmp_path: Path) -> None:
    public = {"ca.pem", "server.pem"}
    with Platform(tmp_path, configuration="") as platform:
        platform.start()
        paths = [platform.data_directory, *platform.data_directory.rglob("*")]
        assert {*public, "ca.key", "server.key"} <= {path.name for path in paths}
        for path in paths:
            mode = stat.S_IMODE(path.stat().st_mode)
            assert path.name in public or not mode & 0o077, f"{path} has mode {mode:o}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    config = write(tmp_path, QUIET)
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        "serve",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**clean_environment(), "POSTSEAL_CONFIG": str(config)},
        cwd=tmp_path,
    )
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(60):
        while not lines or lines[-1] != "ready":
            line = await process.stdout.readline()
            assert line, lines
            lines.append(line.decode().rstrip("\n"))
        # Told where it listens, and what its clients must trust.
        data = tmp_path / "postseal-data"
        assert [one.split()[0] for one in lines[-6:]] == [
            "submission",
            "submissions",
            "mx",
            "authority",
            "delivery",
            "ready",
        ]
        assert lines[-2] == "delivery    sandbox"
        runtime = json.loads((data / "runtime.json").read_text())
        assert runtime["pid"] == process.pid
        process.send_signal(number)
        output, errors = await process.communicate()
    assert (process.returncode, output, errors) == (0, b"", b"")
    assert not (data / "runtime.json").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hostnam = 'mail.example.com'\n", "hostname"),
        ("[delivery]\nmode = 'lively'\n", "delivery.mode"),
        ("[delivery\n", "is not TOML"),
        ("[web]\naddress = '0.0.0.0'\n", "in clear"),
        ("[tls]\ncertificate = 'missing.pem'\nkey = 'missing.key'\n", "missing.pem"),
    ],
)
async def test_a_bad_configuration_is_refused(tmp_path: Path, text: str, told: str) -> None:
    ran = await run_postseal("serve", "--config", write(tmp_path, text), directory=tmp_path)
    assert ran.status == 2
    assert told in the_error(ran)
    assert not (tmp_path / "postseal-data").exists()


async def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    ran = await run_postseal("serve", "--config", "missing.toml", directory=tmp_path)
    assert ran.status == 2
    assert the_error(ran).startswith("missing.toml does not exist.")


@pytest.mark.parametrize("name", ["submission", "web"])
async def test_a_port_in_use(tmp_path: Path, name: str) -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        listeners = {one: {"port": 0} for one in ("submission", "submissions", "mx")}
        ports = {**listeners, "web": {"port": 0}, name: {"port": port}}
        text = "".join(
            f"[{'web' if one == 'web' else f'listeners.{one}'}]\nport = {table['port']}\n"
            for one, table in ports.items()
        )
        ran = await run_postseal("serve", "--config", write(tmp_path, text), directory=tmp_path)
    assert ran.status == 1
    line = the_error(ran)
    assert f"cannot listen on 127.0.0.1 port {port}" in line
    assert ("`web.port`" if name == "web" else f"`listeners.{name}`") in line
    assert not (tmp_path / "postseal-data" / "runtime.json").exists()


async def test_a_data_directory_in_use(tmp_path: Path) -> None:
    with Platform(tmp_path / "first", configuration="") as platform:
        await asyncio.to_thread(platform.start)
        text = f"data_directory = {json.dumps(str(platform.data_directory))}\n{QUIET}"
        ran = await run_postseal("serve", "--config", write(tmp_path, text))
    assert ran.status == 1
    assert f"{platform.data_directory} is in use by another process" in the_error(ran)


async def test_a_data_directory_that_others_may_enter(tmp_path: Path) -> None:
    (tmp_path / "postseal-data").mkdir(mode=0o755)
    (tmp_path / "postseal-data").chmod(0o755)
    ran = await run_postseal("serve", "--config", write(tmp_path, QUIET), directory=tmp_path)
    assert ran.status == 1
    assert "chmod 700" in the_error(ran)


async def test_help_and_version() -> None:
    ran = await run_postseal("--version")
    assert (ran.status, ran.output.split()[0]) == (0, "postseal")
    for command in ((), ("send",), ("serve",)):
        ran = await run_postseal(*command, "--help")
        assert ran.status == 0
        assert "Usage: postseal" in ran.output
    assert (await run_postseal("sned")).status == 2
