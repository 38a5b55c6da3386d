"""Whatever the peer says: a response or a step, or an error of ours, and never anything else."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from postseal.errors import AuthError
from postseal.smtp.commands import Command
from postseal.smtp.reply import Reply
from postseal.smtp.sasl import (
    BearerToken,
    ClientCertificate,
    Credentials,
    Negotiation,
    RecordNeeded,
    SASLError,
    ScramServer,
    ServerOffer,
    ServerSASL,
    Succeeded,
    choose_mechanisms,
)
from tests.unit.smtp.sasl.exchanges import ADA, BINDING, CHANNEL, DECOY_SECRET, RECORDS

NAMES = frozenset(
    {
        *ServerOffer(frozenset(ServerSASL), decoy_secret=DECOY_SECRET).names(CHANNEL),
        "CRAM-MD5",
    }
)
CREDENTIALS: st.SearchStrategy[Credentials] = st.sampled_from(
    [ADA, BearerToken("ada", "t0ken"), ClientCertificate("ada")]
)
# Octets from nowhere, and messages that are nearly right.
SCRAM_WORDS = st.lists(
    st.sampled_from(
        (
            *(b"r=CLIENT", b"SERVER", b",", b"s=c2FsdA==", b"i=4096", b"i=1", b"v=AAAA", b"e="),
            *(b"n,,", b"y,,", b"p=tls-server-end-point,,", b"n=ada", b"c=biws", b"p=AAAA", b"a=b"),
        )
    ),
    max_size=8,
).map(b"".join)
OCTETS = st.binary(max_size=80) | SCRAM_WORDS | st.just(b"r=CLIENTSERVER,s=c2FsdA==,i=4096")


@given(CREDENTIALS, st.lists(OCTETS, max_size=4))
def test_a_client_answers_or_refuses(credentials: Credentials, challenges: list[bytes]) -> None:
    mechanisms = choose_mechanisms(
        credentials,
        NAMES,
        channel_binding=BINDING,
        nonce=lambda: "CLIENT",
    )
    for mechanism in mechanisms:
        mechanism.initial_response()
        for challenge in challenges:
            with suppress(SASLError):
                assert isinstance(mechanism.respond(challenge), bytes)


@given(st.sampled_from([True, False]), st.lists(st.none() | OCTETS, max_size=5))
def test_a_server_takes_steps(exists: bool, responses: list[bytes | None]) -> None:
    offer = ServerOffer(frozenset(ServerSASL), decoy_secret=DECOY_SECRET, nonce=lambda: "SERVER")
    for name in offer.names(CHANNEL):
        server = offer.begin(name, CHANNEL)
        assert server is not None
        for response in responses:
            step = server.receive(response)
            if isinstance(step, RecordNeeded):
                assert isinstance(server, ScramServer)
                step = server.supply(RECORDS[step.hash] if exists else None)
            # Nobody gets in by guessing.
            assert not isinstance(step, Succeeded)


REPLIES = st.builds(
    Reply,
    st.sampled_from([235, 334, 334, 334, 421, 432, 454, 500, 501, 504, 530, 534, 535]),
    st.tuples(st.sampled_from(["", "AAAA", "r=", "eyJ9", "x"])),
    st.sampled_from([None, "5.7.8", "5.5.6"]),
)


@settings(max_examples=200)
@given(CREDENTIALS, st.lists(REPLIES, max_size=12))
def test_a_negotiation_ends(credentials: Credentials, replies: list[Reply]) -> None:
    negotiation = Negotiation(choose_mechanisms(credentials, NAMES, channel_binding=BINDING))
    command: Command | None = negotiation.begin()
    with suppress(AuthError):
        for reply in replies:
            assert command is not None
            # Whatever is said next is one line.
            assert command.encode().count(b"\r\n") == 1
            command = negotiation.answer(reply)
            if command is None:
                assert reply.code == 235
                # The server of this test knows no keys.
                assert "SCRAM" not in negotiation.mechanism.name
                return
