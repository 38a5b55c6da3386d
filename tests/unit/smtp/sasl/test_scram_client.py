from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from postseal.errors import AuthError, InvalidInput, Phase
from postseal.smtp.sasl import (
    ChallengeInvalid,
    ChannelBindingRefused,
    CredentialsUnusable,
    IterationCountRefused,
    Password,
    SASLError,
    ScramHash,
    ServerNonceInvalid,
    ServerNotProven,
    ServerRefused,
    ServerSignatureInvalid,
)
from postseal.smtp.sasl.scram_client import ScramClient
from postseal.smtp.sasl.scram_messages import BindingFlag
from tests.unit.smtp.sasl.exchanges import ADA, scram_client

SERVER_FIRST = b"r=CLIENTSERVER,s=c2FsdA==,i=4096"


def begun() -> ScramClient:
    client = scram_client()
    client.initial_response()
    return client


def proved() -> ScramClient:
    client = begun()
    client.respond(SERVER_FIRST)
    return client


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"hello",
        b"\xff\xfe",
        b"r=CLIENTSERVER,s=c2FsdA==",
        b"s=c2FsdA==,r=CLIENTSERVER,i=4096",
        b"r=CLIENTSERVER,s=,i=4096",
        b"r=CLIENTSERVER,s=c2FsdA,i=4096",  # no padding
        b"r=CLIENTSERVER,s=c2FsdB==,i=4096",  # bits behind the end
        b"r=CLIENTSERVER,s=c2FsdA==,i=0",
        b"r=CLIENTSERVER,s=c2FsdA==,i=-4096",
        b"r=CLIENTSERVER,s=c2FsdA==,i=04096",
        b"r=CLIENTSERVER,s=c2FsdA==,i=4096x",
        "r=CLIENTSERVER,s=c2FsdA==,i=\u0664096".encode(),  # a digit, but no ASCII one
        b"r=CLIENTSERVER,s=c2FsdA==,i=4096,x=\x00",
        b"r=CLIENTSERVER,s=c2FsdA==,i=4096,x",
        b"r=CLIENTSERVER,s=c2FsdA==,i=4096\n",
        # RFC 5802 5.1: an extension that must be understood.
        b"m=new,r=CLIENTSERVER,s=c2FsdA==,i=4096",
        b"r=CLIENT SERVER,s=c2FsdA==,i=4096",
        b"r=CLIENTSERVER" + b"x" * 5000 + b",s=c2FsdA==,i=4096",
        b"e=",
    ],
)
def test_a_first_message_that_is_none(challenge: bytes) -> None:
    with pytest.raises(ChallengeInvalid) as caught:
        begun().respond(challenge)
    assert type(caught.value) is ChallengeInvalid
    assert caught.value.phase is Phase.AUTH


@pytest.mark.parametrize("extension", [b",x=1", b",x=a=b,Y=c"])
def test_extensions_that_may_be_passed_over(extension: bytes) -> None:
    assert begun().respond(SERVER_FIRST + extension).startswith(b"c=biws,r=CLIENTSERVER,p=")


@pytest.mark.parametrize("nonce", [b"CLIENT", b"SERVER", b"CLIEN", b"clientSERVER", b"xCLIENTx"])
def test_a_nonce_that_does_not_continue_ours(nonce: bytes) -> None:
    with pytest.raises(ServerNonceInvalid):
        begun().respond(b"r=" + nonce + b",s=c2FsdA==,i=4096")


@pytest.mark.parametrize("count", [b"1", b"4095"])
def test_too_few_iterations(count: bytes) -> None:
    with pytest.raises(IterationCountRefused, match="fewer than 4096"):
        begun().respond(b"r=CLIENTSERVER,s=c2FsdA==,i=" + count)


@pytest.mark.parametrize("count", [b"2000001", b"9999999999", b"9" * 2000])
def test_more_iterations_than_anybody_needs(count: bytes) -> None:
    with pytest.raises(IterationCountRefused, match="more than 2000000"):
        begun().respond(b"r=CLIENTSERVER,s=c2FsdA==,i=" + count)


@pytest.mark.parametrize("begin", [begun, proved])
@pytest.mark.parametrize(
    "word", ["channel-bindings-dont-match", "server-does-support-channel-binding"]
)
def test_a_server_that_sees_another_channel(begin: Callable[[], ScramClient], word: str) -> None:
    with pytest.raises(ChannelBindingRefused, match=word) as caught:
        begin().respond(f"e={word}".encode())
    assert caught.value.hint


