"""Hooks: what interceptors give is what is sent, and observers change nothing."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from postseal import AsyncMailer, Delivery, Envelope, Mailer, Message
from postseal.errors import InvalidSetting, MailError, TemporarilyRejected, Withheld
from postseal.send import Outgoing, Sent
from postseal.send.hooks import AnyMessage, Hooks
from postseal.send.outgoing import Content
from postseal.send.transport import Transport, Verification
from postseal.send.transports import Outbox
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import ADA, BOB, EVE


def message(to: str = "bob@example.org") -> Message:
    return Message(from_=str(ADA), to=[to], subject="Hello", text="Hello.")


def redirected(given: AnyMessage) -> AnyMessage:
    assert isinstance(given, Message)
    return message(to=str(EVE))


def put_through(world: World, hooks: Hooks, given: Message | None = None) -> Outbox:
    box = Outbox()
    world.mail(box, lambda mailer: mailer.send(given or message()), hooks=hooks)
    return box


@in_each_world
def test_an_interceptor_gives_what_is_sent(world: World) -> None:
    box = put_through(world, Hooks(before_send=(redirected,)))
    assert [one.envelope.recipients for one in box] == [(EVE,)]


@in_each_world
def test_the_last_interceptor_has_the_last_word(world: World) -> None:
    seen: list[AnyMessage] = []

    def note(given: AnyMessage) -> AnyMessage:
        seen.append(given)
        return given

    box = put_through(world, Hooks().before(note, redirected) + Hooks((note,)))
    first, last = seen
    assert isinstance(first, Message)
    assert isinstance(last, Message)
    assert (first.to[0].address, last.to[0].address) == (BOB, EVE)
    assert box[0].octets == bytes(last)


@in_each_world
def test_one_that_refuses_is_heard_by_the_caller_and_the_observer(world: World) -> None:
    told: list[Sent[AnyMessage]] = []

    def refuse(given: AnyMessage) -> AnyMessage:
        raise Withheld("nothing leaves on Sundays", hint="Wait.")

    given = message()
    with pytest.raises(Withheld, match="Sundays") as caught:
        put_through(world, Hooks((refuse,), (told.append,)), given)
    assert not caught.value.is_temporary
    (sent,) = told
    assert (sent.message, sent.error, sent.delivery) == (given, caught.value, None)


@in_each_world
@pytest.mark.parametrize("given", [None, "text", b"octets"])
def test_one_that_forgets_to_return_lets_nothing_through(world: World, given: Any) -> None:
    def forgotten(_: AnyMessage) -> Any:
        return given

    box = Outbox()
    with pytest.raises(InvalidSetting, match="no message") as caught:
        world.mail(box, lambda mailer: mailer.send(message()), hooks=Hooks((forgotten,)))
    assert "Withheld" in str(caught.value)
    assert len(box) == 0


@in_each_world
def test_one_that_fails_lets_nothing_through(world: World) -> None:
    def fail(given: AnyMessage) -> AnyMessage:
        raise KeyError("no such template")

    box = Outbox()
    with pytest.raises(KeyError):
        world.mail(box, lambda mailer: mailer.send(message()), hooks=Hooks((fail,)))
    assert len(box) == 0


@in_each_world
def test_an_observer_that_fails_changes_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Sent[AnyMessage]] = []

    def fail(sent: Sent[AnyMessage]) -> None:
        raise RuntimeError("the disk of the statistics is full")

    box = put_through(world, Hooks(after_send=(fail, told.append)))
    assert len(box) == len(told) == 1
    (record,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert "fail" in record.getMessage()
    assert record.exc_info
    assert isinstance(record.exc_info[1], RuntimeError)


@in_each_world
def test_of_many_each_passes_the_hooks_once(world: World) -> None:
    before: list[str] = []
    after: list[Sent[Any]] = []

    def refuse_eve(given: AnyMessage) -> AnyMessage:
        assert isinstance(given, Message)
        before.append(str(given.to[0].address))
        if given.to[0].address == EVE:
            raise Withheld("not to Eve")
        return given

    given = [message(f"user{number}@example.org") for number in range(20)]
    given.insert(7, message(str(EVE)))
    box = Outbox()

    async def use(mailer: Any) -> list[Sent[Message]]:
        return [sent async for sent in mailer.send_many(given)]

    results = world.mail(box, use, hooks=Hooks((refuse_eve,), (after.append,)))
    assert len(before) == len(results) == len(after) == 21
    assert len(box) == 20
    (failed,) = [sent for sent in results if sent.error]
    assert isinstance(failed.error, Withheld)
    assert {id(sent.message) for sent in after} == {id(one) for one in given}


@in_each_world
def test_raw_messages_pass_as_well(world: World) -> None:
    seen: list[AnyMessage] = []

    def note(given: AnyMessage) -> AnyMessage:
        seen.append(given)
        return given

    box, envelope = Outbox(), Envelope(ADA, (BOB,))
    content: Content = [b"Subject: x\r\n\r\n"]
    world.mail(box, lambda mailer: mailer.send_raw(envelope, content), hooks=Hooks((note,)))
    (given,) = seen
    assert isinstance(given, Outgoing)
    assert given.content is content


async def test_coroutine_functions_are_awaited() -> None:
    told: list[Delivery | None] = []

    async def redirect(given: AnyMessage) -> AnyMessage:
        return redirected(given)

    async def note(sent: Sent[AnyMessage]) -> None:
        told.append(sent.delivery)

    box = Outbox()
    async with AsyncMailer(box, hooks=Hooks((redirect,), (note,))) as mailer:
        delivery = await mailer.send(message())
        assert told == [delivery]
        assert [sent.delivery async for sent in mailer.send_many([message()])] == told[1:]
    assert [one.envelope.recipients for one in box] == [(EVE,), (EVE,)]


class _Callable:
    async def __call__(self, given: AnyMessage) -> AnyMessage:
        return given


@pytest.mark.parametrize("hook", [_Callable(), _Callable.__call__])
def test_a_Mailer_refuses_coroutine_functions_at_once(hook: Any) -> None:
    for hooks in (Hooks((hook,)), Hooks(after_send=(hook,))):
        with pytest.raises(InvalidSetting, match="event loop") as caught:
            Mailer("memory:", hooks=hooks)
        assert "AsyncMailer" in str(caught.value)


class _Failing(Transport):
    async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
        raise TemporarilyRejected("not now", code=450)

    async def verify(self, *, deadline: float) -> Verification:
        raise TemporarilyRejected("not now")

    async def close(self) -> None:
        return None


@in_each_world
def test_observers_hear_of_failures(world: World) -> None:
    told: list[MailError | None] = []
    hooks = Hooks().after(lambda sent: told.append(sent.error))
    with pytest.raises(TemporarilyRejected) as caught:
        world.mail(_Failing(), lambda mailer: mailer.send(message()), hooks=hooks)
    assert told == [caught.value]
