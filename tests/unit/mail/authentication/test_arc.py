"""ARC by the rules of RFC 8617 5; that others agree is shown in tests/interop."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from postseal.errors import InvalidInput
from postseal.mail.authentication import (
    ARCResult,
    ARCSealer,
    AuthenticationResults,
    ChainStatus,
    InvalidMessage,
    KeyType,
    MethodResult,
    SignatureFault,
    verify_arc,
)
from postseal.testing import MemoryResolver
from tests.parts.signed_mail import MESSAGES, NOW, identity, resolver

PLAIN = MESSAGES["plain"]


async def verify(message: bytes, dns: MemoryResolver | None = None) -> ARCResult:
    return await verify_arc(message, dns or resolver(), clock=lambda: NOW)


async def sealed(message: bytes, kind: KeyType = KeyType.ED25519) -> bytes:
    chain = await verify(message)
    results = AuthenticationResults("mx.example.com", (MethodResult("arc", chain.status),))
    sealer = ARCSealer(identity(kind), clock=lambda: NOW)
    return sealer.seal(message, chain=chain, results=results) + message


async def chain_of(length: int) -> bytes:
    message = PLAIN
    for number in range(length):
        message = await sealed(message, list(KeyType)[number % 2])
    return message


async def test_a_message_without_sets_has_no_chain() -> None:
    assert await verify(PLAIN) == ARCResult(status=ChainStatus.NONE)


async def test_a_chain_of_both_keys() -> None:
    chain = await verify(await chain_of(4))
    assert chain.status is ChainStatus.PASS, chain.text
    assert [one.seal.status for one in chain.sets] == ["none", "pass", "pass", "pass"]
    results = AuthenticationResults.parse(chain.sets[1].results.decode())
    assert results == AuthenticationResults("mx.example.com", (MethodResult("arc", "pass"),))


async def test_a_change_is_sealed_by_whoever_makes_it() -> None:
    first = await sealed(PLAIN)
    chain = await verify(first)
    changed = first.replace(b"Subject:", b"Subject: [list]") + b"-- \r\nThe list\r\n"
    assert (await verify(changed)).fault is SignatureFault.BODY_HASH
    results = AuthenticationResults("lists.example.com", (MethodResult("arc", chain.status),))
    sealer = ARCSealer(identity(KeyType.RSA), clock=lambda: NOW)
    passed_on = sealer.seal(changed, chain=chain, results=results) + changed
    assert (await verify(passed_on)).status is ChainStatus.PASS


def without(pattern: bytes, message: bytes) -> bytes:
    """Take out the fields whose beginning matches."""
    return re.sub(rb"(?m)^(?:" + pattern + rb")[^\n]*\n(?:[ \t][^\n]*\n)*", b"", message)


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        (rb"ARC-Seal: i=1", SignatureFault.SYNTAX),
        (rb"ARC-Message-Signature: i=2", SignatureFault.SYNTAX),
        (rb"ARC-Authentication-Results: i=2", SignatureFault.SYNTAX),
        (rb"ARC-[A-Za-z-]+: i=1", SignatureFault.SYNTAX),
    ],
)
async def test_a_chain_with_a_gap(pattern: bytes, fault: SignatureFault) -> None:
    chain = await verify(without(pattern, await chain_of(2)))
    assert (chain.status, chain.fault) == (ChainStatus.FAIL, fault)
    # Taking off the last set leaves the chain that was there before, over the same message.
    shorter = without(rb"ARC-[A-Za-z-]+: i=2", await chain_of(2))
    assert (await verify(shorter)).status is ChainStatus.PASS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"cv=none", b"cv=pass"),
        (b"cv=pass", b"cv=none"),
        (b"cv=pass", b"cv=odd"),
        (b"cv=pass; ", b""),
        (b"cv=pass", b"cv="),
        (b"ARC-Seal: i=2;", b"ARC-Seal: i=0;"),
        (b"ARC-Seal: i=2;", b"ARC-Seal: i=51;"),
        (b"ARC-Seal: i=2;", b"ARC-Seal: i=x;"),
        (b"ARC-Seal: i=2;", b"ARC-Seal: i=1;"),
        (b"ARC-Seal: i=2;", b"ARC-Seal: i=2; h=from;"),
        (b"ARC-Authentication-Results: i=2;", b"ARC-Authentication-Results: "),
        (b"h=from:", b"h=arc-seal:from:"),
        (b"h=from:from:", b"h="),
        (b"Subject:", b"From: eve@example.net\r\nSubject:"),
        (b"invoice is", b"invoice was"),
        (b"arc=none", b"arc=pass"),
        (b"s=rsa1", b"s=ed255191"),
        (b"s=rsa1", b"s=nobody"),
    ],
)
async def test_a_chain_that_was_tampered_with(old: bytes, new: bytes) -> None:
    message = await chain_of(2)
    assert old in message
    chain = await verify(message.replace(old, new, 1))
    assert chain.status is ChainStatus.FAIL
    assert chain.text
    assert not chain.is_temporary


async def test_a_broken_chain_is_sealed_once_and_for_all() -> None:
    broken = (await chain_of(2)).replace(b"invoice is", b"invoice was")
    ended = await sealed(broken)
    assert b"ARC-Seal: i=3;" in ended
    chain = await verify(ended)
    assert (chain.status, chain.has_ended, chain.instance) == (ChainStatus.FAIL, True, 3)
    assert await sealed(ended) == ended


async def test_a_chain_that_cannot_be_read_is_sealed_behind_its_highest_number() -> None:
    broken = without(rb"ARC-Seal: i=1", await chain_of(2))
    assert (await sealed(broken)).startswith(b"ARC-Seal: i=3; ")


async def test_fifty_sets_are_the_end() -> None:
    message = await chain_of(3)
    chain = await verify(message)
    full = ARCResult(status=ChainStatus.PASS, sets=chain.sets[:1] * 50)
    sealer = ARCSealer(identity(KeyType.ED25519))
    assert sealer.seal(message, chain=full, results=AuthenticationResults("x")) == b""


async def test_a_key_that_cannot_be_looked_up_seals_nothing() -> None:
    dns = resolver()
    dns.time_out("rsa1._domainkey.example.com")
    message = await chain_of(2)
    chain = await verify(message, dns)
    assert chain.is_temporary
    sealer = ARCSealer(identity(KeyType.ED25519))
    assert sealer.seal(message, chain=chain, results=AuthenticationResults("x")) == b""


async def test_a_chain_of_another_message_is_not_sealed() -> None:
    chain = await verify(await chain_of(1))
    sealer = ARCSealer(identity(KeyType.ED25519))
    with pytest.raises(InvalidMessage, match="other ARC sets"):
        sealer.seal(PLAIN, chain=chain, results=AuthenticationResults("x"))


async def test_a_chain_may_be_old_and_not_from_the_future() -> None:
    message = await chain_of(2)
    later = NOW + timedelta(days=400)
    chain = await verify_arc(message, resolver(), clock=lambda: later)
    assert chain.status is ChainStatus.PASS
    early = NOW - timedelta(hours=1)
    chain = await verify_arc(message, resolver(), clock=lambda: early)
    assert chain.fault is SignatureFault.FROM_THE_FUTURE


async def test_a_message_that_is_none() -> None:
    chain = await verify(b"no field\r\n\r\n")
    assert chain.fault is SignatureFault.MALFORMED_MESSAGE


def test_arc_has_no_agent() -> None:
    with pytest.raises(InvalidInput, match="no agent"):
        ARCSealer(identity(KeyType.ED25519, agent="@example.com"))
