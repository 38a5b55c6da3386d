"""Resumption: cheaper handshakes, and never a proof that nobody gave.

What OpenSSL makes of a session is shown first, because the rules follow from it.
"""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from postseal.audit.lab import certificates as lab_certificates
from postseal.errors import HandshakeFailed, TLSError
from postseal.tls import Channel, Opening, ResumableSession, TLSLevel, Trust
from tests.parts.channels import client, server, shake_hands
from tests.parts.flawed_certificates import HOST, Certificates, Flaw

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
LEVELS = [TLSLevel.OPPORTUNISTIC, TLSLevel.ENCRYPTED, TLSLevel.AUTHENTICATED]
in_each_version = pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def serving(
    certificates: Certificates, version: ssl.TLSVersion, flaw: Flaw = Flaw.NONE
) -> ssl.SSLContext:
    """A server of one version; its tickets are good for as long as the context lives."""
    context = certificates.context(flaw)
    context.minimum_version = context.maximum_version = version
    return context


def talk(here: Channel, context: ssl.SSLContext) -> ResumableSession | None:
    """Greet, and take the session that the server gave."""
    there = server(context)
    shake_hands(here, there)
    assert here.is_resumed is there.is_resumed
    there.send(b"220 ready\r\n")
    assert here.receive(there.data_to_send()) == b"220 ready\r\n"
    here.send(b"EHLO client\r\n")
    assert there.receive(here.data_to_send()) == b"EHLO client\r\n"
    return here.resumable()


def gain(
    certificates: Certificates, context: ssl.SSLContext, level: TLSLevel = TLSLevel.AUTHENTICATED
) -> ResumableSession:
    session = talk(client(certificates, level=level), context)
    assert session is not None
    return session


