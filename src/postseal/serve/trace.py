"""The trace field that each relay adds, and the count that stops loops (RFC 5321 4.4, 6.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime

from postseal.serve.storage import Reception

__all__ = ["MAX_HOPS", "count_hops", "received_field"]

# RFC 5321 6.3: "a large rejection threshold, normally at least 100".
MAX_HOPS = 100

_RECEIVED = re.compile(rb"^Received:", re.IGNORECASE | re.MULTILINE)


def received_field(
    reception: Reception, *, hostname: str, message_id: str, recipient: str | None, at: float
) -> bytes:
    """Write the `Received` field of a message that came in as `reception` says.

    `recipient` is named only when there is one: with more, each would learn of the others.
    `at` is seconds since the epoch.
    """
    seal = ""
    if reception.tls_version:
        seal = f" ({reception.tls_version}, {reception.tls_cipher})"
    lines = [
        f"Received: from {reception.client_name} ({_tcp_info(reception.client_address)})",
        f"by {hostname} (Postseal) with {reception.protocol}{seal}",
        f"id {message_id}" + (f" for <{recipient}>" if recipient else "") + ";",
        format_datetime(datetime.fromtimestamp(at, UTC)),
    ]
    return "\r\n\t".join(lines).encode() + b"\r\n"


def count_hops(head: bytes) -> int:
    """Count the relays that a message passed, from its header section."""
    return len(_RECEIVED.findall(head))


def _tcp_info(address: str) -> str:
    # RFC 5321 4.4: TCP-info = address-literal
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
