from __future__ import annotations

import pytest

from postseal.errors import LocalProtocolError
from postseal.smtp.sasl import (
    PasswordReceived,
    PlainCredentials,
    RecordNeeded,
    ScramHash,
    ServerOffer,
    Succeeded,
    choose_mechanisms,
)
from tests.unit.smtp.sasl.exchanges import ADA, BINDING, DECOY_SECRET, RECORDS, run

FULL = ServerOffer(
    scram_hashes=tuple(ScramHash), channel_binding=BINDING, decoy_secret=DECOY_SECRET
)
BARE = ServerOffer()


def test_the_names() -> None:
    assert FULL.names == (
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "PLAIN",
        "LOGIN",
    )
    assert BARE.names == ("PLAIN", "LOGIN")
    assert ServerOffer(scram_hashes=(ScramHash.SHA_256,), decoy_secret=b"x").names == (
        "SCRAM-SHA-256",
        "PLAIN",
        "LOGIN",
    )


@pytest.mark.parametrize("name", FULL.names)
def test_what_is_offered_works(name: str) -> None:
    server = FULL.begin(name)
    (client,) = choose_mechanisms(ADA, FULL.names, channel_binding=BINDING, only={name})
    assert server is not None
    assert server.name == client.name == name
    records = {"ada": RECORDS[ScramHash.SHA_1 if "SHA-1" in name else ScramHash.SHA_256]}
    # What the client was told to use alone, it does not say that it could do better.
    exchange = run(client, server, records=records)
    assert exchange.succeeded in (
        Succeeded("ada"),
        PasswordReceived(PlainCredentials("", "ada", ADA.password)),
    )


@pytest.mark.parametrize("name", ["CRAM-MD5", "XOAUTH2", "plain", "", "SCRAM-SHA-512"])
def test_what_is_not_offered(name: str) -> None:
    assert FULL.begin(name) is None


def test_SCRAM_is_not_there_when_it_is_not_offered() -> None:
    assert BARE.begin("SCRAM-SHA-256") is None
    no_binding = ServerOffer(scram_hashes=tuple(ScramHash), decoy_secret=b"x")
    assert no_binding.begin("SCRAM-SHA-256-PLUS") is None


def test_each_exchange_has_a_nonce_of_its_own() -> None:
    said = set()
    for _ in range(20):
        server = FULL.begin("SCRAM-SHA-256")
        assert server is not None
        assert isinstance(server.receive(b"n,,n=ada,r=x"), RecordNeeded)
        said.add(repr(server.supply(None).data))  # type: ignore[attr-defined]
    assert len(said) == 20


def test_SCRAM_without_a_secret_would_tell_who_exists() -> None:
    with pytest.raises(LocalProtocolError, match="secret"):
        ServerOffer(scram_hashes=(ScramHash.SHA_256,))
