from __future__ import annotations

import pytest

from postseal.errors import LocalProtocolError
from postseal.smtp.sasl import (
    Challenge,
    Failed,
    FailureCause,
    RecordNeeded,
    ScramHash,
    ScramServer,
    decoy_record,
)
from tests.unit.smtp.sasl.exchanges import DECOY_SECRET, RECORDS, scram_client, scram_server

CLIENT_FIRST = b"n,,n=ada,r=CLIENT"


def waiting_for_the_proof() -> ScramServer:
    server = scram_server()
    server.receive(CLIENT_FIRST)
    server.supply(RECORDS[ScramHash.SHA_256])
    return server


def test_the_client_is_asked_to_speak_first() -> None:
    server = scram_server()
    assert server.receive(None) == Challenge(b"")
    assert server.receive(CLIENT_FIRST) == RecordNeeded("ada", ScramHash.SHA_256)


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"n=ada,r=CLIENT",
        b"n,n=ada,r=CLIENT",
        b"x,,n=ada,r=CLIENT",
        b"N,,n=ada,r=CLIENT",
        b"p=,,n=ada,r=CLIENT",
        b"n,b,n=ada,r=CLIENT",
        b"n,a=,n=ada,r=CLIENT",
        b"n,a==2D,n=ada,r=CLIENT",
        b"n,,n=,r=CLIENT",
        b"n,,n=a=b,r=CLIENT",
        b"n,,n=ada=2c,r=CLIENT",
        b"n,,n=ada,r=",
        b"n,,n=ada,r=CLI ENT",
        b"n,,n=ada\x00,r=CLIENT",
        b"n,,m=x,n=ada,r=CLIENT",
        b"n,,n=ada,r=CLIENT,",
        b"n,,n=\xff,r=CLIENT",
        b"n,,n=ada,r=" + b"x" * 5000,
        b"n,,n=a\x07,r=CLIENT",
        "n,,n=\u00ad,r=CLIENT".encode(),
    ],
)
def test_a_first_message_that_is_none(response: bytes) -> None:
    step = scram_server().receive(response)
    assert isinstance(step, Failed)
    assert step.cause is FailureCause.MALFORMED


@pytest.mark.parametrize(
    ("plus", "response"),
    [
        (True, b"n,,n=ada,r=CLIENT"),
        (True, b"y,,n=ada,r=CLIENT"),
        (False, b"p=tls-server-end-point,,n=ada,r=CLIENT"),
        (True, b"p=tls-unique,,n=ada,r=CLIENT"),
        (True, b"p=tls-exporter,,n=ada,r=CLIENT"),
    ],
)
def test_a_flag_that_does_not_fit_the_mechanism(plus: bool, response: bytes) -> None:
    step = scram_server(plus=plus).receive(response)
    assert isinstance(step, Failed)
    assert step.cause is FailureCause.CHANNEL


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"c=biws,r=CLIENTSERVER",
        b"c=biws,r=CLIENTSERVER,p=",
        b"c=biws,r=CLIENTSERVER,p=AAA",
        b"c=biwt=,r=CLIENTSERVER,p=AAAA",
        b"r=CLIENTSERVER,c=biws,p=AAAA",
        b"c=biws,r=CLIENT,p=AAAA",
        b"c=biws,r=CLIENTSERVERx,p=AAAA",
        b"\xff",
    ],
)
def test_a_final_message_that_is_none(response: bytes) -> None:
    step = waiting_for_the_proof().receive(response)
    assert isinstance(step, Failed)
    assert step.cause is FailureCause.MALFORMED


def test_a_proof_of_another_size() -> None:
    step = waiting_for_the_proof().receive(b"c=biws,r=CLIENTSERVER,p=AAAA")
    assert step == Failed("the proof is wrong", FailureCause.CREDENTIALS)


def test_a_header_that_was_another_at_first() -> None:
    # The client signs "y,,", the server was told "n,,".
    client, server = scram_client(), waiting_for_the_proof()
    client.initial_response()
    final = client.respond(b"r=CLIENTSERVER,s=c2l4dGVlbiBvY3RldHMuLg==,i=4096")
    assert server.receive(final.replace(b"c=biws", b"c=eSws")) == Failed(
        "the proof is wrong", FailureCause.CREDENTIALS
    )


def test_success_is_answered_with_nothing() -> None:
    client, server = scram_client(), waiting_for_the_proof()
    client.initial_response()
    final = client.respond(b"r=CLIENTSERVER,s=c2l4dGVlbiBvY3RldHMuLg==,i=4096")
    assert isinstance(server.receive(final), Challenge)
    step = server.receive(b"more")
    assert isinstance(step, Failed)
    # What came behind the end does not open it again.
    assert isinstance(server.receive(b""), Failed)


def test_a_response_while_the_record_is_looked_up() -> None:
    server = scram_server()
    server.receive(CLIENT_FIRST)
    step = server.receive(b"c=biws")
    assert isinstance(step, Failed)
    assert "no response was due" in step.reason
    with pytest.raises(LocalProtocolError, match="no record"):
        server.supply(RECORDS[ScramHash.SHA_256])


def test_a_record_that_nobody_asked_for() -> None:
    server = scram_server()
    with pytest.raises(LocalProtocolError, match="no record"):
        server.supply(None)
    server = waiting_for_the_proof()
    with pytest.raises(LocalProtocolError, match="no record"):
        server.supply(None)


def test_a_record_of_another_hash() -> None:
    server = scram_server(ScramHash.SHA_256)
    server.receive(CLIENT_FIRST)
    with pytest.raises(LocalProtocolError, match="sha1"):
        server.supply(RECORDS[ScramHash.SHA_1])


def test_plus_without_binding_data() -> None:
    with pytest.raises(LocalProtocolError, match="channel binding"):
        ScramServer(hash_=ScramHash.SHA_1, plus=True, decoy_secret=b"x")


def test_the_decoy_is_what_the_client_is_told() -> None:
    server = scram_server()
    server.receive(CLIENT_FIRST)
    step = server.supply(None)
    decoy = decoy_record("ada", DECOY_SECRET, hash_=ScramHash.SHA_256)
    assert isinstance(step, Challenge)
    assert step.data.endswith(b",i=4096")
    assert decoy.iterations == 4096