@pytest.mark.parametrize("begin", [begun, proved])
@pytest.mark.parametrize("word", ["invalid-proof", "unknown-user", "what-nobody-knows"])
def test_a_server_that_refuses(begin: Callable[[], ScramClient], word: str) -> None:
    with pytest.raises(ServerRefused, match=word):
        begin().respond(f"e={word}".encode())


def test_a_long_word_is_cut() -> None:
    with pytest.raises(ServerRefused) as caught:
        proved().respond(b"e=" + b"x" * 3000)
    assert len(caught.value.text) < 200


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"v=",
        b"v=AAAA",
        b"v=" + b"A" * 43 + b"=",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        b"\xff",
        SERVER_FIRST,
    ],
)
def test_a_server_that_does_not_prove_itself(challenge: bytes) -> None:
    client = proved()
    with pytest.raises(ServerSignatureInvalid, match="signature"):
        client.respond(challenge)
    with pytest.raises(ServerSignatureInvalid, match="without a proof"):
        client.finish()


@pytest.mark.parametrize("begin", [scram_client, begun, proved])
def test_success_without_the_servers_proof(begin: Callable[[], ScramClient]) -> None:
    with pytest.raises(ServerSignatureInvalid, match="without a proof"):
        begin().finish()


def test_a_challenge_before_the_beginning() -> None:
    with pytest.raises(ChallengeInvalid, match="asks for more"):
        scram_client().respond(SERVER_FIRST)


def test_a_challenge_behind_the_end() -> None:
    client = ScramClient(
        Password("user", "pencil"),
        hash_=ScramHash.SHA_1,
        nonce=lambda: "fyko+d2lbbFgONRv9qkxdawL",  # RFC 5802 5
    )
    client.initial_response()
    client.respond(b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096")
    client.respond(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")
    with pytest.raises(ChallengeInvalid, match="asks for more"):
        client.respond(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")


@pytest.mark.parametrize(
    ("credentials", "says"),
    [
        (Password("ada\x07", "x"), "the user cannot be used with SCRAM: it holds a control"),
        (Password("\u00ad", "x"), "nothing that SASLprep leaves"),
        (Password("ada", "x\x07"), "the password cannot be used with SCRAM: it holds a control"),
        (Password("ada", "\U0001f600"), "Unicode 3.2"),
        (Password("ada", "\u00ad"), "nothing that SASLprep leaves"),
    ],
)
def test_credentials_that_cannot_be_prepared(credentials: Password, says: str) -> None:
    # It is known before anything is sent.
    with pytest.raises(CredentialsUnusable, match=says):
        scram_client(credentials=credentials).initial_response()


def test_the_header_tells_what_the_client_could() -> None:
    for flag, header in ((BindingFlag.UNSUPPORTED, b"n,,"), (BindingFlag.NOT_OFFERED, b"y,,")):
        first = scram_client(flag=flag).initial_response()
        assert first == header + b"n=ada,r=CLIENT"
    plus = scram_client(plus=True).initial_response()
    assert plus == b"p=tls-server-end-point,,n=ada,r=CLIENT"


@pytest.mark.parametrize(
    ("flag", "binding"),
    [(BindingFlag.USED, b""), (BindingFlag.UNSUPPORTED, b"x"), (BindingFlag.NOT_OFFERED, b"x")],
)
def test_binding_data_and_plus_belong_together(flag: BindingFlag, binding: bytes) -> None:
    with pytest.raises(InvalidInput):
        ScramClient(ADA, hash_=ScramHash.SHA_1, flag=flag, channel_binding=binding)


def test_two_exchanges_have_two_nonces() -> None:
    firsts = {ScramClient(ADA, hash_=ScramHash.SHA_256).initial_response() for _ in range(20)}
    assert len(firsts) == 20


def test_the_errors_are_errors_of_authentication() -> None:
    unproven = (ServerNonceInvalid, ServerSignatureInvalid, ChannelBindingRefused)
    assert all(issubclass(kind, ServerNotProven) for kind in unproven)
    ended = (ServerNotProven, ServerRefused, ChallengeInvalid, CredentialsUnusable)
    assert all(issubclass(kind, SASLError) for kind in ended)
    assert issubclass(SASLError, AuthError)


def test_the_errors_travel_between_processes() -> None:
    error = pickle.loads(pickle.dumps(ServerSignatureInvalid("no", hint="leave", host="mx")))
    assert type(error) is ServerSignatureInvalid
    assert str(error) == "mx at auth: no. leave"
    assert not error.is_temporary
