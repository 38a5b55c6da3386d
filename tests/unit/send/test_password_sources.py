"""A password that is kept elsewhere: fetched for the login, and once more when it is refused."""

from __future__ import annotations

import threading
import time
import traceback
from base64 import b64encode
from collections import deque

import pytest

from postseal.errors import (
    AuthError,
    Disconnected,
    MailError,
    Phase,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets import Need, SecretReference, SecretSource, SecretVersion
from postseal.send import Endpoint, Timeouts
from postseal.send.session.authentication import CredentialsReplaced
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.testing import MemoryNetwork
from tests.parts.keepers import Keeper
from tests.parts.worlds import World, in_each_world

ADA = Endpoint.parse("smtp+insecure://ada@mail.example.org:1025")
OFFER = "S: 220 hi\nC: EHLO [192.0.2.1]\nS: 250-hi\nS: 250 AUTH PLAIN\n"
OLD, NEW = "correct-horse-battery-staple", "incorrect-donkey-charger-paperclip"


def plain(password: str) -> str:
    return f"C: AUTH PLAIN {b64encode(f'{chr(0)}ada{chr(0)}{password}'.encode()).decode()}\n"


def source(keeper: Keeper) -> SecretSource:
    return SecretSource("vault:kv/mail#password", provider=keeper)


def log_in(
    world: World, network: MemoryNetwork, password: SecretSource, *, patience: float = 60
) -> Connection:
    options = ConnectionOptions(password=password, timeouts=Timeouts(command=patience))
    try:
        return world.drive(Connection.open(network, ADA, options, deadline=600))
    finally:
        network.check_played()


def here(*scripts: str) -> MemoryNetwork:
    return MemoryNetwork(*scripts, peer_address="127.0.0.1")


def failure(world: World, network: MemoryNetwork, password: SecretSource) -> MailError:
    with pytest.raises(MailError) as caught:
        log_in(world, network, password)
    assert all(stream.is_closed for stream in network.streams)
    assert caught.value.host == "mail.example.org"
    assert OLD not in str(caught.value)
    return caught.value


@in_each_world
def test_it_is_fetched_once_for_several_logins(world: World) -> None:
    keeper = Keeper(OLD)
    password = source(keeper)
    for _ in range(2):
        log_in(world, here(OFFER + plain(OLD) + "S: 235 ok"), password)
    assert keeper.needs == [Need.CURRENT]


@in_each_world
def test_it_is_not_fetched_for_a_server_that_gets_none(world: World) -> None:
    keeper = Keeper(OLD)
    failure(world, here("S: 554 go away"), source(keeper))
    assert keeper.needs == []


@in_each_world
@pytest.mark.parametrize(
    "refusal",
    ["535 5.7.8 wrong", "534 5.7.9 weak", "550 5.7.1 no", "432 4.7.12 change your password"],
)
def test_a_replaced_password_is_tried_over_a_new_connection(world: World, refusal: str) -> None:
    keeper = Keeper(OLD)
    password = source(keeper)
    password.get()
    keeper.rotate(NEW)
    network = here(OFFER + plain(OLD) + f"S: {refusal}", OFFER + plain(NEW) + "S: 235 ok")
    connection = log_in(world, network, password)
    assert connection.is_open
    assert network.streams[0].is_closed
    assert keeper.needs == [Need.CURRENT, Need.REPLACEMENT]


@in_each_world
def test_a_wrong_password_that_nobody_replaced_is_an_error(world: World) -> None:
    keeper = Keeper(OLD)
    network = here(OFFER + plain(OLD) + "S: 535 5.7.8 wrong")
    error = failure(world, network, source(keeper))
    assert type(error) is AuthError
    assert (error.code, error.is_temporary) == (535, False)
    assert keeper.needs == [Need.CURRENT, Need.REPLACEMENT]


@in_each_world
@pytest.mark.parametrize("answer", ["454 4.7.0 later", "421 4.3.0 bye"])
def test_what_is_no_refusal_of_the_password_replaces_nothing(world: World, answer: str) -> None:
    keeper = Keeper(OLD)
    failure(world, here(OFFER + plain(OLD) + f"S: {answer}"), source(keeper))
    assert keeper.needs == [Need.CURRENT]


@in_each_world
def test_the_new_one_is_tried_once(world: World) -> None:
    # Servers lock accounts after a few failures.
    keeper = Keeper(OLD)
    password = source(keeper)
    password.get()
    keeper.rotate(NEW)
    network = here(
        OFFER + plain(OLD) + "S: 535 5.7.8 wrong", OFFER + plain(NEW) + "S: 535 5.7.8 wrong"
    )
    error = failure(world, network, password)
    assert type(error) is AuthError
    assert NEW not in str(error)


@in_each_world
def test_a_password_that_changes_all_the_time_may_be_tried_later(world: World) -> None:
    class Restless(Keeper):
        def fetch(
            self, reference: SecretReference, *, deadline: float, need: Need = Need.CURRENT
        ) -> SecretVersion:
            self.rotate(f"password-{self.number + 1}")
            return Keeper.fetch(self, reference, deadline=deadline, need=need)

    network = here(
        OFFER + plain("password-2") + "S: 535 5.7.8 wrong",
        OFFER + plain("password-3") + "S: 535 5.7.8 wrong",
    )
    error = failure(world, network, source(Restless(OLD)))
    assert isinstance(error, CredentialsReplaced)
    assert (error.code, error.is_temporary) == (535, True)


@in_each_world
def test_a_keeper_that_cannot_be_asked_then_leaves_the_servers_word(world: World) -> None:
    keeper = Keeper(OLD)
    password = source(keeper)
    password.get()
    keeper.failures = deque([SecretUnreachable("it is down")])
    error = failure(world, here(OFFER + plain(OLD) + "S: 535 5.7.8 wrong"), password)
    assert type(error) is AuthError
    assert "a newer password is not known: vault:kv/mail#password: " in str(error)


@in_each_world
def test_a_password_that_cannot_be_had_says_so_with_host_and_phase(world: World) -> None:
    keeper = Keeper(OLD)
    keeper.failures.append(SecretNotFound("nothing", reference="vault:kv/mail#password"))
    error = failure(world, here(OFFER), source(keeper))
    assert isinstance(error, SecretNotFound)
    assert error.phase is Phase.AUTH


@in_each_world
def test_a_keeper_that_hangs_ends_with_the_time_for_a_command(world: World) -> None:
    keeper = Keeper(OLD, gate=threading.Event())
    network = here(OFFER)
    begun = time.monotonic()
    with pytest.raises(SecretUnreachable, match="no answer in time"):
        log_in(world, network, source(keeper), patience=0.05)
    assert time.monotonic() - begun < 10
    assert keeper.gate is not None
    keeper.gate.set()


@in_each_world
def test_no_error_shows_either_password(world: World) -> None:
    keeper = Keeper(OLD)
    password = source(keeper)
    password.get()
    keeper.rotate(NEW)
    network = here(OFFER + plain(OLD) + "S: 535 5.7.8 wrong", OFFER + plain(NEW) + "S: <end>")
    with pytest.raises(Disconnected) as caught:
        log_in(world, network, password)
    step = caught.value.__traceback__
    while step is not None and "/postseal/send/" not in step.tb_frame.f_code.co_filename:
        step = step.tb_next
    network.streams.clear()
    error = caught.value.with_traceback(step)
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = "".join(line for line in report.format() if "Hear(" not in line)
    for hidden in (OLD, NEW, b64encode(f"\0ada\0{NEW}".encode()).decode()):
        assert hidden not in shown


def test_options_name_the_source() -> None:
    options = ConnectionOptions(password=source(Keeper(OLD)))
    assert OLD not in repr(options)
    assert repr(options.password) == "SecretSource('vault:kv/mail#password')"
