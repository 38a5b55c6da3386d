"""The Received field, octet for octet (RFC 5321 4.4), and the count of those before it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postseal.serve.storage import Reception
from postseal.serve.trace import count_hops, received_field

SUBMITTED = Reception(
    listener="submission",
    client_address="192.0.2.7",
    client_name="client.example",
    protocol="ESMTPSA",
    tls_version="TLSv1.3",
    tls_cipher="TLS_AES_256_GCM_SHA384",
    authenticated_as="ada",
)


def field(reception: Reception, recipient: str | None = "bob@example.org") -> bytes:
    return received_field(
        reception,
        hostname="mail.example.com",
        message_id="abcdefghijklmnopqrstuvwxyz",
        recipient=recipient,
        at=1_800_000_000.9,
    )


def test_a_submitted_message_shows_its_seal_and_never_who_authenticated() -> None:
    assert field(SUBMITTED) == (
        b"Received: from client.example ([192.0.2.7])\r\n"
        b"\tby mail.example.com (Postseal) with ESMTPSA (TLSv1.3, TLS_AES_256_GCM_SHA384)\r\n"
        b"\tid abcdefghijklmnopqrstuvwxyz for <bob@example.org>;\r\n"
        b"\tFri, 15 Jan 2027 08:00:00 +0000\r\n"
    )


def test_with_several_recipients_none_learns_of_the_others() -> None:
    assert b" for " not in field(SUBMITTED, recipient=None)
    assert b"\tid abcdefghijklmnopqrstuvwxyz;\r\n" in field(SUBMITTED, recipient=None)


def test_a_message_in_clear_claims_no_seal() -> None:
    clear = replace(SUBMITTED, protocol="ESMTP", tls_version=None, tls_cipher=None)
    assert b"\tby mail.example.com (Postseal) with ESMTP\r\n" in field(clear)


@pytest.mark.parametrize(
    ("address", "literal"),
    [("192.0.2.7", b"([192.0.2.7])"), ("2001:db8::7", b"([IPv6:2001:db8::7])")],
)
def test_the_client_s_address_is_a_literal(address: str, literal: bytes) -> None:
    first_line = field(replace(SUBMITTED, client_address=address)).partition(b"\r\n")[0]
    assert first_line.endswith(literal)


def test_an_internationalized_recipient_is_utf8() -> None:
    # RFC 6531 3.7.3
    assert "for <jürgen@example.org>;".encode() in field(SUBMITTED, recipient="jürgen@example.org")


@pytest.mark.parametrize(
    ("head", "hops"),
    [
        (b"", 0),
        (b"Subject: x\r\n", 0),
        (b"Received: a\r\nReceived: b\r\n\tReceived: folded, no field\r\n", 2),
        (b"RECEIVED:a\r\nreceived: b\r\n", 2),
        (b"X-Received: a\r\nReceived-SPF: b\r\n", 0),
    ],
)
def test_hops_are_counted_by_field(head: bytes, hops: int) -> None:
    assert count_hops(head) == hops
