"""What a server offers at one moment of a session, and how its reply to EHLO says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from postseal.smtp.protocol import Extension
from postseal.smtp.rules import ServerRules

__all__ = ["extension_lines", "offered_extensions"]


def offered_extensions(rules: ServerRules, *, sealed: bool) -> frozenset[Extension]:
    """Give the extensions of the rules that make sense now."""
    offered = rules.extensions
    if not sealed:
        # RFC 8689 2: it is offered and taken under TLS only.
        offered -= {Extension.REQUIRETLS}
    if Extension.CHUNKING not in offered:
        # RFC 3030 3: BINARYMIME needs BDAT, since DATA cannot frame any octets.
        offered -= {Extension.BINARYMIME}
    return offered


def extension_lines(
    rules: ServerRules, offered: frozenset[Extension], *, now: datetime
) -> Iterator[str]:
    """Yield the lines of the reply to EHLO that name extensions (RFC 5321 4.1.1.1)."""
    for extension in Extension:
        if extension in offered:
            yield " ".join((extension.value, *_parameters(extension, rules, now)))


def _parameters(extension: Extension, rules: ServerRules, now: datetime) -> Iterator[str]:
    match extension:
        case Extension.SIZE:
            yield str(rules.max_message_size)
        case Extension.FUTURERELEASE:
            # RFC 4865 3: the longest interval, and the moment at its end.
            latest = now.astimezone(UTC) + timedelta(seconds=rules.max_hold)
            yield str(rules.max_hold)
            yield latest.strftime("%Y-%m-%dT%H:%M:%SZ")
        case Extension.LIMITS:
            # RFC 9422 4
            if rules.max_messages is not None:
                yield f"MAILMAX={rules.max_messages}"
            yield f"RCPTMAX={rules.max_recipients}"
            if rules.max_recipient_domains is not None:
                yield f"RCPTDOMAINMAX={rules.max_recipient_domains}"
