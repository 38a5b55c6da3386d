"""The sendmail program: what it is given, what its end means, and that it does end."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from postseal.address import Address
from postseal.errors import (
    ConnectError,
    DeliveryUnknown,
    InvalidAddress,
    InvalidInput,
    InvalidSetting,
    InvalidURL,
    PermanentlyRejected,
    Phase,
    TemporarilyRejected,
    TimedOut,
)
from postseal.mail import Envelope, Message
from postseal.send import Delivery, DeliveryOptions, Framing, Notify, Outgoing
from postseal.send.networks.aio import AsyncioNetwork
from postseal.send.transports import Sendmail, local_transport
from postseal.smtp.protocol import Extension
from postseal.tls import TLSLevel
from tests.parts.mail_program import MailProgram
from tests.parts.waiting import wait_until
from tests.parts.worlds import World, in_each_world

ADA, BOB = Address.parse("ada@example.com"), Address.parse("bob@example.org")
ENVELOPE = Envelope(ADA, (BOB,))
CONTENT = [b"Subject: hello\r\n\r\nOne.\r\n.\r\n..two\r\nFrom three\r\n"]


def send(
    world: World,
    url: str,
    outgoing: Outgoing | None = None,
    *,
    seconds: float = 30.0,
) -> Delivery:
    async def deliver() -> Delivery:
        network = world.network()
        transport = local_transport(url, network)
        given = outgoing or Outgoing(envelope=ENVELOPE, content=CONTENT)
        return await transport.deliver(given, deadline=network.now() + seconds)

    return world.drive(deliver())


@in_each_world
def test_what_the_program_is_given(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTSEAL_PASSWORD", "hunter2")
    monkeypatch.setenv("LD_PRELOAD_OF_SOMEBODY", "x")
    program = MailProgram.make(tmp_path)
    delivery = send(world, program.url)
    (run,) = program.runs
    assert run.arguments == ["-i", "-f", "ada@example.com", "--", "bob@example.org"]
    # Lines end as programs of this kind want them, and dots are not stuffed.
    assert run.input == "Subject: hello\n\nOne.\n.\n..two\nFrom three\n"
    assert run.directory == "/"
    allowed = {"HOME", "LOGNAME", "USER", "TZ", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"}
    assert set(run.environment) <= allowed | {"PATH", "LC_ALL", "LC_CTYPE"}
    assert delivery.accepted == (BOB,)
    assert (delivery.reply.code, delivery.host) == (250, str(program.path))
    assert delivery.tls.level is TLSLevel.NONE
    assert str(delivery.tls) == "no TLS"


@in_each_world
def test_a_composed_message_with_bcc(world: World, tmp_path: Path) -> None:
    program = MailProgram.make(tmp_path)
    message = Message(from_=str(ADA), to=[str(BOB)], bcc=["eve@example.net"], text="Hello.")
    send(world, program.url, Outgoing.of(message))
    (run,) = program.runs
    assert run.arguments[-2:] == ["bob@example.org", "eve@example.net"]
    assert "eve@" not in run.input
    assert run.input == bytes(message).replace(b"\r\n", b"\n").decode()


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        (Envelope(None, (BOB,)), ["-f", "<>", "--", "bob@example.org"]),
        (
            Envelope(ADA, (Address('a b" -oQ', "example.org"),)),
            ["-f", "ada@example.com", "--", '"a b\\" -oQ"@example.org'],
        ),
        (
            Envelope(ADA, (Address.parse("bob@bücher.example"),)),
            ["-f", "ada@example.com", "--", "bob@xn--bcher-kva.example"],
        ),
        (
            Envelope(Address.parse("ädä@example.com"), (BOB,)),
            ["-f", "ädä@example.com", "--", "bob@example.org"],
        ),
    ],
    ids=["null", "quoted", "domain", "utf8"],
)
def test_addresses_are_whole_arguments(
    tmp_path: Path, envelope: Envelope, expected: list[str]
) -> None:
    program = MailProgram.make(tmp_path)
    send(World.BLOCKING, program.url, Outgoing(envelope=envelope, content=CONTENT))
    assert program.runs[0].arguments == ["-i", *expected]


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope(ADA, (Address.parse("-oQ/tmp@example.org"),)),
        Envelope(Address.parse("-X/tmp/log@example.org"), (BOB,)),
        Envelope(ADA, (BOB, Address.parse("--@example.org"))),
    ],
)
def test_an_address_that_looks_like_an_option_is_refused(
    tmp_path: Path, envelope: Envelope
) -> None:
    # RUSTSEC-2020-0069: they ended up among the options.
    program = MailProgram.make(tmp_path)
    with pytest.raises(InvalidAddress, match="option") as caught:
        send(World.BLOCKING, program.url, Outgoing(envelope=envelope, content=CONTENT))
    assert caught.value.hint
    assert program.runs == []


def test_8_bit_content_is_announced_and_binary_content_is_converted(tmp_path: Path) -> None:
    program = MailProgram.make(tmp_path)
    text = ["Content-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n".encode()]
    outgoing = Outgoing(envelope=ENVELOPE, content=text, is_8bit=True)
    assert not send(World.BLOCKING, program.url, outgoing).is_converted
    binary = (
        b"MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Transfer-Encoding: binary\r\n\r\n\0\n\r\xff"
    )
    outgoing = Outgoing(envelope=ENVELOPE, content=[binary], is_binary=True)
    assert send(World.BLOCKING, program.url, outgoing).is_converted
    outgoing = Outgoing(envelope=ENVELOPE, content=CONTENT, framing=Framing.BDAT)
    send(World.BLOCKING, program.url, outgoing)
    eight, seven, _ = program.runs
    assert eight.arguments[:2] == ["-i", "-B8BITMIME"]
    assert eight.input.encode("latin-1").endswith("Grüße\n".encode())
    assert "base64" in seven.input
    assert seven.input.isascii()


def test_options_that_the_program_cannot_promise(tmp_path: Path) -> None:
    program = MailProgram.make(tmp_path)
    options = DeliveryOptions(notify=frozenset({Notify.NEVER}))
    outgoing = Outgoing(envelope=ENVELOPE, content=CONTENT, options=options)
    assert send(World.BLOCKING, program.url, outgoing).dropped == (Extension.DSN,)
    options = DeliveryOptions(requires_tls=True)
    outgoing = Outgoing(envelope=ENVELOPE, content=CONTENT, options=options)
    with pytest.raises(PermanentlyRejected, match="requires TLS") as caught:
        send(World.BLOCKING, program.url, outgoing)
    assert caught.value.host == str(program.path)
    assert len(program.runs) == 1


@in_each_world
@pytest.mark.parametrize(
    ("status", "kind", "code", "enhanced_code"),
    [
        (os.EX_TEMPFAIL, TemporarilyRejected, 450, "4.0.0"),
        (os.EX_OSERR, TemporarilyRejected, 451, "4.0.0"),
        (os.EX_IOERR, TemporarilyRejected, 451, "4.0.0"),
        (os.EX_NOUSER, PermanentlyRejected, 550, "5.1.1"),
        (os.EX_UNAVAILABLE, PermanentlyRejected, 554, "5.0.0"),
        (os.EX_NOPERM, PermanentlyRejected, 550, "5.7.0"),
        (os.EX_CONFIG, PermanentlyRejected, 554, "5.3.5"),
        (1, PermanentlyRejected, 554, "5.3.0"),
        (255, PermanentlyRejected, 554, "5.3.0"),
    ],
)
def test_exit_status(
    world: World,
    tmp_path: Path,
    status: int,
    kind: type[Exception],
    code: int,
    enhanced_code: str,
) -> None:
    program = MailProgram.make(
        tmp_path, f"print('no \\x1b[2Jwonder\\n', file=sys.stderr); sys.exit({status})"
    )
    with pytest.raises(kind, match=f"exit status {status}") as caught:
        send(world, program.url)
    error = caught.value
    assert isinstance(error, PermanentlyRejected | TemporarilyRejected)
    assert (error.code, error.enhanced_code, error.phase) == (code, enhanced_code, Phase.BODY)
    assert error.host == str(program.path)
    # What the program says commands no terminal.
    assert r"no \x1b[2Jwonder" in error.text
    assert str(error).isprintable()


@in_each_world
def test_ended_by_a_signal_nobody_knows(world: World, tmp_path: Path) -> None:
    program = MailProgram.make(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(DeliveryUnknown, match="SIGKILL"):
        send(world, program.url)


@in_each_world
def test_a_program_that_stalls_is_ended_with_all_that_it_started(
    world: World, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    then = f"""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if not child: signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open({str(pids)!r}, "a") as file: file.write(f"{{os.getpid()}}\\n")
