"""What signing and checking cost where they are not used, and how memory grows where they are."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator

from postseal.mail.authentication import KeyType, verify_dkim
from tests.parts.signed_mail import MESSAGES, NOW, resolver, signer

_PIECE = b"The quick  brown fox jumps over the lazy dog. \r\n" * 1000
_PIECES = 400


def large_message() -> Iterator[bytes]:
    """About 20 MB, made on the way."""
    yield MESSAGES["plain"]
    for _ in range(_PIECES):
        yield _PIECE


async def test_memory_does_not_grow_with_the_message() -> None:
    made = signer(KeyType.ED25519)
    tracemalloc.start()
    try:
        field = made.sign(large_message())
        signed = (piece for pieces in ([field], large_message()) for piece in pieces)
        [result] = await verify_dkim(signed, resolver(), clock=lambda: NOW)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.passed
    assert peak < 1_000_000


def test_the_package_is_imported_without_cryptography() -> None:
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from postseal.errors import MissingExtra\n"
        "from postseal.mail.authentication import KeyType, SigningKey\n"
        "try: SigningKey.generate(KeyType.ED25519)\n"
        "except MissingExtra as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert "pip install cryptography" in done.stdout
