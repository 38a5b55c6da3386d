"""One message, checked by all methods and reported in one field."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from postseal.mail.authentication import (
    AuthenticationResults,
    InvalidMessage,
    KeyType,
    arc_method,
    check_dmarc,
    check_spf,
    dkim_method,
    dmarc_method,
    spf_method,
    verify_arc,
    verify_dkim,
    without_results_of,
)
from tests.parts.signed_mail import MESSAGES, NOW, resolver, signer


async def test_all_methods_in_one_field() -> None:
    dns = resolver()
    dns.add("example.com", "v=spf1 ip4:192.0.2.1 -all")
    dns.add("_dmarc.example.com", "v=DMARC1; p=reject")
    message = MESSAGES["plain"]
    signed = signer(KeyType.ED25519).sign(message) + message
    dkim = await verify_dkim(signed, dns, clock=lambda: NOW)
    sender, helo = "ada@example.com", "mail.example.com"
    spf = await check_spf(IPv4Address("192.0.2.9"), dns, sender=sender, helo=helo)
    dmarc = await check_dmarc("example.com", dns, dkim=dkim, spf=spf)
    arc = await verify_arc(signed, dns)
    results = AuthenticationResults(
        "mx.example.org",
        (
            *map(dkim_method, dkim),
            spf_method(spf, sender=sender, helo=helo),
            dmarc_method(dmarc),
            arc_method(arc),
        ),
    )
    assert dkim[0].signature is not None
    assert bytes(results).decode().splitlines()[0] == "Authentication-Results: mx.example.org;"
    shown = results.results[0].property_value("header", "b")
    assert shown is not None
    assert len(shown) == 12
    assert AuthenticationResults.parse(results.payload()) == results
    assert [
        (
            one.method,
            one.result,
            [f"{part.type}.{part.name}={part.value}" for part in one.properties],
        )
        for one in results.results[1:]
    ] == [
        ("spf", "fail", ["smtp.mailfrom=ada@example.com"]),
        ("dmarc", "pass", ["header.from=example.com", "policy.dmarc=reject"]),
        ("arc", "none", []),
    ]


async def test_a_failure_says_why() -> None:
    message = MESSAGES["plain"]
    signed = signer(KeyType.ED25519).sign(message) + message + b"PS\r\n"
    [result] = await verify_dkim(signed, resolver(), clock=lambda: NOW)
    assert dkim_method(result).reason == "body hash did not verify"


@pytest.mark.parametrize("sender", ["", "a\nb@example.com", "\ud800@example.com"])
async def test_any_sender_can_be_reported(sender: str) -> None:
    dns = resolver()
    spf = await check_spf(IPv4Address("192.0.2.9"), dns, sender=sender, helo="x\x00")
    results = AuthenticationResults("x", (spf_method(spf, sender=sender, helo="x\x00"),))
    assert bytes(results).count(b"\r\n") == 2


def test_fields_that_claim_to_be_ours_are_taken_out() -> None:
    own = b"Authentication-Results: MX.example.com; spf=pass\r\n"
    folded = b"authentication-results:\r\n (x) mx.example.com\r\n\t1; none\r\n"
    broken = b"Authentication-Results: mx.example.com; ((\r\n"
    other = b"Authentication-Results: mx.example.org; spf=pass\r\n"
    rest = b"From: ada@example.com\r\n"
    header = own + rest + folded + other + broken
    assert without_results_of(header, "mx.example.com") == rest + other
    with pytest.raises(InvalidMessage):
        without_results_of(b"no field\r\n", "mx.example.com")