time.sleep(60)
"""
    program = MailProgram.make(tmp_path, then)
    began = time.monotonic()
    with pytest.raises(DeliveryUnknown, match="not done in time") as caught:
        send(world, program.url, seconds=0.5)
    assert time.monotonic() - began < 10
    assert isinstance(caught.value.__cause__, TimedOut)
    numbers = [int(line) for line in pids.read_text().splitlines()]
    assert len(numbers) == 2
    # The orphan is its new parent's to reap.
    wait_until(lambda: not any(_runs(number) for number in numbers), within=10, what="their end")


@in_each_world
def test_a_flood_of_output_is_bounded_by_the_deadline(world: World, tmp_path: Path) -> None:
    program = MailProgram.make(tmp_path, "while True: os.write(1, b'x' * 65536)")
    with pytest.raises(DeliveryUnknown, match="not done in time"):
        send(world, program.url, seconds=0.3)


@in_each_world
def test_output_before_the_input_is_read_blocks_nobody(world: World, tmp_path: Path) -> None:
    program = MailProgram.make(tmp_path, "os.write(1, b'x' * 10_000_000); sys.exit(75)")
    big = [b"x" * 998 + b"\r\n"] * 1000
    with pytest.raises(TemporarilyRejected) as caught:
        send(world, program.url, Outgoing(envelope=ENVELOPE, content=big))
    assert len(str(caught.value)) < 1000


@in_each_world
def test_who_stays_behind_holds_up_nobody(world: World, tmp_path: Path) -> None:
    # Exim and others deliver in a child that has the output open still.
    program = MailProgram.make(tmp_path, "if not os.fork(): time.sleep(3)")
    began = time.monotonic()
    assert send(world, program.url).accepted == (BOB,)
    assert time.monotonic() - began < 2.5


@in_each_world
def test_content_that_breaks_off_never_reaches_the_program(world: World, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"Subject: half\r\n\r\n"
        raise InvalidInput("the file is gone")

    program = MailProgram.make(tmp_path)
    with pytest.raises(InvalidInput, match="gone"):
        send(world, program.url, Outgoing(envelope=ENVELOPE, content=broken()))
    assert program.runs == []


def test_content_that_is_read_asynchronously(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"Subject: a\r", b"\n\r\nb\r\n"):
            await asyncio.sleep(0)
            yield piece

    program = MailProgram.make(tmp_path)
    send(World.ASYNCIO, program.url, Outgoing(envelope=ENVELOPE, content=pieces()))
    assert program.runs[0].input == "Subject: a\n\nb\n"


async def test_a_task_that_is_cancelled_ends_the_program(tmp_path: Path) -> None:
    program = MailProgram.make(tmp_path, "time.sleep(60)")
    network = AsyncioNetwork()
    transport = Sendmail(network, program.path)
    outgoing = Outgoing(envelope=ENVELOPE, content=CONTENT)
    task = asyncio.create_task(transport.deliver(outgoing, deadline=network.now() + 50))
    await asyncio.to_thread(wait_until, lambda: program.runs, within=20, what="its start")
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The loop is not held up; a thread sees to the end.
    assert time.monotonic() - began < 5
    (run,) = program.runs
    await asyncio.to_thread(wait_until, lambda: not _runs(run.pid), within=10, what="its end")


def test_recipients_beyond_what_arguments_hold(tmp_path: Path) -> None:
    program = MailProgram.make(tmp_path)
    crowd = tuple(Address(f"{number:064}", "example.org") for number in range(9000))
    crowd += tuple(Address("x" * 64, f"{number:060}.{'y' * 60}.example") for number in range(999))
    envelope = Envelope(ADA, crowd)
    # The limit is the machine's: whatever it is, there is an answer.
    try:
        send(World.BLOCKING, program.url, Outgoing(envelope=envelope, content=CONTENT))
    except InvalidInput as error:
        assert "fewer" in str(error)  # noqa: PT017


def test_no_time_left(tmp_path: Path) -> None:
    program = MailProgram.make(tmp_path)
    with pytest.raises(TimedOut):
        send(World.BLOCKING, program.url, seconds=0)
    assert program.runs == []


def test_no_room_for_the_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = MailProgram.make(tmp_path)
    # A device on which every write finds the disk full.
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(Path("/dev/full").open, "wb"))
    with pytest.raises(TemporarilyRejected, match="No space left") as caught:
        send(World.BLOCKING, program.url)
    assert (caught.value.code, caught.value.enhanced_code) == (452, "4.3.1")
    assert "room" in str(caught.value.hint)
    assert program.runs == []


def test_a_program_that_went_away(tmp_path: Path) -> None:
    program = MailProgram.make(tmp_path)
    network = World.BLOCKING.network()
    transport = Sendmail(network, program.path)
    program.path.unlink()
    outgoing = Outgoing(envelope=ENVELOPE, content=CONTENT)
    with pytest.raises(ConnectError, match="cannot be run") as caught:
        World.BLOCKING.drive(transport.deliver(outgoing, deadline=network.now() + 5))
    assert caught.value.is_temporary
    with pytest.raises(InvalidSetting, match="no program"):
        World.BLOCKING.drive(transport.verify(deadline=network.now() + 5))


@in_each_world
def test_verifying_runs_nothing(world: World, tmp_path: Path) -> None:
    program = MailProgram.make(tmp_path)

    async def verify() -> str:
        transport = local_transport(program.url, world.network())
        shown = await transport.verify(deadline=0)
        await transport.close()
        return f"{shown.host} {shown.tls}"

    assert world.drive(verify()) == f"{program.path} no TLS"
    assert program.runs == []


def test_arguments_of_the_program(tmp_path: Path) -> None:
    program = MailProgram.make(tmp_path)
    send(World.BLOCKING, f"{program.url}?argument=-C&argument=/etc/my%20rc")
    assert program.runs[0].arguments[:3] == ["-C", "/etc/my rc", "-i"]


@pytest.mark.parametrize(
    "arguments",
    [("-t",), ("-ti",), ("--",), ("-bs",), ("--read-recipients",), ("-v", "-t"), ("a\0b",)],
)
def test_arguments_that_take_recipients_from_elsewhere(arguments: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSetting):
        Sendmail(World.BLOCKING.network(), "/bin/true", arguments=arguments)


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("sendmail://usr/sbin/sendmail", "no host"),
        ("sendmail:///bin/true?arguments=-C", "no option 'arguments'"),
        ("sendmail:///bin/true#x", "fragment"),
        ("sendmail:///bin/true?argument", "cannot be read"),
        ("sendmail:///bin/tr\nue", "control"),
        ("sendmail:///bin/tr%0aue", "control"),
        ("sendmail://ada:hunter2@/bin/true", "no host"),
    ],
)
def test_bad_URLs(url: str, match: str) -> None:
    with pytest.raises(InvalidURL, match=match) as caught:
        local_transport(url, World.BLOCKING.network())
    assert caught.value.hint
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("path", ["/nowhere/sendmail", "/etc/passwd", "/etc", "sendmail"])
def test_programs_that_are_none(path: str) -> None:
    with pytest.raises(InvalidSetting, match="no program") as caught:
        Sendmail(World.BLOCKING.network(), path)
    assert "msmtp" in str(caught.value)


def _runs(number: int) -> bool:
    try:
        state = (
            Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
        )
    except FileNotFoundError:
        return False
    return state not in "ZX"
