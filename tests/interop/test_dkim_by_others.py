"""DKIM and ARC with dkimpy and npm's mailauth: each verifies what the other signs, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from postseal.mail.authentication import (
    ARCSealer,
    AuthenticationResults,
    Canonicalization,
    ChainStatus,
    DKIMSigner,
    KeyType,
    MethodResult,
    SignatureFault,
    verify_arc,
    verify_dkim,
)
from tests.parts.dkimpy import dkimpy_chain, dkimpy_seals, dkimpy_signs, dkimpy_verifies
from tests.parts.mailauth import MailAuth, running_mailauth
from tests.parts.signed_mail import (
    MESSAGES,
    identity,
    resolver,
    signing_key,
)

SERVICE = "mx.example.com"

each_message = pytest.mark.parametrize("name", MESSAGES)
each_key = pytest.mark.parametrize("kind", KeyType)
each_header_form = pytest.mark.parametrize("header_form", Canonicalization)
each_body_form = pytest.mark.parametrize("body_form", Canonicalization)


@pytest.fixture(scope="module")
def mailauth() -> Iterator[MailAuth]:
    with running_mailauth() as running:
        yield running


@each_message
@each_header_form
@each_body_form
def test_both_verify_what_we_sign_with_both_keys(
    mailauth: MailAuth, name: str, header_form: Canonicalization, body_form: Canonicalization
) -> None:
    message = MESSAGES[name]
    signer = DKIMSigner(*map(identity, KeyType), header_form=header_form, body_form=body_form)
    signed = signer.sign(message) + message
    assert mailauth.verify(signed).dkim == ("pass", "pass")
    # An SMTP client ends the last line, which dkimpy counts on.
    sent = signed if signed.endswith(b"\r\n") else signed + b"\r\n"
    assert [dkimpy_verifies(sent, number) for number in range(2)] == [True, True]


@each_message
@each_key
@each_header_form
@each_body_form
async def test_we_verify_what_dkimpy_signs(
    name: str, kind: KeyType, header_form: Canonicalization, body_form: Canonicalization
) -> None:
    message = MESSAGES[name]
    field = dkimpy_signs(message, kind, header_form=header_form, body_form=body_form)
    [result] = await verify_dkim(field + message, resolver())
    assert result.passed, result


@each_message
@each_key
@each_header_form
@each_body_form
async def test_we_verify_what_mailauth_signs(
    mailauth: MailAuth,
    name: str,
    kind: KeyType,
    header_form: Canonicalization,
    body_form: Canonicalization,
) -> None:
    message = MESSAGES[name]
    signed = (
        mailauth.sign(message, signing_key(kind), header_form=header_form, body_form=body_form)
        + message
    )
    [result] = await verify_dkim(signed, resolver())
    assert result.passed, result


def changed(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(signed: bytes) -> bytes:
        assert old in signed
        return signed.replace(old, new, 1)

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (changed(b"invoice is", b"invoice was"), SignatureFault.BODY_HASH),
        (changed(b"Bob <bob", b"Eve <eve"), SignatureFault.BAD_SIGNATURE),
        (changed(b"Subject:", b"Subject: Paid\r\nSubject:"), SignatureFault.BAD_SIGNATURE),
        (lambda signed: b"Subject: Paid\r\n" + signed, SignatureFault.BAD_SIGNATURE),
        (lambda signed: b"Cc: eve@example.net\r\n" + signed, SignatureFault.BAD_SIGNATURE),
        (lambda signed: signed + b"PS\r\n", SignatureFault.BODY_HASH),
        (changed(b"s=rsa1", b"s=ed255191"), SignatureFault.KEY_MISMATCH),
        (changed(b"c=relaxed", b"c=simple"), SignatureFault.BAD_SIGNATURE),
    ],
    ids=["body", "To", "Subject before", "Subject on top", "Cc", "tail", "selector", "form"],
)  # fmt: skip
async def test_all_three_refuse_what_was_changed(
    mailauth: MailAuth, change: Callable[[bytes], bytes], fault: SignatureFault
) -> None:
    message = MESSAGES["plain"]
    signed = change(DKIMSigner(identity(KeyType.RSA)).sign(message) + message)
    [result] = await verify_dkim(signed, resolver())
    assert result.fault is fault
    assert not dkimpy_verifies(signed)
    assert mailauth.verify(signed).dkim != ("pass",)


async def sealed(message: bytes) -> bytes:
    chain = await verify_arc(message, resolver())
    results = AuthenticationResults(SERVICE, (MethodResult("arc", chain.status),))
    sealer = ARCSealer(identity(KeyType.RSA), clock=lambda: datetime.now(UTC))
    return sealer.seal(message, chain=chain, results=results) + message


@each_message
async def test_both_verify_the_chain_that_we_seal(mailauth: MailAuth, name: str) -> None:
    message = MESSAGES[name]
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    for _ in range(3):
        message = await sealed(message)
        assert mailauth.verify(message).arc == "pass"
        assert dkimpy_chain(message) == "pass"


@each_message
async def test_a_chain_grows_by_all_three_in_turn(mailauth: MailAuth, name: str) -> None:
    message = MESSAGES[name]
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    signed = DKIMSigner(*map(identity, KeyType)).sign(message) + message
    chained = await sealed(signed)
    chained = mailauth.seal(chained, signing_key(KeyType.RSA)) + chained
    results = b"Authentication-Results: mx.example.com; arc=pass\r\n"
    chained = dkimpy_seals(results + chained, SERVICE) + results + chained
    chain = await verify_arc(chained, resolver())
    assert chain.status is ChainStatus.PASS, chain.text
    assert [one.instance for one in chain.sets] == [1, 2, 3]
    chained = await sealed(chained)
    assert mailauth.verify(chained).arc == "pass"
    assert dkimpy_chain(chained) == "pass"


@pytest.mark.parametrize(
    "change",
    [
        changed(b"invoice is", b"invoice was"),
        changed(b"Bob <bob", b"Eve <eve"),
        changed(b"i=1; mx.example.com;\r\n\tarc=none", b"i=1; mx.example.com;\r\n\tarc=pass"),
        changed(b"cv=none", b"cv=pass"),
    ],
    ids=["body", "To", "results", "cv"],
)
async def test_all_three_find_a_broken_chain(
    mailauth: MailAuth, change: Callable[[bytes], bytes]
) -> None:
    message = change(await sealed(await sealed(MESSAGES["plain"])))
    chain = await verify_arc(message, resolver())
    assert chain.status is ChainStatus.FAIL
    assert mailauth.verify(message).arc != "pass"
    assert dkimpy_chain(message) == "fail"
