"""Promise 5: no password, token or key in a repr, an error, or the locals of its traceback."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest

from postseal.errors import MailError
from postseal.smtp.reply import Reply
from postseal.smtp.sasl import (
    BearerToken,
    Challenge,
    Credentials,
    Negotiation,
    Password,
    PasswordReceived,
    PlainCredentials,
    ScramHash,
    ScramRecord,
    ServerOffer,
    choose_mechanisms,
)
from postseal.smtp.sasl.scram_keys import ClientKeys
from postseal.smtp.sasl.scram_messages import ClientFinal
from tests.parts.canaries import Canary, find_canaries

SECRET = "correct-horse-battery-staple"
CANARY = Canary("secret", SECRET.encode())
NAMES = ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER")


def shown_by(error: BaseException) -> str:
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join((str(error), repr(error), repr(error.args), *report.format()))


def assert_hidden(text: str) -> None:
    assert not find_canaries(text.encode(), [CANARY]), text


@pytest.mark.parametrize(
    "value",
    [
        Password("ada", SECRET),
        BearerToken("ada", SECRET),
        PlainCredentials("", "ada", SECRET),
        PasswordReceived(PlainCredentials("", "ada", SECRET)),
        Challenge(SECRET.encode()),
        ClientFinal(b"", "", SECRET.encode(), SECRET.encode()),
        ClientKeys(ScramHash.SHA_1, SECRET.encode(), SECRET.encode()),
        ScramRecord(ScramHash.SHA_1, b"", 4096, SECRET.encode(), SECRET.encode()),
        ServerOffer(decoy_secret=SECRET.encode()),
        *choose_mechanisms(Password("ada", SECRET), NAMES),
        *choose_mechanisms(BearerToken("ada", SECRET), NAMES),
    ],
    ids=lambda value: getattr(value, "name", type(value).__name__),
)
def test_values_do_not_show_it(value: object) -> None:
    assert_hidden(f"{value!r} {value} {[value]}")


def negotiate(credentials: Credentials, *replies: Reply, offered: tuple[str, ...] = NAMES) -> None:
    negotiation = Negotiation(choose_mechanisms(credentials, offered))
    command: object = negotiation.begin()
    for reply in replies:
        command = negotiation.answer(reply)
        assert_hidden(repr(command))


ADA = Password("ada", SECRET)
TOKEN = BearerToken("ada", SECRET)
MORE = Reply(334, ("AAAA",))


FAILURES: dict[str, Callable[[], object]] = {
    "NUL": lambda: choose_mechanisms(Password("ada", SECRET + "\x00"), NAMES),
    "surrogate": lambda: choose_mechanisms(Password("ada", SECRET + "\ud800"), NAMES),
    "no user": lambda: choose_mechanisms(Password("", SECRET), NAMES),
    "no token": lambda: choose_mechanisms(BearerToken("ada", f"Bearer {SECRET}"), NAMES),
    "no mechanism": lambda: choose_mechanisms(ADA, ("XOAUTH2",)),
    "SASLprep": lambda: negotiate(Password("ada", SECRET + "\x07"), offered=("SCRAM-SHA-256",)),
    "too long": lambda: negotiate(Password("ada", SECRET * 10), offered=("PLAIN",)),
    "refused": lambda: negotiate(ADA, Reply(535, ("no",)), offered=("PLAIN",)),
    "asked for more": lambda: negotiate(ADA, MORE, Reply(501), offered=("PLAIN",)),
    "malformed": lambda: negotiate(ADA, MORE, Reply(501), offered=("SCRAM-SHA-1",)),
    "refused token": lambda: negotiate(TOKEN, MORE, Reply(535)),
    "record, NUL": lambda: ScramRecord.derive(SECRET + "\x00"),
    "record, iterations": lambda: ScramRecord.derive(SECRET, iterations=1),
    "record, salt": lambda: ScramRecord.derive(SECRET, salt=b""),
}


@pytest.mark.parametrize("name", FAILURES)
def test_errors_do_not_show_it(name: str) -> None:
    with pytest.raises(MailError) as caught:
        FAILURES[name]()
    assert_hidden(shown_by(caught.value))
