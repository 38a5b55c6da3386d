from __future__ import annotations

import pytest

from postseal.errors import Phase
from postseal.serve.storage import Attempt, DeliveryState, Reception
from postseal.serve.web.hops import SealKind, attempt_seal, reception_seal

SENT, DEFERRED, FAILED = DeliveryState.SENT, DeliveryState.DEFERRED, DeliveryState.FAILED


def attempt(
    outcome: DeliveryState,
    phase: str = "",
    version: str | None = None,
    proof: str = "",
    peer: str = "192.0.2.1",
) -> Attempt:
    return Attempt(
        started_at=0,
        finished_at=1,
        outcome=outcome,
        peer_address=peer,
        phase=phase,
        tls_version=version,
        authenticated_by=proof,
    )


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (attempt(SENT, version="TLSv1.3", proof="DANE"), SealKind.AUTHENTICATED),
        (attempt(SENT, version="TLSv1.2"), SealKind.ENCRYPTED),
        (attempt(SENT), SealKind.CLEAR),
        # Delivered is delivered, whatever else is claimed.
        (attempt(SENT, Phase.EHLO), SealKind.CLEAR),
        (attempt(SENT, peer=""), SealKind.CLEAR),
        (attempt(DEFERRED, Phase.RESOLVE, peer=""), SealKind.NOT_REACHED),
        (attempt(DEFERRED, Phase.CONNECT), SealKind.NOT_REACHED),
        (attempt(DEFERRED, Phase.STARTTLS), SealKind.NOT_REACHED),
        (attempt(DEFERRED, Phase.HANDSHAKE), SealKind.NOT_REACHED),
        (attempt(FAILED, "", peer=""), SealKind.NOT_REACHED),
        # From here on a sender, a recipient or a credential has crossed in clear.
        (attempt(DEFERRED, Phase.AUTH), SealKind.CLEAR),
        (attempt(DEFERRED, Phase.MAIL), SealKind.CLEAR),
        (attempt(FAILED, Phase.RCPT), SealKind.CLEAR),
        (attempt(FAILED, Phase.BODY), SealKind.CLEAR),
        (attempt(FAILED, Phase.RCPT, version="TLSv1.3"), SealKind.ENCRYPTED),
        # Nobody knows at which step: unknown is never "nothing was sent".
        (attempt(FAILED, ""), SealKind.CLEAR),
    ],
)
def test_an_attempt(one: Attempt, kind: SealKind) -> None:
    seal = attempt_seal(one)
    assert seal.kind is kind
    assert (seal.label == "No TLS") is (kind is SealKind.CLEAR)
    if one.authenticated_by:
        assert one.authenticated_by in seal.meaning


@pytest.mark.parametrize(
    ("version", "account", "kind"),
    [
        ("TLSv1.3", "app", SealKind.AUTHENTICATED),
        ("TLSv1.3", None, SealKind.ENCRYPTED),
        (None, None, SealKind.CLEAR),
        (None, "app", SealKind.CLEAR),
    ],
)
def test_a_reception(version: str | None, account: str | None, kind: SealKind) -> None:
    reception = Reception(
        listener="mx",
        client_address="192.0.2.1",
        client_name="client.example",
        protocol="ESMTP",
        tls_version=version,
        authenticated_as=account,
    )
    assert reception_seal(reception).kind is kind


def test_what_the_platform_wrote_itself_came_over_no_hop() -> None:
    own = Reception(
        listener="tls-reports", client_address="", client_name="mail.example.com", protocol=""
    )
    assert reception_seal(own).kind is SealKind.LOCAL
