"""SCRAM between our own two sides: it works in all four forms, and in no other way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from postseal.smtp.sasl import (
    ChannelBindingRefused,
    Failed,
    FailureCause,
    Password,
    ScramHash,
    ScramRecord,
    ServerSignatureInvalid,
    Succeeded,
)
from postseal.smtp.sasl.scram_messages import BindingFlag
from tests.unit.smtp.sasl.exchanges import (
    ADA,
    BINDING,
    RECORDS,
    Exchange,
    run,
    scram_client,
    scram_server,
)

FORMS = [(hash_, plus) for hash_ in ScramHash for plus in (False, True)]
each_form = pytest.mark.parametrize(
    ("hash_", "plus"), FORMS, ids=[f"{hash_.name}{'-PLUS' * plus}" for hash_, plus in FORMS]
)


@each_form
def test_the_right_password(hash_: ScramHash, plus: bool) -> None:
    client, server = scram_client(hash_, plus=plus), scram_server(hash_, plus=plus)
    exchange = run(client, server, records={"ada": RECORDS[hash_]})
    assert exchange.succeeded == Succeeded("ada")
    assert client.name == server.name
    # Nothing of the password was said.
    assert not any(ADA.password.encode() in message for message in exchange.messages)


@each_form
def test_a_wrong_password(hash_: ScramHash, plus: bool) -> None:
    wrong = replace(ADA, password="correct-horse-battery-stable")
    exchange = run(
        scram_client(hash_, plus=plus, credentials=wrong),
        scram_server(hash_, plus=plus),
        records={"ada": RECORDS[hash_]},
    )
    assert exchange.failed == Failed("the proof is wrong", FailureCause.CREDENTIALS)


@each_form
def test_an_unknown_user_fails_as_a_wrong_password_does(hash_: ScramHash, plus: bool) -> None:
    exchange = run(scram_client(hash_, plus=plus), scram_server(hash_, plus=plus))
    assert exchange.failed == Failed("the proof is wrong", FailureCause.CREDENTIALS)
    known = run(
        scram_client(hash_, plus=plus),
        scram_server(hash_, plus=plus),
        records={"ada": RECORDS[hash_]},
    )
    # What is said before the failure has the same form.
    assert [len(message) for message in exchange.messages[:3]] == [
        len(message) for message in known.messages[:3]
    ]


@each_form
def test_an_unknown_user_has_the_same_salt_each_time(hash_: ScramHash, plus: bool) -> None:
    first, second = (
        run(scram_client(hash_, plus=plus), scram_server(hash_, plus=plus)) for _ in range(2)
    )
    assert first.messages[1] == second.messages[1]


def changes(length: int) -> Iterator[tuple[int, int]]:
    """Each position with bits that give another octet: a near one, another case, no ASCII."""
    return ((position, bits) for position in range(length) for bits in (0x01, 0x20, 0x80))


@each_form
@pytest.mark.parametrize("number", range(4))
def test_no_octet_of_a_message_can_be_changed(hash_: ScramHash, plus: bool, number: int) -> None:
    def attempt(position: int, bits: int) -> Exchange:
        def tamper(at: int, message: bytes) -> bytes:
            if at != number:
                return message
            changed = bytearray(message)
            changed[position] ^= bits
            return bytes(changed)

        return run(
            scram_client(hash_, plus=plus),
            scram_server(hash_, plus=plus),
            records={"ada": RECORDS[hash_]},
            tamper=tamper,
        )

    honest = run(
        scram_client(hash_, plus=plus),
        scram_server(hash_, plus=plus),
        records={"ada": RECORDS[hash_]},
    )
    for position, bits in changes(len(honest.messages[number])):
        exchange = attempt(position, bits)
        assert exchange.succeeded is None, (position, bits, exchange.messages)


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda message: b"",
    "cut": lambda message: message[:-1],
    "longer": lambda message: message + b"x",
    "with a line ending": lambda message: message + b"\n",
}


@each_form
@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("change", CHANGES)
def test_no_message_can_be_cut_or_prolonged(
    hash_: ScramHash, plus: bool, number: int, change: str
) -> None:
    exchange = run(
        scram_client(hash_, plus=plus),
        scram_server(hash_, plus=plus),
        records={"ada": RECORDS[hash_]},
        tamper=lambda at, message: CHANGES[change](message) if at == number else message,
    )
    assert exchange.succeeded is None


def test_a_channel_on_either_side_of_somebody() -> None:
    # The client's TLS ends at the attacker's certificate; the attacker passes all messages on.
    exchange = run(
        scram_client(plus=True, binding=b"the hash of the attacker's cert."),
        scram_server(plus=True),
        records={"ada": RECORDS[ScramHash.SHA_256]},
    )
    assert exchange.failed is not None
    assert exchange.failed.cause is FailureCause.CHANNEL


def test_plus_was_removed_from_the_offer() -> None:
    exchange = run(
        scram_client(flag=BindingFlag.NOT_OFFERED),
        scram_server(binding=BINDING),
        records={"ada": RECORDS[ScramHash.SHA_256]},
    )
    assert exchange.failed is not None
    assert exchange.failed.cause is FailureCause.CHANNEL
    assert "removed" in exchange.failed.reason


def test_a_server_without_plus_takes_a_client_that_could() -> None:
    exchange = run(
        scram_client(flag=BindingFlag.NOT_OFFERED),
        scram_server(),
        records={"ada": RECORDS[ScramHash.SHA_256]},
    )
    assert exchange.succeeded == Succeeded("ada")


def test_a_client_without_plus_is_taken_by_a_server_that_could() -> None:
    exchange = run(
        scram_client(), scram_server(binding=BINDING), records={"ada": RECORDS[ScramHash.SHA_256]}
    )
    assert exchange.succeeded == Succeeded("ada")


def test_an_impostor_with_a_record_of_its_own_making() -> None:
    # It gets no further than the client's proof, and that is of no use to it: the server's keys
    # and the client's come of one password.
    impostor = ScramRecord.derive("guess", salt=RECORDS[ScramHash.SHA_256].salt)
    forged = replace(RECORDS[ScramHash.SHA_256], server_key=impostor.server_key)
    exchange = run(scram_client(), scram_server(), records={"ada": forged})
    assert isinstance(exchange.error, ServerSignatureInvalid)


@pytest.mark.parametrize(
    ("username", "identity"),
    [
        ("a,b=c,=2C", ""),  # what the grammar needs for itself
        ("Ada", "bob,=x"),
        ("grüße", "josé"),
    ],
)
def test_names_with_anything_in_them(username: str, identity: str) -> None:
    exchange = run(
        scram_client(credentials=Password(username, ADA.password, identity)),
        scram_server(),
        records={username: RECORDS[ScramHash.SHA_256]},
    )
    assert exchange.succeeded == Succeeded(username, identity)


def test_both_sides_prepare_user_and_password() -> None:
    record = ScramRecord.derive("IX")
    exchange = run(
        scram_client(credentials=Password("u\u00adser", "\u2168")),
        scram_server(),
        records={"user": record},
    )
    assert exchange.succeeded == Succeeded("user")


def test_the_server_prepares_the_user_itself() -> None:
    server = scram_server()
    # A client that does not.
    step = server.receive("n,,n=\u2168,r=abc".encode())
    assert getattr(step, "username", None) == "IX"


def test_the_word_for_a_binding_that_does_not_match() -> None:
    client = scram_client(plus=True)
    client.initial_response()
    with pytest.raises(ChannelBindingRefused, match="channel-bindings-dont-match"):
        client.respond(b"e=channel-bindings-dont-match")
