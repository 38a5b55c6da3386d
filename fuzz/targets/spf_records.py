"""Any texts in the DNS give one of the seven SPF results for any sender and raise nothing, within
ten terms that ask the DNS and names of at most 253 octets.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Final

from postseal.mail.authentication import InvalidSPF, ResultWord, SPFRecord, check_spf
from postseal.testing import MemoryResolver

__all__ = ["run"]

_CLIENT: Final = IPv4Address("192.0.2.1")
_WORDS: Final = frozenset(ResultWord) - {ResultWord.POLICY}


def run(data: bytes) -> None:
    """Check the invariant: lines are the records of example.com, a.example.com and so on."""
    texts = data.decode("latin-1").split("\n")
    for text in texts:
        try:
            SPFRecord.parse(text)
        except InvalidSPF as error:
            assert str(error).isprintable()
    resolver = MemoryResolver()
    resolver.add("example.com", texts[0])
    for label, text in zip("abcdefgh", texts[1:], strict=False):
        resolver.add(f"{label}.example.com", text, _CLIENT)
    sender = f"{texts[-1][:200]}@example.com"
    coroutine = check_spf(_CLIENT, resolver, sender=sender, helo="mail.example.com")
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result = stop.value
    else:
        raise AssertionError("it suspended")
    assert result.word in _WORDS
    assert result.domain == "example.com"
    assert result.text.isprintable()
    assert result.lookups <= 11
    assert all(len(name) <= 253 for _, name in resolver.asked)
