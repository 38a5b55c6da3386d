"""The example of RFC 8617, Appendix B.

Its keys are not published, so its seals cannot be verified. What can: that the three sets are read
as they are written, that the body is the one that they sign, and that a chain of the same handlers
with keys of ours, over the same message, holds and breaks as one should.
"""

from __future__ import annotations

from typing import Final

import pytest

from postseal.mail.authentication import (
    ARCResult,
    ARCSealer,
    AuthenticationResults,
    ChainStatus,
    KeyType,
    SignatureFault,
    SigningIdentity,
    verify_arc,
)
from postseal.testing import MemoryResolver
from tests.parts.signed_mail import NOW, signing_key


def _octets(text: str) -> bytes:
    return text.lstrip("\n").replace("\n", "\r\n").encode("ascii")


_WAY: Final = _octets(
    """
Return-Path: <jqd@d1.example>
Received: from example.org (example.org [208.69.40.157])
    by gmail.example with ESMTP id d200mr22663000ykb.93.1421363207
    for <fmartin@example.com>; Thu, 14 Jan 2015 15:02:40 -0800 (PST)
Received: from segv.d1.example (segv.d1.example [72.52.75.15])
    by lists.example.org (8.14.5/8.14.5) with ESMTP id t0EKaNU9010123
    for <arc@example.org>; Thu, 14 Jan 2015 15:01:30 -0800 (PST)
    (envelope-from jqd@d1.example)
"""
)
_SETS: Final = _octets(
    """
ARC-Seal: i=3; a=rsa-sha256; cv=pass; d=clochette.example.org; s=
        clochette; t=12345; b=CU87XzXlNlk5X/yW4l73UvPUcP9ivwYWxyBWcVrRs7
        +HPx3K05nJhny2fvymbReAmOA9GTH/y+k9kEc59hAKVg==
ARC-Message-Signature: i=3; a=rsa-sha256; c=relaxed/relaxed; d=
        clochette.example.org; h=message-id:date:from:to:subject; s=
        clochette; t=12345; bh=KWSe46TZKCcDbH4klJPo+tjk5LWJnVRlP5pvjXFZY
        LQ=; b=o71vwyLsK+Wm4cOSlirXoRwzEvi0vqIjd/2/GkYFYlSd/GGfKzkAgPqxf
        K7ccBMP7Zjb/mpeggswHjEMS8x5NQ==
ARC-Authentication-Results: i=3; clochette.example.org; spf=fail
    smtp.from=jqd@d1.example; dkim=fail (512-bit key)
    header.i=@d1.example; dmarc=fail; arc=pass (as.2.gmail.example=pass,
    ams.2.gmail.example=pass, as.1.lists.example.org=pass,
    ams.1.lists.example.org=fail (message has been altered))
ARC-Seal: i=2; a=rsa-sha256; cv=pass; d=gmail.example; s=20120806; t=
        12345; b=Zpukh/kJL4Q7Kv391FKwTepgS56dgHIcdhhJZjsalhqkFIQQAJ4T9BE
        8jjLXWpRNuh81yqnT1/jHn086RwezGw==
ARC-Message-Signature: i=2; a=rsa-sha256; c=relaxed/relaxed; d=
        gmail.example; h=message-id:date:from:to:subject; s=20120806; t=
        12345; bh=KWSe46TZKCcDbH4klJPo+tjk5LWJnVRlP5pvjXFZYLQ=; b=CVoG44
        cVZvoSs2mMig2wwqPaJ4OZS5XGMCegWqQs1wvRZJS894tJM0xO1RJLgCPsBOxdA5
        9WSqI9s9DfyKDfWg==
ARC-Authentication-Results: i=2; gmail.example; spf=fail
    smtp.from=jqd@d1.example; dkim=fail (512-bit key)
    header.i=@example.org; dmarc=fail; arc=pass
    (as.1.lists.example.org=pass, ams.1.lists.example.org=pass)
ARC-Seal: i=1; a=rsa-sha256; cv=none; d=lists.example.org; s=dk-lists;
         t=12345; b=TlCCKzgk3TrAa+G77gYYO8Fxk4q/Ml0biqduZJeOYh6+0zhwQ8u/
        lHxLi21pxu347isLSuNtvIagIvAQna9a5A==
ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=
        lists.example.org; h=message-id:date:from:to:subject; s=
        dk-lists; t=12345; bh=KWSe46TZKCcDbH4klJPo+tjk5LWJnVRlP5pvjXFZYL
        Q=; b=DsoD3n3hiwlrN1ma8IZQFgZx8EDO7Wah3hUjIEsYKuShRKYB4LwGUiKD5Y
        yHgcIwGHhSc/4+ewYqHMWDnuFxiQ==
ARC-Authentication-Results: i=1; lists.example.org; spf=pass
    smtp.mfrom=jqd@d1.example; dkim=pass (512-bit key)
    header.i=@d1.example; dmarc=pass
"""
)
_MESSAGE: Final = _octets(
    """
DKIM-Signature: v=1; a=rsa-sha1; c=relaxed/relaxed; d=d1.example; h=
        message-id:date:from:to:subject; s=origin2015; bh=bIxxaeIQvmOBdT
        AitYfSNFgzPP4=; b=qKjd5fYibKXWWIcMKCgRYuo1vJ2fD+IAQPjX+uamXIGY2Q
        0HjQ+Lq3/yHzG3JHJp6780/nKQPOWt2UDJQrJkEA==
Message-ID: <54B84785.1060301@d1.example>
Date: Thu, 14 Jan 2015 15:00:01 -0800
From: John Q Doe <jqd@d1.example>
To: arc@dmarc.example
Subject: [List 2] Example 1

Hey gang,
This is a test message.
--J.
"""
)
EXAMPLE: Final = _WAY + _SETS + _MESSAGE
HANDLERS: Final = {
    "lists.example.org": "dk-lists",
    "gmail.example": "20120806",
    "clochette.example.org": "clochette",
}


