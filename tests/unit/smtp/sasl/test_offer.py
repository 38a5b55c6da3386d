from __future__ import annotations

import pytest

from postseal.errors import LocalProtocolError
from postseal.smtp.sasl import (
    BearerToken,
    CertificateClaimed,
    ChannelEnds,
    ClientCertificate,
    Credentials,
    PasswordReceived,
    PlainCredentials,
    RecordNeeded,
    ScramHash,
    ServerOffer,
    ServerSASL,
    Succeeded,
    TokenPresented,
    choose_mechanisms,
)
from tests.unit.smtp.sasl.exchanges import ADA, BINDING, CHANNEL, DECOY_SECRET, RECORDS, run

FULL = ServerOffer(frozenset(ServerSASL), decoy_secret=DECOY_SECRET)
UNBOUND = ChannelEnds()
PASSWORD = PasswordReceived(PlainCredentials("", "ada", ADA.password))


def test_the_names() -> None:
    assert FULL.names(CHANNEL) == (
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "EXTERNAL",
        "OAUTHBEARER",
        "XOAUTH2",
        "PLAIN",
        "LOGIN",
    )
    # Without a certificate of the client there is nothing for EXTERNAL to stand on.
    assert FULL.names(UNBOUND) == (
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "OAUTHBEARER",
        "XOAUTH2",
        "PLAIN",
        "LOGIN",
    )
    # What needs something of the platform is not offered unasked.
    assert ServerOffer().names(CHANNEL) == ("PLAIN",)


@pytest.mark.parametrize(
    ("name", "credentials", "outcome"),
    [
        ("SCRAM-SHA-256-PLUS", ADA, Succeeded("ada")),
        ("SCRAM-SHA-1-PLUS", ADA, Succeeded("ada")),
        ("SCRAM-SHA-256", ADA, Succeeded("ada")),
        ("SCRAM-SHA-1", ADA, Succeeded("ada")),
        ("EXTERNAL", ClientCertificate("ada"), CertificateClaimed("ada")),
        ("OAUTHBEARER", BearerToken("ada", "t0ken"), TokenPresented("ada", "t0ken")),
        ("XOAUTH2", BearerToken("ada", "t0ken"), TokenPresented("ada", "t0ken")),
        ("PLAIN", ADA, PASSWORD),
        ("LOGIN", ADA, PASSWORD),
    ],
)
def test_what_is_offered_works(name: str, credentials: Credentials, outcome: object) -> None:
    server = FULL.begin(name, CHANNEL)
    (client,) = choose_mechanisms(
        credentials, FULL.names(CHANNEL), channel_binding=BINDING, only={name}
    )
    assert server is not None
    assert server.name == client.name == name
    records = {"ada": RECORDS[ScramHash.SHA_1 if "SHA-1" in name else ScramHash.SHA_256]}
    # What the client was told to use alone, it does not say that it could do better.
    assert run(client, server, records=records).succeeded == outcome


@pytest.mark.parametrize("name", ["CRAM-MD5", "plain", "", "SCRAM-SHA-512", "PLAIN-PLUS", "-PLUS"])
def test_what_is_not_offered(name: str) -> None:
    assert FULL.begin(name, CHANNEL) is None


def test_what_the_channel_does_not_allow() -> None:
    assert ServerOffer().begin("SCRAM-SHA-256", CHANNEL) is None
    assert FULL.begin("SCRAM-SHA-256-PLUS", UNBOUND) is None
    assert FULL.begin("EXTERNAL", UNBOUND) is None


def test_each_exchange_has_a_nonce_of_its_own() -> None:
    said = set()
    for _ in range(20):
        server = FULL.begin("SCRAM-SHA-256", CHANNEL)
        assert server is not None
        assert isinstance(server.receive(b"n,,n=ada,r=x"), RecordNeeded)
        said.add(repr(server.supply(None).data))  # type: ignore[attr-defined]
    assert len(said) == 20


def test_SCRAM_without_a_secret_would_tell_who_exists() -> None:
    with pytest.raises(LocalProtocolError, match="secret"):
        ServerOffer(frozenset({ServerSASL.SCRAM_SHA_256}))
