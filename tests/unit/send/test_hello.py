"""How a client names itself, and what it takes for an answer."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from postseal import Secret
from postseal.errors import (
    ConnectError,
    Disconnected,
    MailError,
    PermanentlyRejected,
    Phase,
    StartTLSStripped,
)
from postseal.send import Conversion, Endpoint
from postseal.send.session.connection import ConnectionOptions
from postseal.smtp.xclient import ClientAttributes, Unavailable
from postseal.testing import MemoryNetwork
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import (
    BODY,
    IN_CLEAR,
    PLAIN,
    hand_over,
    open_connection,
    refused,
)

OPPORTUNISTIC = Endpoint.parse("smtp+opportunistic://mail.example.org")
REQUIRED = Endpoint.parse("smtp://mail.example.org")
UNKNOWN = "S: 220 mail.example.org\nC: EHLO [192.0.2.1]\nS: 502 5.5.1 what?\n"


@in_each_world
@pytest.mark.parametrize("endpoint", [IN_CLEAR, OPPORTUNISTIC], ids=["none", "opportunistic"])
@pytest.mark.parametrize("code", [500, 502])
def test_an_old_server_is_greeted_with_HELO(world: World, endpoint: Endpoint, code: int) -> None:
    # RFC 5321 3.2. Its lines are no offer, whatever they say.
    script = UNKNOWN.replace("502", str(code)) + (
        """
        C: HELO [192.0.2.1]
        S: 250-mail.example.org
        S: 250-PIPELINING
        S: 250 STARTTLS
        C: MAIL FROM:<ada@example.com>
        S: 250 ok
        C: RCPT TO:<bob@example.org>
        S: 250 ok
        C: RCPT TO:<eve@example.org>
        S: 250 ok
        C: DATA
        S: 354 go
        """
        + BODY
        + "S: 250 ok"
    )
    assert hand_over(world, script, endpoint=endpoint, size=28).accepted


@in_each_world
def test_what_needs_an_extension_is_not_sent_to_an_old_server(world: World) -> None:
    greeted = UNKNOWN + "C: HELO [192.0.2.1]\nS: 250 mail.example.org"
    needs: tuple[dict[str, Any], ...] = (
        {"is_8bit": True, "conversion": Conversion.FORBIDDEN},
        {"is_internationalized": True},
        {"is_binary": True, "conversion": Conversion.FORBIDDEN},
    )
    for need in needs:
        with pytest.raises(PermanentlyRejected):
            hand_over(world, greeted, **need)


@in_each_world
def test_where_TLS_is_required_a_missing_EHLO_is_a_stripped_STARTTLS(world: World) -> None:
    for code in (500, 502, 550):
        error = refused(world, UNKNOWN.replace("502", str(code)), REQUIRED)
        assert isinstance(error, StartTLSStripped)
        assert error.code == code


@in_each_world
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        # Not now, or not you: HELO would not change that.
        ("S: 421 4.3.2 closing", Disconnected),
        ("S: 451 4.3.0 later", ConnectError),
        ("S: 501 5.5.4 your name", ConnectError),
        ("S: 550 5.7.1 not you", ConnectError),
        ("S: <end>", Disconnected),
        ("S: <reset>", Disconnected),
    ],
)
def test_HELO_is_not_said_for_any_other_reason(
    world: World, reply: str, kind: type[MailError]
) -> None:
    script = f"S: 220 mail.example.org\nC: EHLO [192.0.2.1]\n{reply}"
    assert isinstance(refused(world, script, OPPORTUNISTIC), kind)


@in_each_world
@pytest.mark.parametrize(
    "options",
    [
        {"password": Secret("hunter2")},
        {"token": lambda: "t0ken"},
        {"mechanisms": frozenset({"EXTERNAL"})},
        {"xclient": ClientAttributes(name="x.example")},
    ],
    ids=["password", "token", "certificate", "xclient"],
)
def test_HELO_is_not_said_where_an_extension_is_needed(
    world: World, options: dict[str, Any]
) -> None:
    network = MemoryNetwork(UNKNOWN, peer_address="127.0.0.1")
    endpoint = Endpoint.parse("smtp+insecure://ada@mail.example.org")
    error = refused(world, "", endpoint, network=network, options=ConnectionOptions(**options))
    assert isinstance(error, ConnectError)


@in_each_world
def test_who_knows_neither_is_no_server(world: World) -> None:
    error = refused(world, UNKNOWN + "C: HELO [192.0.2.1]\nS: 550 5.7.1 nor you", IN_CLEAR)
    assert (error.code, error.phase) == (550, Phase.EHLO)


# -- XCLIENT --------------------------------------------------------------------------------------

TRUSTED = """
    S: 220 mail.example.org ESMTP
    C: EHLO [192.0.2.1]
    S: 250-mail.example.org
    S: 250-STARTTLS
    S: 250 XCLIENT NAME ADDR PORT HELO
    """
CLIENT = ClientAttributes(
    name=Unavailable.TEMPORARILY, address=ip_address("2001:db8::7"), greeting_name="a b.example"
)
SAID = "C: XCLIENT NAME=[TEMPUNAVAIL] ADDR=IPV6:2001:db8::7 HELO=a+20b.example\n"


@in_each_world
def test_a_proxy_says_for_whom_it_speaks(world: World) -> None:
    # The session begins anew: what was offered before is forgotten.
    connection = open_connection(
        world,
        MemoryNetwork(
            TRUSTED
            + SAID
            + """
            S: 220 mail.example.org ESMTP
            C: EHLO [192.0.2.1]
            S: 250-mail.example.org
            S: 250 SIZE 1000
            """
        ),
        options=ConnectionOptions(xclient=CLIENT),
    )
    assert tuple(connection.extensions.parameters) == ("SIZE",)


@in_each_world
@pytest.mark.parametrize(
    ("script", "says"),
    [
        (PLAIN, "does not take XCLIENT"),
        (TRUSTED.replace(" ADDR", ""), "does not know ADDR"),
        (TRUSTED + SAID + "S: 550 5.7.1 not you", "does not take what XCLIENT says"),
        (TRUSTED + SAID + "S: 250 ok", "not with 220"),
    ],
)
def test_a_proxy_that_is_not_heard_goes_no_further(world: World, script: str, says: str) -> None:
    error = refused(world, script, options=ConnectionOptions(xclient=CLIENT))
    assert says in error.text
