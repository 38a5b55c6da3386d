"""The ways to carry out a decision, and what makes a sender go on to the next."""

from __future__ import annotations

import pytest

from postseal.errors import (
    CertificateRejected,
    ConnectError,
    Disconnected,
    HandshakeFailed,
    MailError,
    Phase,
    StartTLSInjection,
    StartTLSStripped,
    TimedOut,
)
from postseal.send import Endpoint
from postseal.send.mx.dane import DaneFinding
from postseal.send.mx.ways import Way, connect, is_shortfall, ways_to_connect
from postseal.send.networks.blocking import run
from postseal.send.session.connection import ConnectionOptions
from postseal.testing import MemoryNetwork
from postseal.tls import Opening, PeerProof, PolicySource, TLSLevel
from postseal.tls.dane import DanePeer, DNSState, TLSAState
from postseal.tls.ladder import Deliver, Statement, decide
from postseal.tls.mta_sts import MTAStsMode, MTAStsPolicy
from postseal.tls.remembered import RememberingRule, Sighting
from postseal.tls.statements import (
    configuration_statement,
    dane_statement,
    dangerous_lowering_statement,
    mta_sts_statement,
)
from postseal.tls.tlsa import TLSA
from tests.unit.send.dialogues import greeting

DOMAIN, HOST = "example.org", "mx.example.org"
WAY = Way(Endpoint(HOST, 25, Opening.STARTTLS, TLSLevel.NONE), ConnectionOptions())
NO_DANE = DaneFinding(DNSState.INSECURE, TLSAState.ABSENT, HOST)
PEER = DanePeer((TLSA(3, 1, 1, bytes(32)),), HOST)
DANE = DaneFinding(DNSState.SECURE, TLSAState.USABLE, HOST, PEER)
TESTING = mta_sts_statement(MTAStsPolicy(MTAStsMode.TESTING, (HOST,), 60), domain=DOMAIN, host=HOST)
NOT_NAMED = mta_sts_statement(
    MTAStsPolicy(MTAStsMode.TESTING, ("other.example",), 60), domain=DOMAIN, host=HOST
)
SEEN_SEALED = RememberingRule().statement(DOMAIN, Sighting(TLSLevel.ENCRYPTED, 0.0), now=1.0)
SEEN_PROVEN = RememberingRule().statement(DOMAIN, Sighting(TLSLevel.AUTHENTICATED, 0.0), now=1.0)
NONE, OPPORTUNISTIC = TLSLevel.NONE, TLSLevel.OPPORTUNISTIC
ENCRYPTED, AUTHENTICATED = TLSLevel.ENCRYPTED, TLSLevel.AUTHENTICATED


def ways(*said: Statement | None, dane: DaneFinding = NO_DANE) -> tuple[Way, ...]:
    made = decide(one for one in said if one is not None)
    assert isinstance(made, Deliver)
    return ways_to_connect(made, WAY, dane)


@pytest.mark.parametrize(
    ("said", "levels"),
    [
        ([], [OPPORTUNISTIC, NONE]),
        ([configuration_statement(ENCRYPTED, setting="x")], [ENCRYPTED]),
        ([configuration_statement(AUTHENTICATED, setting="x")], [AUTHENTICATED]),
        ([dangerous_lowering_statement(NONE, setting="x")], [NONE]),
        ([TESTING], [AUTHENTICATED, OPPORTUNISTIC, NONE]),
        ([NOT_NAMED], [OPPORTUNISTIC, NONE]),
        ([TESTING, configuration_statement(ENCRYPTED, setting="x")], [AUTHENTICATED, ENCRYPTED]),
        ([TESTING, configuration_statement(AUTHENTICATED, setting="x")], [AUTHENTICATED]),
        ([SEEN_SEALED], [OPPORTUNISTIC, NONE]),
        ([SEEN_PROVEN], [AUTHENTICATED, OPPORTUNISTIC, NONE]),
        ([SEEN_PROVEN, TESTING], [AUTHENTICATED, OPPORTUNISTIC, NONE]),
    ],
)
def test_what_is_tried_in_which_order(said: list[Statement | None], levels: list[TLSLevel]) -> None:
    assert [way.endpoint.level for way in ways(*said)] == levels


def test_a_wish_is_tried_by_the_proofs_that_meet_it() -> None:
    wish, *_ = ways(TESTING, SEEN_PROVEN)
    assert wish.options.proofs == {PeerProof.PKIX}
    assert wish.options.policy_source is PolicySource.MTA_STS


def test_dane_goes_with_the_policy_that_it_makes() -> None:
    said = dane_statement(DANE.dns, DANE.tlsa, base_domain=HOST)
    (way,) = ways(said, TESTING, dane=DANE)
    assert (way.endpoint.level, way.options.dane) == (AUTHENTICATED, PEER)


def test_ways_are_told_apart() -> None:
    assert len(set(ways(TESTING))) == 3


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [
        (HandshakeFailed("x"), True),
        (CertificateRejected("x"), True),
        (StartTLSStripped("x"), True),
        (Disconnected("x", phase=Phase.HANDSHAKE), True),
        (TimedOut("x", phase=Phase.HANDSHAKE), True),
        # Whoever injects has been caught; a second connection would be theirs as well.
        (StartTLSInjection("x", phase=Phase.HANDSHAKE), False),
        (Disconnected("x", phase=Phase.GREETING), False),
        (TimedOut("x", phase=Phase.CONNECT), False),
        (ConnectError("x"), False),
    ],
)
def test_only_where_tls_failed_another_way_is_tried(error: MailError, goes_on: bool) -> None:
    assert is_shortfall(error) is goes_on


def test_a_server_that_has_no_tls_is_used_in_clear_where_that_is_enough() -> None:
    # The wish and the policy need a connection each: the server is asked anew.
    network = MemoryNetwork(greeting(), greeting())
    connection, shortfalls = run(connect(network, ways(TESTING), deadline=10))
    assert connection.tls.level is TLSLevel.NONE
    (shortfall,) = shortfalls
    assert isinstance(shortfall, StartTLSStripped)
    assert len(network.connected) == 2


def test_tls_that_is_required_is_not_done_without() -> None:
    network = MemoryNetwork(greeting(), greeting(), greeting())
    required = configuration_statement(ENCRYPTED, setting="x")
    with pytest.raises(StartTLSStripped):
        run(connect(network, ways(TESTING, required), deadline=10))
    assert len(network.connected) == 2


def test_a_server_that_cannot_be_reached_is_tried_once() -> None:
    network = MemoryNetwork()
    with pytest.raises(ConnectError):
        run(connect(network, ways(TESTING), deadline=10))
    assert len(network.connected) == 1
