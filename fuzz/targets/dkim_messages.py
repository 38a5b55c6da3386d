"""Any octets are a message whose DKIM and ARC verification raises nothing, says the same however
the message is cut, and passes nothing that was not signed, and any are signed so that they verify
or are refused as InvalidMessage.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from fuzz.chunks import cuts
from postseal.mail.authentication import (
    ARCResult,
    ChainStatus,
    DKIMResult,
    DKIMSigner,
    InvalidMessage,
    KeyType,
    SigningIdentity,
    SigningKey,
    verify_arc,
    verify_dkim,
)
from postseal.testing import MemoryResolver

__all__ = ["run"]

T = TypeVar("T")

_NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
_KEY: Final = SigningKey.from_ed25519_seed(bytes(range(32)))
_SIGNER: Final = DKIMSigner(SigningIdentity("example.com", "s", _KEY), clock=lambda: _NOW)
# Seeds name it: what is wrong with them is then found behind the lookup of the key.
_OTHER: Final = SigningKey.generate(KeyType.ED25519)


def run(data: bytes) -> None:
    """Check the invariant: the first octet says how the rest is cut."""
    if not data:
        return
    resolver = MemoryResolver()
    resolver.add("s._domainkey.example.com", _KEY.record())
    resolver.add("o._domainkey.example.com", _OTHER.record())
    whole, *others = cuts(data[0], data[1:])
    told = _verify(whole, resolver)
    assert all(_verify(pieces, resolver) == told for pieces in others)
    results, chain = told
    assert not any(result.passed for result in results)
    assert chain.status is not ChainStatus.PASS
    message = b"".join(whole)
    try:
        field = _SIGNER.sign(whole)
    except InvalidMessage as error:
        assert str(error).isprintable()
        return
    assert all(_SIGNER.sign(pieces) == field for pieces in others)
    first, *_ = _drive(verify_dkim(field + message, resolver, clock=lambda: _NOW))
    assert first.passed


def _verify(
    pieces: Iterable[bytes], resolver: MemoryResolver
) -> tuple[tuple[DKIMResult, ...], ARCResult]:
    results = _drive(verify_dkim(pieces, resolver, clock=lambda: _NOW))
    chain = _drive(verify_arc(pieces, resolver, clock=lambda: _NOW))
    assert all(text.isprintable() for text in (chain.text, *(one.text for one in results)))
    return results, chain


def _drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    raise AssertionError("it suspended")