@in_each_version
def test_a_session_is_resumed_with_its_proof(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    context = serving(certificates, version)
    first = client(certificates)
    session = talk(first, context)
    again = client(certificates, resume=session)
    following = talk(again, context)
    assert following is not None
    assert not first.is_resumed
    assert again.is_resumed
    before, after = first.outcome(), again.outcome()
    assert (before.is_resumed, after.is_resumed) == (False, True)
    # All else is as it was: the peer showed nothing, and is who it was.
    assert after.level is TLSLevel.AUTHENTICATED
    assert after.peer_certificate == before.peer_certificate
    assert after.authenticated_by == before.authenticated_by
    assert again.peer_chain() == first.peer_chain() != ()
    assert again.channel_binding() == first.channel_binding() != b""
    # What came with the resumed connection resumes the next.
    third = client(certificates, resume=following)
    talk(third, context)
    assert third.is_resumed
    assert third.peer_chain() == first.peer_chain()


@in_each_version
def test_openssl_repeats_the_old_verdict(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    # Under the same context, OpenSSL itself resumes for any name, and verifies nothing again:
    # the certificate is for localhost.
    context = serving(certificates, version)
    session = gain(certificates, context)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    bare = session.context.wrap_bio(
        incoming, outgoing, server_hostname="mail.example.org", session=session.session
    )
    there = server(context)
    for _ in range(3):
        try:
            bare.do_handshake()
        except ssl.SSLWantReadError:
            there.receive(outgoing.read())
            incoming.write(there.data_to_send())
    assert bare.session_reused
    # So it is up to us: the channel passes over a session of another name.
    stranger = client(certificates, host="mail.example.org", resume=session)
    with pytest.raises(TLSError, match="wrong name"):
        shake_hands(stranger, server(context))


@in_each_version
@pytest.mark.parametrize(
    ("gained", "flaw"),
    # From a peer that proves nothing, no session can be gained at the level AUTHENTICATED.
    [
        *((level, Flaw.NONE) for level in LEVELS),
        *((level, Flaw.SELF_SIGNED) for level in LEVELS[:2]),
    ],
)
@pytest.mark.parametrize("wanted", LEVELS, ids=lambda level: level.word)
def test_a_session_stays_within_its_level(
    certificates: Certificates,
    version: ssl.TLSVersion,
    gained: TLSLevel,
    wanted: TLSLevel,
    flaw: Flaw,
) -> None:
    context = serving(certificates, version, flaw)
    session = gain(certificates, context, gained)
    here = client(certificates, level=wanted, resume=session)
    if wanted is TLSLevel.AUTHENTICATED and flaw is not Flaw.NONE:
        with pytest.raises(TLSError, match="self-signed"):
            shake_hands(here, server(context))
        return
    shake_hands(here, server(context))
    assert here.is_resumed is (gained is wanted)
    expected = max(wanted, TLSLevel.ENCRYPTED)
    assert here.outcome().level is expected


def test_a_session_stays_with_its_authorities(certificates: Certificates, tmp_path: Path) -> None:
    context = serving(certificates, ssl.TLSVersion.TLSv1_3)
    session = gain(certificates, context)
    other = Certificates(tmp_path)
    here = Channel.client(
        HOST,
        trust=Trust.only(other.ca_file),
        level=TLSLevel.AUTHENTICATED,
        opening=Opening.STARTTLS,
        resume=session,
    )
    with pytest.raises(TLSError, match="unknown issuer"):
        shake_hands(here, server(context))
    # The same authority from another file is another trust, too.
    copy = tmp_path / "copy.pem"
    copy.write_bytes(certificates.ca_file.read_bytes())
    here = Channel.client(
        HOST,
        trust=Trust.only(copy),
        level=TLSLevel.AUTHENTICATED,
        opening=Opening.STARTTLS,
        resume=session,
    )
    shake_hands(here, server(context))
    assert not here.is_resumed


@in_each_version
def test_a_server_that_forgot_does_a_full_handshake(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    session = gain(certificates, serving(certificates, version))
    here = client(certificates, resume=session)
    # Another context: another key for tickets.
    shake_hands(here, server(serving(certificates, version)))
    assert here.is_established
    assert not here.is_resumed
    assert here.peer_chain() != ()
    assert here.outcome().level is TLSLevel.AUTHENTICATED


@in_each_version
def test_a_server_whose_certificate_went_bad_meanwhile(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    # A server that does not resume has to show its certificate, and that is verified.
    session = gain(certificates, serving(certificates, version))
    here = client(certificates, resume=session)
    with pytest.raises(TLSError, match="expired"):
        shake_hands(here, server(serving(certificates, version, Flaw.EXPIRED)))


@in_each_version
def test_sessions_expire_and_do_not_renew_themselves(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    context = serving(certificates, version)
    session = gain(certificates, context)
    assert 3590 < session.expires - session.session.time <= 3600
    # However often it is resumed, the peer must prove itself again an hour after it did.
    old = replace(session, expires=session.expires - 3000)
    following = talk(client(certificates, resume=old), context)
    assert following is not None
    assert following.expires == old.expires


def test_no_session_outlives_the_certificate(certificates: Certificates, tmp_path: Path) -> None:
    short = Certificates(tmp_path, authority=certificates.authority)
    context = serving(short, ssl.TLSVersion.TLSv1_3, Flaw.SOON_EXPIRED)
    session = gain(certificates, context)
    assert session.expires - session.session.time <= 60


def test_nothing_to_resume(certificates: Certificates) -> None:
    context = serving(certificates, ssl.TLSVersion.TLSv1_3)
    context.num_tickets = 0
    assert talk(client(certificates), context) is None
    context = serving(certificates, ssl.TLSVersion.TLSv1_2)
    context.options |= ssl.OP_NO_TICKET
    # Nor is a session kept that only this process of the server knows, if it gave no name for it.
    session = talk(client(certificates), context)
    assert session is None or session.session.id
    here, there = client(certificates), server(serving(certificates, ssl.TLSVersion.TLSv1_3))
    assert here.resumable() is None
    shake_hands(here, there)
    # A server does not resume by itself.
    assert there.resumable() is None


def test_before_the_first_plaintext_there_is_no_ticket_yet(certificates: Certificates) -> None:
    here = client(certificates)
    there = server(serving(certificates, ssl.TLSVersion.TLSv1_3))
    there.receive(here.data_to_send())
    here.receive(there.data_to_send())
    assert here.is_established
    assert here.resumable() is None


def test_no_early_data_is_offered_or_taken(certificates: Certificates) -> None:
    # RFC 8446 2.3: what is sent before the handshake can be sent again by anybody.
    context = serving(certificates, ssl.TLSVersion.TLSv1_3)
    session = gain(certificates, context)
    here = client(certificates, resume=session)
    with pytest.raises(TLSError, match="before the end of the TLS handshake"):
        here.send(b"EHLO client\r\n")
    hello = here.data_to_send()
    there = server(context)
    with pytest.raises(HandshakeFailed):
        # An early record, as a client that had been allowed to would send it.
        there.receive(hello + b"\x17\x03\x03\x00\x20" + bytes(32))


def test_a_broken_channel_gives_no_session(certificates: Certificates) -> None:
    here, there = client(certificates), server(serving(certificates, ssl.TLSVersion.TLSv1_3))
    shake_hands(here, there)
    with pytest.raises(TLSError):
        here.receive(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert here.resumable() is None


def test_a_session_too_large_to_keep_is_passed_over(tmp_path: Path) -> None:
    # With 10 000 names the certificate fills the 64 KiB that Python has for a session.
    authority = lab_certificates.Certificates("localhost")
    names = tuple(x509.DNSName(f"{number:04}.x") for number in range(10_000))
    leaf = authority.spec()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    lab_certificates.load_chain(
        context, authority.chain(replace(leaf, names=(*leaf.names, *names)))
    )
    root = tmp_path / "root.pem"
    root.write_bytes(authority.root.pem)
    here = Channel.client(
        "localhost",
        trust=Trust.only(root),
        level=TLSLevel.AUTHENTICATED,
        opening=Opening.IMPLICIT,
    )
    assert talk(here, context) is None
