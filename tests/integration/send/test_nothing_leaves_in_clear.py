"""Promises 1 to 3 against a server that lies: it gets no password, no address and no message.

All that the server got is searched, what it could decipher included: a thief with a certificate
of its own is a peer as well.
"""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from postseal import Secret, TLSLevel
from postseal.errors import (
    AuthError,
    CertificateReason,
    CertificateRejected,
    HandshakeFailed,
    LocalProtocolError,
    MailError,
    Phase,
    PolicyNotMet,
    RemoteProtocolError,
    StartTLSInjection,
    StartTLSStripped,
    TLSError,
    TLSResultType,
)
from postseal.send import Endpoint
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.tls import Trust, client_context
from tests.integration.send.scripts import (
    CANARIES,
    CONTENT,
    ENVELOPE,
    PASSWORD,
    greet,
    hello,
    starttls,
    take_auth,
    take_message,
    take_quit,
)
from tests.parts.canaries import find_canaries
from tests.parts.flawed_certificates import HOST, Certificates, Flaw
from tests.parts.hostile_server import HostileServer, Script, Talk
from tests.parts.worlds import World, in_each_world

AUTH = "AUTH PLAIN LOGIN"


def send(world: World, server: HostileServer, ca: Certificates, scheme: str, **options: Any) -> Any:
    options = {"password": PASSWORD, "ca_file": ca.ca_file, **options}
    url = f"{scheme}://ada@{HOST}:{server.port}"
    return world.mail(url, lambda mailer: mailer.send_raw(ENVELOPE, CONTENT), **options)


def refused(world: World, script: Script, ca: Certificates, scheme: str = "smtp") -> MailError:
    """Send to a server that must get nothing; return why."""
    with HostileServer(script) as server, pytest.raises(MailError) as caught:
        send(world, server, ca, scheme)
    assert find_canaries(server.received, CANARIES) == set()
    # Promise 2: what failed sealed is not tried again in clear.
    assert len(server.talks) == 1
    assert caught.value.host == HOST
    assert caught.value.is_temporary
    return caught.value


@in_each_world
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_an_honest_server_gets_all_of_it_sealed(
    world: World, scheme: str, certificates: Certificates
) -> None:
    # The control: the same search finds the canaries where they may be.
    def script(talk: Talk) -> None:
        if scheme == "smtp":
            starttls(talk, certificates.context(), AUTH)
        else:
            talk.seal(certificates.context())
            greet(talk, AUTH)
        take_auth(talk)
        assert take_message(talk) == b"".join(CONTENT)
        take_quit(talk)

    with HostileServer(script) as server:
        delivery = send(world, server, certificates, scheme)
    assert delivery.tls.level is TLSLevel.AUTHENTICATED
    assert delivery.peer_address in {"127.0.0.1", "::1"}
    (talk,) = server.talks
    assert find_canaries(bytes(talk.on_the_wire), CANARIES) == set()
    everything = {canary.name for canary in CANARIES}
    assert find_canaries(bytes(talk.received), CANARIES) == everything
    # What was known before TLS is not used behind it: AUTH came once, under TLS.
    assert bytes(talk.on_the_wire).count(b"AUTH") == 0


# -- STARTTLS is taken away, refused, or answered with something else ------------------------------


def without_offer(talk: Talk) -> None:
    greet(talk, AUTH)
    talk.take_all()


def crossed_out(talk: Talk) -> None:
    # What some firewalls do.
    greet(talk, AUTH, "XXXXXXXA")
    talk.take_all()