async def read(message: bytes, dns: MemoryResolver | None = None) -> ARCResult:
    return await verify_arc(message, dns or MemoryResolver(), clock=lambda: NOW)


async def test_the_sets_are_read_as_they_are_written() -> None:
    chain = await read(EXAMPLE)
    assert [one.instance for one in chain.sets] == [1, 2, 3]
    assert {one.seal.domain: one.seal.selector for one in chain.sets} == HANDLERS
    assert {one.signature.domain: one.signature.selector for one in chain.sets} == HANDLERS
    assert [one.seal.status for one in chain.sets] == ["none", "pass", "pass"]
    assert {one.seal.timestamp for one in chain.sets} == {12345}
    assert {len(one.seal.signature) for one in chain.sets} == {64}
    headers = ("message-id", "date", "from", "to", "subject")
    assert {tuple(one.signature.headers) for one in chain.sets} == {headers}


async def test_the_results_that_the_handlers_recorded() -> None:
    chain = await read(EXAMPLE)
    results = [AuthenticationResults.parse(one.results.decode()) for one in chain.sets]
    assert [each.service for each in results] == list(HANDLERS)
    assert [[(one.method, one.result) for one in each.results] for each in results] == [
        [("spf", "pass"), ("dkim", "pass"), ("dmarc", "pass")],
        [("spf", "fail"), ("dkim", "fail"), ("dmarc", "fail"), ("arc", "pass")],
        [("spf", "fail"), ("dkim", "fail"), ("dmarc", "fail"), ("arc", "pass")],
    ]
    assert results[0].results[0].property_value("smtp", "mfrom") == "jqd@d1.example"


async def test_all_but_the_keys_is_there() -> None:
    # The body, the order of the sets and their words are right: only then a key is asked for.
    chain = await read(EXAMPLE)
    assert (chain.status, chain.instance) == (ChainStatus.FAIL, 3)
    assert chain.fault is SignatureFault.NO_KEY


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"--J.", b"--K.", SignatureFault.BODY_HASH),
        (b"cv=none", b"cv=pass", SignatureFault.BAD_CHAIN),
        (b"i=2; gmail", b"i=4; gmail", SignatureFault.SYNTAX),
        (b"ARC-Seal: i=2;", b"ARC-Seal: i=3;", SignatureFault.SYNTAX),
    ],
)
async def test_a_change_is_seen_before_any_key_is_asked_for(
    old: bytes, new: bytes, fault: SignatureFault
) -> None:
    chain = await read(EXAMPLE.replace(old, new, 1))
    assert (chain.status, chain.fault) == (ChainStatus.FAIL, fault)


async def test_the_same_handlers_with_keys_of_ours() -> None:
    example = await read(EXAMPLE)
    key = signing_key(KeyType.RSA)
    dns = MemoryResolver()
    message = _WAY + _MESSAGE
    for (domain, selector), recorded in zip(HANDLERS.items(), example.sets, strict=True):
        dns.add(f"{selector}._domainkey.{domain}", key.record())
        sealer = ARCSealer(SigningIdentity(domain, selector, key), clock=lambda: NOW)
        results = AuthenticationResults.parse(recorded.results.decode())
        message = sealer.seal(message, chain=await read(message, dns), results=results) + message
    chain = await read(message, dns)
    assert chain.status is ChainStatus.PASS, chain.text
    assert [(one.instance, one.seal.domain, one.seal.status) for one in chain.sets] == [
        (one.instance, one.seal.domain, one.seal.status) for one in example.sets
    ]
    assert {one.signature.body_hash for one in chain.sets} == {
        one.signature.body_hash for one in example.sets
    }
    # The last message signature is checked, and every seal.
    assert (await read(message.replace(b"[List 2]", b"[List 3]"), dns)).instance == 3
    broken = await read(message.replace(b"smtp.mfrom=", b"smtp.mfrxm="), dns)
    assert broken.fault is SignatureFault.BAD_SIGNATURE
