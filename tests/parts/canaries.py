"""Secrets planted in a message, and a search that finds them in any dress they travel in."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Iterable
from dataclasses import dataclass

# Shorter pieces would be found by chance in megabytes of ciphertext.
_SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Canary:
    """Bytes that must not be seen on a path, and what they are."""

    name: str
    data: bytes

    def forms(self) -> frozenset[bytes]:
        """The bytes as they are, in quoted-printable, hexadecimal, and base64 at each alignment."""
        forms = {self.data, quopri.encodestring(self.data).replace(b"=\n", b"").strip()}
        forms |= {self.data.hex().encode(), self.data.hex().upper().encode()}
        for offset in range(3):
            # Only the characters that no neighbouring byte has a part in.
            aligned = self.data[offset : offset + (len(self.data) - offset) // 3 * 3]
            forms.add(base64.b64encode(aligned))
        return frozenset(form for form in forms if len(form) >= _SHORTEST)


def find_canaries(recorded: bytes, canaries: Iterable[Canary]) -> set[str]:
    """Return the names of the canaries that `recorded` shows, unfolding lines where needed."""
    # Base64 breaks its lines anywhere, quoted-printable behind a "=".
    lines = recorded.replace(b"\r", b"")
    views = (recorded, lines.replace(b"\n", b""), lines.replace(b"=\n", b""))
    return {
        canary.name
        for canary in canaries
        if any(form in view for form in canary.forms() for view in views)
    }