def answers_starttls(*lines: str) -> Script:
    def script(talk: Talk) -> None:
        greet(talk, AUTH, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say(*lines)
        # What a client that goes on in clear would say now is what this server is after.
        talk.take_all()

    return script


def hangs_up_on_starttls(talk: Talk) -> None:
    greet(talk, AUTH, "STARTTLS")
    talk.hear("STARTTLS")
    talk.end()


@in_each_world
@pytest.mark.parametrize(
    ("script", "kind", "code"),
    [
        (without_offer, StartTLSStripped, None),
        (crossed_out, StartTLSStripped, None),
        (answers_starttls("454 4.7.0 TLS not available"), StartTLSStripped, 454),
        (answers_starttls("502 5.5.1 not implemented"), StartTLSStripped, 502),
        (answers_starttls("250 2.0.0 sure"), RemoteProtocolError, None),
        (answers_starttls("235 2.7.0 welcome, you are in"), RemoteProtocolError, None),
        (answers_starttls("334 "), RemoteProtocolError, None),
    ],
    ids=["no offer", "crossed out", "454", "502", "250", "235", "334"],
)
def test_starttls_that_is_taken_away(
    world: World,
    script: Script,
    kind: type[MailError],
    code: int | None,
    certificates: Certificates,
) -> None:
    error = refused(world, script, certificates)
    assert type(error) is kind
    assert (error.phase, error.code) == (Phase.STARTTLS, code)
    if isinstance(error, TLSError):
        assert error.result_type is TLSResultType.STARTTLS_NOT_SUPPORTED


@in_each_world
def test_a_server_that_hangs_up_on_starttls(world: World, certificates: Certificates) -> None:
    assert refused(world, hangs_up_on_starttls, certificates).phase is Phase.STARTTLS


# -- promise 3 -------------------------------------------------------------------------------------


def says_behind_220(talk: Talk) -> None:
    answers_starttls("220 go ahead", "250-hostile.test", f"250 {AUTH}")(talk)


def says_before_the_hello(talk: Talk) -> None:
    greet(talk, AUTH, "STARTTLS")
    talk.hear("STARTTLS")
    talk.say("220 go ahead")
    talk.say("250-hostile.test", f"250 {AUTH}")
    talk.take_all()


def says_instead_of_the_hello(talk: Talk) -> None:
    greet(talk, AUTH, "STARTTLS")
    talk.hear("STARTTLS")
    talk.say("220 go ahead")
    talk.take()
    talk.say("250-hostile.test", f"250 {AUTH}")
    talk.take_all()


@in_each_world
@pytest.mark.parametrize(
    "script", [says_behind_220, says_before_the_hello, says_instead_of_the_hello]
)
def test_nothing_crosses_starttls(world: World, script: Script, certificates: Certificates) -> None:
    error = refused(world, script, certificates)
    assert type(error) is StartTLSInjection
    assert error.hint is not None
    assert "Nothing was sent" in error.hint


@in_each_world
def test_what_was_offered_in_clear_is_forgotten(world: World, certificates: Certificates) -> None:
    # AUTH, SIZE and PIPELINING of the first EHLO may be anybody's; the second has none of them.
    def script(talk: Talk) -> None:
        greet(talk, AUTH, "STARTTLS", "SIZE 1", "PIPELINING")
        talk.hear("STARTTLS")
        talk.say("220 go ahead")
        talk.seal(certificates.context())
        hello(talk)
        talk.take_all()

    with HostileServer(script) as server, pytest.raises(AuthError, match="It offers: none"):
        send(world, server, certificates, "smtp")
    assert find_canaries(server.received, CANARIES) == set()


# -- the wrong peer, and TLS that is none ----------------------------------------------------------

REASONS = {
    Flaw.OTHER_NAME: CertificateReason.WRONG_NAME,
    Flaw.NAME_IN_SUBJECT_ALONE: CertificateReason.WRONG_NAME,
    Flaw.EXPIRED: CertificateReason.EXPIRED,
    Flaw.NOT_YET_VALID: CertificateReason.NOT_YET_VALID,
    Flaw.SELF_SIGNED: CertificateReason.SELF_SIGNED,
    Flaw.UNKNOWN_AUTHORITY: CertificateReason.UNKNOWN_ISSUER,
    Flaw.WRONG_PURPOSE: CertificateReason.WRONG_PURPOSE,
    Flaw.WEAK_KEY: CertificateReason.WEAK_KEY,
}


def seals_with(context: ssl.SSLContext, scheme: str) -> Script:
    def script(talk: Talk) -> None:
        if scheme == "smtps":
            talk.seal(context)
            greet(talk, AUTH)
        else:
            starttls(talk, context, AUTH)
        talk.take_all()

    return script


@in_each_world
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("flaw", REASONS, ids=lambda flaw: flaw.value)
def test_a_peer_that_proves_nothing_gets_nothing(
    world: World, flaw: Flaw, scheme: str, certificates: Certificates
) -> None:
    script = seals_with(certificates.context(flaw), scheme)
    error = refused(world, script, certificates, scheme)
    assert isinstance(error, CertificateRejected)
    assert (error.reason, error.phase) == (REASONS[flaw], Phase.HANDSHAKE)


@in_each_world
def test_the_system_does_not_vouch_for_a_stranger(world: World, certificates: Certificates) -> None:
    script = seals_with(certificates.context(), "smtp")
    with HostileServer(script) as server, pytest.raises(CertificateRejected) as caught:
        send(world, server, certificates, "smtp", ca_file=None)
    assert caught.value.reason is CertificateReason.UNKNOWN_ISSUER
    assert find_canaries(server.received, CANARIES) == set()


@in_each_world
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_the_policy_is_compared_with_what_was_had(
    world: World, scheme: str, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A mistake in the settings of TLS that lets anybody through is not the last line.
    monkeypatch.setattr(
        "postseal.tls.channel.client_context",
        lambda trust, _, profile: client_context(trust, TLSLevel.ENCRYPTED, profile),
    )
    script = seals_with(certificates.context(Flaw.SELF_SIGNED), scheme)
    error = refused(world, script, certificates, scheme)
    assert type(error) is PolicyNotMet
    assert "asks for authenticated (caller), the connection is encrypted" in error.text


@in_each_world
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=lambda version: version.name
)
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_old_TLS_gets_nothing(
    world: World, version: ssl.TLSVersion, scheme: str, certificates: Certificates
) -> None:
    context = certificates.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    error = refused(world, seals_with(context, scheme), certificates, scheme)
    assert type(error) is HandshakeFailed


@in_each_world
def test_a_server_that_cuts_the_handshake(world: World, certificates: Certificates) -> None:
    def ends(talk: Talk) -> None:
        greet(talk, AUTH, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go ahead")
        talk.take()
        talk.end()

    assert type(refused(world, ends, certificates)) is HandshakeFailed

    def resets(talk: Talk) -> None:
        greet(talk, AUTH, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go ahead")
        talk.take()
        talk.reset()

    assert refused(world, resets, certificates).phase is Phase.HANDSHAKE


# -- where TLS is not asked for --------------------------------------------------------------------


@in_each_world
def test_in_clear_a_password_goes_to_loopback_and_no_further(
    world: World, certificates: Certificates
) -> None:
    def script(talk: Talk) -> None:
        greet(talk, AUTH)
        take_auth(talk)
        take_message(talk)
        take_quit(talk)

    with HostileServer(script) as server:
        delivery = send(world, server, certificates, "smtp+insecure", ca_file=None)
    assert delivery.tls.level is TLSLevel.NONE
    assert "password" in find_canaries(server.received, CANARIES)


@in_each_world
def test_opportunistic_TLS_gets_no_password(world: World, certificates: Certificates) -> None:
    # The mailer refuses the pair at once; below it, the session does.
    with HostileServer(without_offer) as server:
        with pytest.raises(AuthError, match="never carries credentials"):
            send(world, server, certificates, "smtp+opportunistic", ca_file=None)
        assert server.talks == []
    options = ConnectionOptions(password=Secret(PASSWORD), trust=Trust.only(certificates.ca_file))
    for script in (
        without_offer,
        answers_starttls("454 4.7.0 not now"),
        seals_with(certificates.context(), "smtp"),
        seals_with(certificates.context(Flaw.SELF_SIGNED), "smtp"),
    ):
        with HostileServer(script) as server:
            endpoint = Endpoint.parse(f"smtp+opportunistic://ada@{HOST}:{server.port}")
            with pytest.raises(LocalProtocolError) as caught:
                world.drive(_open(world, endpoint, options))
        assert "only over TLS to an authenticated server" in str(caught.value)
        assert find_canaries(server.received, CANARIES) == set()


async def _open(world: World, endpoint: Endpoint, options: ConnectionOptions) -> Connection:
    network = world.network()
    return await Connection.open(network, endpoint, options, deadline=network.now() + 20)


@in_each_world
@pytest.mark.parametrize("flaw", [Flaw.NONE, Flaw.SELF_SIGNED, Flaw.EXPIRED], ids=str)
def test_opportunistic_TLS_takes_what_there_is_and_says_what_it_was(
    world: World, flaw: Flaw, certificates: Certificates
) -> None:
    def script(talk: Talk) -> None:
        starttls(talk, certificates.context(flaw))
        take_message(talk)
        take_quit(talk)

    with HostileServer(script) as server:
        delivery = world.mail(
            f"smtp+opportunistic://{HOST}:{server.port}",
            lambda mailer: mailer.send_raw(ENVELOPE, CONTENT),
        )
    # Nobody was asked to prove anything, so nothing counts as proved.
    assert delivery.tls.level is TLSLevel.ENCRYPTED
    assert delivery.tls.authenticated_by == ""
    assert find_canaries(bytes(server.talks[0].on_the_wire), CANARIES) == set()


@in_each_world
def test_opportunistic_TLS_that_fails_is_not_tried_in_clear(
    world: World, certificates: Certificates
) -> None:
    with HostileServer(says_instead_of_the_hello) as server, pytest.raises(StartTLSInjection):
        world.mail(
            f"smtp+opportunistic://{HOST}:{server.port}",
            lambda mailer: mailer.send_raw(ENVELOPE, CONTENT),
        )
    assert find_canaries(server.received, CANARIES) == set()
    assert len(server.talks) == 1


# -- the wrong port --------------------------------------------------------------------------------


@in_each_world
def test_TLS_at_once_to_a_port_that_greets_in_clear(
    world: World, certificates: Certificates
) -> None:
    def script(talk: Talk) -> None:
        talk.say("220 hostile.test ESMTP")
        talk.take_all()

    error = refused(world, script, certificates, "smtps")
    assert type(error) is HandshakeFailed
    assert "it said '220 hostile.test ESMTP" in str(error)
    assert "use smtp:// instead of smtps://" in str(error)
