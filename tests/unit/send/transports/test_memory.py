"""The outbox: what was sent can be found, and it has its bounds."""

from __future__ import annotations

import threading

import pytest

from postseal.address import Address
from postseal.errors import InvalidAddress, InvalidSetting, InvalidURL, PermanentlyRejected
from postseal.mail import Envelope, Message
from postseal.send import DeliveryOptions, Outgoing
from postseal.send.networks.blocking import run
from postseal.send.transports import Outbox, local_transport, outbox
from postseal.testing import MemoryNetwork
from postseal.tls import TLSLevel
from tests.parts.worlds import World, in_each_world


def message(number: int = 1) -> Message:
    return Message(
        from_="Ada <ada@example.com>",
        to=["Bob <bob@example.org>"],
        bcc=["eve@example.net"],
        subject=f"Invoice {number}",
        text="Hello Bob.",
        html="<p>Hello <b>Bob</b>.</p>",
    )


def put(box: Outbox, given: Message) -> None:
    run(box.deliver(Outgoing.of(given), deadline=0))


@in_each_world
def test_what_was_sent_can_be_looked_at(world: World) -> None:
    box, given = Outbox("here"), message()
    delivery = world.drive(box.deliver(Outgoing.of(given), deadline=0))
    assert delivery.accepted == given.envelope.recipients
    assert (delivery.host, delivery.tls.level) == ("memory:here", TLSLevel.NONE)
    (kept,) = box
    assert kept.envelope == given.envelope
    assert kept.octets == bytes(given)
    assert kept.message.subject == "Invoice 1"
    assert kept.message.text == "Hello Bob.\n"
    assert box.last == kept == box[0] == box[-1]
    assert repr(kept).count("Hello") == 0


def test_messages_are_found() -> None:
    box = Outbox()
    for number in (1, 2):
        put(box, message(number))
    assert len(box) == 2
    assert [one.message.subject for one in box.find(to="eve@example.net")] == [
        "Invoice 1",
        "Invoice 2",
    ]
    assert box.find(subject="2", from_=Address.parse("ada@example.com")) == (box[1],)
    assert box.find(text="<b>Bob") == box.find(text="Hello Bob") == box.messages
    assert box.find(to="carol@example.org") == box.find(text="Goodbye") == ()
    with pytest.raises(InvalidAddress):
        box.find(to="bob")
    box.clear()
    assert (len(box), box.last) == (0, None)
    assert box


def test_the_oldest_make_room() -> None:
    box = Outbox(max_messages=2)
    for number in (1, 2, 3):
        put(box, message(number))
    assert [one.message.subject for one in box] == ["Invoice 2", "Invoice 3"]
    assert box.dropped == 1
    box.clear()
    assert box.dropped == 0


def test_a_message_that_is_too_large_is_refused() -> None:
    box = Outbox(max_octets=100)
    endless = (b"x" * 70 + b"\r\n" for _ in iter(int, 1))
    envelope = Envelope(None, (Address.parse("bob@example.org"),))
    with pytest.raises(PermanentlyRejected, match="100 octets") as caught:
        run(box.deliver(Outgoing(envelope=envelope, content=endless), deadline=0))
    assert (caught.value.code, caught.value.enhanced_code) == (552, "5.3.4")
    assert len(box) == 0


@pytest.mark.parametrize("bounds", [(0, 1), (1, 0)])
def test_an_outbox_without_room(bounds: tuple[int, int]) -> None:
    with pytest.raises(InvalidSetting, match="room"):
        Outbox(max_messages=bounds[0], max_octets=bounds[1])


def test_what_was_kept_can_be_sent_on() -> None:
    box, options = Outbox(), DeliveryOptions(requires_tls=True)
    envelope = Envelope(None, (Address.parse("bob@example.org"),))
    given = Outgoing(envelope=envelope, content=[b"\xff\n"], is_8bit=True, options=options)
    run(box.deliver(given, deadline=0))
    again = box[0].outgoing
    assert (again.envelope, again.options, again.is_8bit) == (envelope, options, True)
    assert b"".join(again.content) == b"\xff\r\n"  # type: ignore[arg-type]
    assert again.size == 3


def test_an_outbox_is_known_by_its_name() -> None:
    network = MemoryNetwork()
    assert local_transport("memory:one", network) is outbox("one")
    assert local_transport("MEMORY:", network) is outbox()
    assert outbox("one") is not outbox()


@pytest.mark.parametrize("url", ["memory://one", "memory:a/b", "memory:?x=1", "memory:a b"])
def test_bad_names(url: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        local_transport(url, MemoryNetwork())
    assert caught.value.hint


@pytest.mark.parametrize("url", ["smtp://host", "carrier-pigeon:", "memory", ""])
def test_schemes_of_somebody_else(url: str) -> None:
    with pytest.raises(InvalidURL, match="no transport of this machine"):
        local_transport(url, MemoryNetwork())


def test_threads_share_an_outbox() -> None:
    box = Outbox(max_messages=10)
    given = message()

    def work() -> None:
        for _ in range(25):
            put(box, given)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(box), box.dropped) == (10, 90)


@in_each_world
def test_verifying_and_closing(world: World) -> None:
    async def use() -> str:
        box = Outbox("here")
        await box.close()
        return str((await box.verify(deadline=0)).tls)

    assert world.drive(use()) == "no TLS"
