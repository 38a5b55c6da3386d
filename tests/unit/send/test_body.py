"""The body: it arrives whole, or its connection is cut."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from postseal.errors import DeliveryUnknown, Disconnected, InvalidInput, Phase, TimedOut
from postseal.send.networks.network import IPAddress, Stream
from postseal.send.session.connection import ConnectionOptions
from postseal.testing import Break, Hear, MemoryNetwork, Say, Stall, Step, Wait, transcript
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import ACCEPTED, BOB, BODY, CONTENT, EVE, hand_over

BLOCK = b"x" * 65534 + b"\r\n"


@in_each_world
@pytest.mark.parametrize(("farewell", "code"), [((Say(b"421 going down\r\n"),), 421), ((), None)])
def test_a_server_that_goes_amid_the_body_may_say_why(
    world: World, farewell: tuple[Say, ...], code: int | None
) -> None:
    # Writing fails; what had arrived before that is still heard.
    network = MemoryNetwork((*transcript(ACCEPTED), Hear(BLOCK), *farewell, Break()))
    with pytest.raises(Disconnected) as caught:
        hand_over(world, (), content=[BLOCK, BLOCK], network=network)
    assert (caught.value.phase, caught.value.code) == (Phase.BODY, code)
    assert network.streams[0].is_closed
    network.check_played()


@in_each_world
@pytest.mark.parametrize("is_async", [False, True])
def test_content_that_fails_never_becomes_a_message(world: World, is_async: bool) -> None:
    network = MemoryNetwork((*transcript(ACCEPTED), Hear(BLOCK), Wait()))

    class DiskError(Exception):
        pass

    def pieces() -> Iterator[bytes]:
        yield BLOCK
        yield b"the last that could be read"
        raise DiskError

    async def pieces_async() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    with pytest.raises(DiskError):
        hand_over(world, (), content=pieces_async() if is_async else pieces(), network=network)
    stream = network.streams[0]
    assert stream.is_closed
    # Neither the end of data nor a word behind it: the server throws away what it has.
    assert stream.written.endswith(BLOCK)


@in_each_world
def test_content_that_fails_with_an_error_of_ours_says_where(world: World) -> None:
    def pieces() -> Iterator[bytes]:
        yield from ()
        raise InvalidInput("the attachment is gone")

    network = MemoryNetwork((*transcript(ACCEPTED), Wait()))
    with pytest.raises(InvalidInput, match="the attachment is gone") as caught:
        hand_over(world, (), content=pieces(), network=network)
    assert caught.value.phase is Phase.BODY
    assert network.streams[0].is_closed


@in_each_world
def test_async_content_is_sent_like_any_other(world: World) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in CONTENT:
            yield piece

    delivery = hand_over(world, ACCEPTED + BODY + "S: 250 ok", content=pieces())
    assert delivery.accepted == (BOB, EVE)


@in_each_world
@pytest.mark.parametrize(
    "content",
    [(), (b"",), (b".",), (b"a\r\n.\r\nb\r\n",), (b"a\r", b"\n.\n.", b"\r\nb"), (b"\n.\n",)],
    ids=repr,
)
def test_no_content_ends_the_body_but_its_end(world: World, content: tuple[bytes, ...]) -> None:
    expected = b"".join(content).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    lines = expected.splitlines(keepends=True)
    stuffed = b"".join(b"." + line if line.startswith(b".") else line for line in lines)
    if stuffed and not stuffed.endswith(b"\r\n"):
        stuffed += b"\r\n"
    script = (*transcript(ACCEPTED), Hear(stuffed + b".\r\n"), Say(b"250 ok\r\n"))
    assert hand_over(world, script, content=content).accepted


@in_each_world
def test_the_verdict_is_waited_for_no_longer_than_told(world: World) -> None:
    # The fate of the message is unknown when its last reply does not come.
    network = MemoryNetwork(ACCEPTED + BODY + "S: <silence>")
    with pytest.raises(DeliveryUnknown, match="may arrive twice") as caught:
        hand_over(world, (), network=network)
    assert (caught.value.phase, caught.value.host) == (Phase.BODY, "mail.example.org")
    assert isinstance(caught.value.__cause__, TimedOut)
    assert network.now() == ConnectionOptions().timeouts.end_of_data


@in_each_world
def test_a_server_that_takes_no_more_of_the_body_is_left(world: World) -> None:
    network = MemoryNetwork((*transcript(ACCEPTED), Hear(BLOCK), Stall()))
    with pytest.raises(TimedOut) as caught:
        hand_over(world, (), network=network, content=[BLOCK] * 3)
    assert caught.value.phase is Phase.BODY
    assert network.now() == ConnectionOptions().timeouts.body_block
    assert network.streams[0].is_closed


@in_each_world
@pytest.mark.parametrize("is_async", [False, True])
def test_a_piece_of_any_size_is_written_in_blocks(world: World, is_async: bool) -> None:
    # Otherwise the time for one block would have to do for the whole message.
    steps = [*transcript(ACCEPTED)]
    network = _Counting((*steps, Hear(BLOCK * 20 + b".\r\n"), Say(b"250 ok\r\n")))

    async def piece() -> AsyncIterator[bytes]:
        yield BLOCK * 20

    hand_over(world, (), network=network, content=piece() if is_async else [BLOCK * 20])
    assert max(network.sizes) < 3 * len(BLOCK)


class _Counting(MemoryNetwork):
    """Notes the size of each write."""

    def __init__(self, script: tuple[Step, ...]) -> None:
        super().__init__(script)
        self.sizes: list[int] = []

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        stream = await super().connect(host, port, deadline, addresses=addresses)
        write = stream.write

        async def counting(data: bytes, deadline: float) -> None:
            self.sizes.append(len(data))
            await write(data, deadline)

        stream.write = counting  # type: ignore[method-assign]
        return stream
