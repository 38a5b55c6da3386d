"""TLS made by hand: OpenSSL takes what is right, and names each fault by itself."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postseal.audit.lab.canaries import make_canaries
from postseal.audit.lab.case import Mode, Server
from postseal.audit.lab.catalogue.versions import VERSIONS
from postseal.audit.lab.certificates import Certificates
from postseal.audit.lab.conversation import Scene
from postseal.audit.lab.hand_made_tls12 import TLS12Server
from postseal.audit.lab.hand_made_tls13 import TLS13Server
from postseal.audit.lab.handshakes import ByHand, Consent
from postseal.audit.lab.hostile import HostileServer
from postseal.audit.lab.run import CONTROL
from postseal.audit.lab.server_hello import GREETING, NO_COMMON_VERSION
from tests.parts.tls_records import RecordType, record, vector

CERTIFICATES = Certificates("localhost")
TLS12 = ssl.TLSVersion.TLSv1_2
TLS13 = ssl.TLSVersion.TLSv1_3

Answer = Callable[[bytes], bytes]


def client(newest: ssl.TLSVersion = TLS13, *, suites: str = "", curve: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=CERTIFICATES.root.pem.decode())
    context.maximum_version = newest
    if suites:
        context.set_ciphers(suites)
    if curve:
        context.set_ecdh_curve(curve)
    return context


def converse(context: ssl.SSLContext, answer: Answer) -> bytes:
    """Let OpenSSL talk to a server made by hand until it has read something."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    for _ in range(8):
        try:
            tls.do_handshake()
            return tls.read()
        except ssl.SSLWantReadError:
            said = outgoing.read()
        while said:
            size = 5 + int.from_bytes(said[3:5])
            incoming.write(answer(said[:size]))
            said = said[size:]
    raise AssertionError("there is no end to it")


@pytest.mark.parametrize(
    ("server", "context"),
    [
        (TLS12Server(), client(TLS12)),
        (TLS12Server(), client(TLS12, suites="ECDHE-RSA-AES128-GCM-SHA256")),
        (TLS12Server(), client(TLS13)),
        (TLS13Server(), client()),
        (TLS13Server(), client(curve="prime256v1")),
        (TLS13Server(retries=1), client()),
    ],
    ids=["1.2", "RSA", "1.2 for a client of 1.3", "1.3", "P-256", "another ClientHello"],
)
def test_what_has_no_fault_is_taken(
    server: TLS12Server | TLS13Server, context: ssl.SSLContext
) -> None:
    assert converse(context, server.begin(CERTIFICATES)) == GREETING


@pytest.mark.parametrize(
    ("id_", "reason"),
    [
        ("V01-SSL30", "UNSUPPORTED_PROTOCOL"),
        ("V02-RC4", "UNKNOWN_CIPHER_RETURNED"),
        ("V02-UNOFFERED", "WRONG_CIPHER_RETURNED"),
        ("V03-DH-1024", "DH_KEY_TOO_SMALL"),
        ("V03-ONE", "BAD_DH_VALUE"),
        ("V04", "INAPPROPRIATE_FALLBACK"),
        ("V06-SIGNATURE", "BAD_SIGNATURE"),
        ("V06-FINISHED", "DIGEST_CHECK_FAILED"),
        ("V06-VERIFY", "BAD_SIGNATURE"),
        ("V06-FINISHED-TLS13", "DIGEST_CHECK_FAILED"),
        ("V07", "COMPRESSION_DISABLED"),
        ("V08", "UNSOLICITED_EXTENSION"),
        ("V08-TLS12", "UNSOLICITED_EXTENSION"),
        ("V12", "UNEXPECTED_MESSAGE"),
        ("V12-EARLY", "UNSOLICITED_EXTENSION"),
    ],
)
def test_a_case_has_the_fault_that_it_is_for_and_no_other(id_: str, reason: str) -> None:
    (case,) = (case for case in VERSIONS if case.id == id_)
    handshake = case.servers[0].handshake
    assert isinstance(handshake, ByHand)
    with pytest.raises(ssl.SSLError) as caught:
        converse(client(), handshake.begin(CERTIFICATES))
    assert caught.value.reason == reason


def test_only_who_offers_tls13_can_be_downgraded_from_it() -> None:
    server = TLS12Server(random_end=b"DOWNGRD\1", for_tls13=True)
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        converse(client(TLS12), server.begin(CERTIFICATES))
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        converse(client(TLS12), TLS13Server().begin(CERTIFICATES))


@settings(max_examples=50, deadline=None)
@given(
    server=st.sampled_from([TLS12Server(), TLS13Server(), TLS13Server(retries=2)]),
    records=st.lists(
        st.builds(record, st.sampled_from(RecordType), st.binary(max_size=80)), max_size=4
    ),
)
def test_whatever_comes_is_answered(
    server: TLS12Server | TLS13Server, records: list[bytes]
) -> None:
    answer = server.begin(CERTIFICATES)
    assert all(isinstance(answer(one), bytes) for one in records)


def test_what_is_no_hello_gets_an_alert() -> None:
    for server in (TLS12Server(), TLS13Server()):
        answer = server.begin(CERTIFICATES)
        assert answer(record(RecordType.HANDSHAKE, b"\2\0\0\0")) == NO_COMMON_VERSION


HELLO = record(RecordType.HANDSHAKE, b"\1" + vector(b"", 3))
KEY_EXCHANGE = record(RecordType.HANDSHAKE, b"\x10" + vector(b"", 3))
CHANGE = record(RecordType.CHANGE_CIPHER_SPEC, b"\1")
ALERT = record(RecordType.ALERT, b"\2\50")
SEALED_ALERT = record(RecordType.APPLICATION_DATA, bytes(2 + 1 + 16))
SEALED_FINISHED = record(RecordType.APPLICATION_DATA, bytes(4 + 32 + 1 + 16))


@pytest.mark.parametrize(
    ("records", "consent", "went_on"),
    [
        ([ALERT], Consent.KEY_EXCHANGE, False),
        ([CHANGE, SEALED_ALERT], Consent.KEY_EXCHANGE, False),
        ([CHANGE, HELLO], Consent.KEY_EXCHANGE, False),
        ([CHANGE, HELLO, HELLO], Consent.KEY_EXCHANGE, True),
        ([KEY_EXCHANGE], Consent.KEY_EXCHANGE, True),
        ([CHANGE, SEALED_FINISHED], Consent.KEY_EXCHANGE, True),
        ([KEY_EXCHANGE, CHANGE, ALERT], Consent.DATA, False),
        ([KEY_EXCHANGE, CHANGE, SEALED_FINISHED], Consent.DATA, True),
        ([KEY_EXCHANGE, CHANGE, SEALED_FINISHED], Consent.NOTHING, False),
    ],
)
async def test_what_counts_as_going_on(
    records: list[bytes], consent: Consent, went_on: bool
) -> None:
    handshake = ByHand(lambda certificates: lambda data: b"", consent)
    scene = Scene(
        mode=Mode.IMPLICIT,
        given=make_canaries(random.Random(1).choice),
        certificates=CERTIFICATES,
    )
    async with HostileServer(
        replace(CONTROL, servers=(Server(handshake=handshake),)), scene
    ) as hostile:
        reader, writer = await asyncio.open_connection("127.0.0.1", hostile.port)
        writer.write(b"".join([HELLO, *records]))
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    (connection,) = hostile.record.connections
    assert connection.continued is went_on
    assert connection.clear == b""
