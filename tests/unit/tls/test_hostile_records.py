"""Records that somebody else wrote, and settings that a peer would have us give up.

Promise 3: nothing crosses STARTTLS, also when it looks like TLS itself. What arrives before the
handshake is done becomes a part of the handshake or its failure, and never plaintext.
"""

from __future__ import annotations

import ssl

import pytest

from postseal.errors import HandshakeFailed, StartTLSInjection, TLSError
from postseal.tls import Channel, Opening, TLSLevel
from postseal.tls.alerts import DECODE_ERROR, NO_APPLICATION_PROTOCOL
from tests.parts.channels import client, server, shake_hands
from tests.parts.flawed_certificates import HOST, Certificates
from tests.parts.tls_records import (
    RecordType,
    client_hello,
    extensions_of,
    record,
    vector,
)

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
in_each_version = pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)

SERVER_HELLO = b"\x02" + vector(
    b"\x03\x03" + bytes(32) + vector(b"", 1) + b"\x13\x01\x00" + vector(b""), 3
)
INJECTED = {
    "ServerHello": record(RecordType.HANDSHAKE, SERVER_HELLO),
    "HelloRequest": record(RecordType.HANDSHAKE, b"\x00\x00\x00\x00"),
    "Finished": record(RecordType.HANDSHAKE, b"\x14\x00\x00\x0c" + bytes(12)),
    "fatal alert": record(RecordType.ALERT, b"\x02\x28"),
    "close_notify": record(RecordType.ALERT, b"\x01\x00"),
    "user_canceled": record(RecordType.ALERT, b"\x01\x5a"),
    "change_cipher_spec": record(RecordType.CHANGE_CIPHER_SPEC, b"\x01"),
    "application data": record(RecordType.APPLICATION_DATA, b"250 AUTH PLAIN\r\n"),
    "no content": record(RecordType.APPLICATION_DATA, b""),
    "too long": record(RecordType.HANDSHAKE, bytes(20_000)),
    "another version": b"\x16\x09\x09\x00\x04\x02\x00\x00\x00",
    "clear behind a record": record(RecordType.ALERT, b"\x01\x5a") + b"250 AUTH PLAIN\r\n",
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def serving(certificates: Certificates, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = certificates.context()
    context.minimum_version = context.maximum_version = version
    return context


def carry(here: Channel, there: Channel) -> bytes:
    """Carry octets until all is said; return what either side took for plaintext."""
    taken = b""
    while data := here.data_to_send():
        taken += there.receive(data)
        taken += here.receive(there.data_to_send())
    return taken


@in_each_version
@pytest.mark.parametrize("segments", ["same", "own"])
@pytest.mark.parametrize("name", INJECTED)
def test_records_injected_before_those_of_the_server(
    certificates: Certificates, name: str, segments: str, version: ssl.TLSVersion
) -> None:
    here, there = client(certificates), server(serving(certificates, version))
    there.receive(here.data_to_send())
    answer = there.data_to_send()
    pieces = [INJECTED[name] + answer] if segments == "same" else [INJECTED[name], answer]
    try:
        taken = b"".join(map(here.receive, pieces)) + carry(here, there)
    except TLSError:
        # Most are the end, and then nothing was sealed to nobody.
        assert not here.is_established
        with pytest.raises(TLSError):
            here.send(b"AUTH PLAIN AGFkYQBodW50ZXIy\r\n")
    else:
        # What TLS lets pass (RFC 8446 5, D.4) says nothing; the peer is who it must be.
        assert taken == b""
        assert here.outcome().level is TLSLevel.AUTHENTICATED
        there.send(b"250 ok\r\n")
        assert here.receive(there.data_to_send()) == b"250 ok\r\n"


@in_each_version
@pytest.mark.parametrize("segments", ["same", "own"])
@pytest.mark.parametrize("name", INJECTED)
def test_records_injected_before_those_of_the_client(
    certificates: Certificates, name: str, segments: str, version: ssl.TLSVersion
) -> None:
    here, there = client(certificates), server(serving(certificates, version))
    hello = here.data_to_send()
    pieces = [INJECTED[name] + hello] if segments == "same" else [INJECTED[name], hello]
    try:
        taken = b"".join(map(there.receive, pieces))
        taken += here.receive(there.data_to_send()) + carry(here, there)
    except TLSError:
        assert not there.is_established
        with pytest.raises(TLSError):
            there.send(b"235 welcome\r\n")
    else:
        assert taken == b""
        assert there.is_established
        here.send(b"EHLO client\r\n")
        assert there.receive(here.data_to_send()) == b"EHLO client\r\n"


@in_each_version
@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("name", INJECTED)
def test_records_injected_into_an_open_channel(
    certificates: Certificates, name: str, role: str, version: ssl.TLSVersion
) -> None:
    here, there = client(certificates), server(serving(certificates, version))
    shake_hands(here, there)
    victim = here if role == "client" else there
    try:
        assert victim.receive(INJECTED[name]) == b""
    except TLSError:
        assert victim.data_to_send()
        with pytest.raises(TLSError):
            victim.receive(b"")
        with pytest.raises(TLSError):
            victim.send(b"MAIL FROM:<>\r\n")
    else:
        assert not victim.is_ended


@pytest.mark.parametrize(
    "behind", [b"EHLO x\r\n", b"\r\n\r\n.\r\n", b"AUTH PLAIN AGFkYQBodW50ZXIy\r\n"]
)
def test_clear_text_behind_the_hello(certificates: Certificates, behind: bytes) -> None:
    hello = client(certificates).data_to_send()
    for pieces in ([hello + behind], [hello, behind]):
        there = server(certificates.context())
        with pytest.raises(TLSError):
            [there.receive(piece) for piece in pieces]
        assert not there.is_established


def test_clear_text_in_the_place_of_a_record_is_injection(certificates: Certificates) -> None:
    with pytest.raises(StartTLSInjection):
        server(certificates.context()).receive(b"EHLO x\r\n" + client_hello())


# -- what is not offered and not taken -------------------------------------------------------------


def test_a_client_offers_no_protocol_and_no_early_data(certificates: Certificates) -> None:
    offered = extensions_of(client(certificates).data_to_send())
    assert 0 in offered  # server_name
    assert 16 not in offered  # application_layer_protocol_negotiation
    assert 42 not in offered  # early_data


@in_each_version
@pytest.mark.parametrize("opening", list(Opening), ids=lambda opening: opening.value)
@pytest.mark.parametrize(
    ("offered", "is_taken"),
    [
        ([], True),
        (["smtp"], True),
        (["http/1.1", "smtp"], True),
        (["esmtp"], True),
        (["lmtp"], True),
        (["h2", "http/1.1"], False),
        (["imap"], False),
        (["SMTP"], False),
        (["smtps"], False),
    ],
)
def test_a_server_is_not_for_other_protocols(
    certificates: Certificates,
    offered: list[str],
    is_taken: bool,
    opening: Opening,
    version: ssl.TLSVersion,
) -> None:
    # ALPACA: a browser is led to a mail server that has a certificate for the same name.
    context = ssl.create_default_context(cafile=certificates.ca_file)
    if offered:
        context.set_alpn_protocols(offered)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    browser = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
    with pytest.raises(ssl.SSLWantReadError):
        browser.do_handshake()
    there = server(serving(certificates, version), opening=opening)
    if not is_taken:
        hello = outgoing.read()
        with pytest.raises(HandshakeFailed, match="other protocols than mail"):
            there.receive(hello)
        incoming.write(there.data_to_send())
        with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
            browser.do_handshake()
        with pytest.raises(HandshakeFailed):
            there.receive(hello)
        return
    for _ in range(2):
        there.receive(outgoing.read())
        incoming.write(there.data_to_send())
        try:
            browser.do_handshake()
        except ssl.SSLWantReadError:
            continue
    there.receive(outgoing.read())
    assert there.is_established
    # No protocol has a registered name that we could confirm.
    assert browser.selected_alpn_protocol() is None


@in_each_version
@pytest.mark.parametrize("segments", ["same", "own"])
@pytest.mark.parametrize("name", INJECTED)
def test_no_record_behind_the_hello_hides_its_protocols(
    certificates: Certificates, name: str, segments: str, version: ssl.TLSVersion
) -> None:
    # Nothing vouches for records in clear: whoever leads a browser here could append one.
    context = ssl.create_default_context(cafile=certificates.ca_file)
    context.set_alpn_protocols(["h2", "http/1.1"])
    outgoing = ssl.MemoryBIO()
    browser = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=HOST)
    with pytest.raises(ssl.SSLWantReadError):
        browser.do_handshake()
    hello = outgoing.read()
    there = server(serving(certificates, version))
    with pytest.raises(HandshakeFailed, match="other protocols than mail"):
        there.receive(hello + INJECTED[name] if segments == "same" else hello)
    assert there.data_to_send() == NO_APPLICATION_PROTOCOL
    with pytest.raises(HandshakeFailed, match="other protocols than mail"):
        there.receive(INJECTED[name])


def test_a_hello_that_only_openssl_could_read_is_refused(certificates: Certificates) -> None:
    # OpenSSL waits for the end of one that is longer than any; its name would be unknown.
    there = server(certificates.context())
    with pytest.raises(HandshakeFailed, match="cannot be read: too long"):
        there.receive(record(RecordType.HANDSHAKE, b"\x01\x01\x00\x00" + bytes(1000)))
    assert there.data_to_send() == DECODE_ERROR
    with pytest.raises(HandshakeFailed, match="cannot be read"):
        there.receive(b"")


def test_there_is_no_compression(certificates: Certificates) -> None:
    here, there = client(certificates), server(serving(certificates, VERSIONS[0]))
    shake_hands(here, there)
    assert here._object.compression() is None
    assert here._object.context.options & ssl.OP_NO_COMPRESSION


# -- bounds ----------------------------------------------------------------------------------------


@in_each_version
def test_a_flood_of_records_without_content_ends(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    # Each costs a decryption and moves nothing: OpenSSL counts them.
    here, there = client(certificates), server(serving(certificates, version))
    shake_hands(here, there)
    flood = b""
    for _ in range(100):
        there._object.write(b"")
        flood += there.data_to_send()
    if not flood:
        # This version of OpenSSL seals none; then the flood is one of records by hand.
        flood = record(RecordType.APPLICATION_DATA, b"") * 100
    with pytest.raises(TLSError):
        here.receive(flood)


def test_a_client_hello_without_end_is_refused(certificates: Certificates) -> None:
    there = server(certificates.context())
    start = record(RecordType.HANDSHAKE, b"\x01\x00\x7f\xf0" + bytes(10_000))
    more = record(RecordType.HANDSHAKE, bytes(10_000))
    for piece in (start, more, more):
        assert there.receive(piece) == b""
    with pytest.raises(HandshakeFailed):
        there.receive(more)


# -- words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "name", "hint"),
    [
        (40, "handshake failure", "no cipher suite or group in common"),
        (42, "bad certificate", "does not take our certificate"),
        (48, "unknown ca", "does not trust the authority"),
        (70, "protocol version", "no version of TLS in common"),
        (80, "internal error", None),
        (112, "unrecognized name", "serves no host of this name"),
        (120, "no application protocol", "another protocol"),
    ],
)
def test_an_alert_of_the_peer_is_named(
    certificates: Certificates, number: int, name: str, hint: str | None
) -> None:
    here = client(certificates)
    with pytest.raises(HandshakeFailed) as caught:
        here.receive(record(RecordType.ALERT, bytes([2, number])))
    assert f"the peer sent the alert {name!r}" in str(caught.value)
    assert (caught.value.hint is None) is (hint is None)
    assert (hint or "") in (caught.value.hint or "")


def test_an_unknown_alert_is_no_crash(certificates: Certificates) -> None:
    with pytest.raises(HandshakeFailed):
        client(certificates).receive(record(RecordType.ALERT, b"\x02\xee"))


# -- the end ---------------------------------------------------------------------------------------


@in_each_version
def test_an_end_that_the_peer_did_not_say_is_a_cut(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    here, there = client(certificates), server(serving(certificates, version))
    shake_hands(here, there)
    there.send(b"250-first\r\n")
    assert here.receive(there.data_to_send()) == b"250-first\r\n"
    here.end_of_stream()
    assert here.is_ended
    assert here.is_cut
    ended, there = client(certificates), server(serving(certificates, version))
    shake_hands(ended, there)
    there.close()
    ended.receive(there.data_to_send())
    ended.end_of_stream()
    assert ended.is_ended
    assert not ended.is_cut
