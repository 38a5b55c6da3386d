"""What signers take: an identity, the choice of header fields, and a message in pieces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from postseal.address import ascii_domain
from postseal.errors import InvalidInput
from postseal.mail.authentication.canonical import BodyHash, Canonicalization
from postseal.mail.authentication.keys import SigningKey
from postseal.mail.authentication.raw_message import (
    InvalidMessage,
    MessageSplitter,
    RawField,
    read_fields,
    refuse_bare_line_ends,
)

__all__ = ["OVERSIGNED", "SIGNED", "HeaderChoice", "MessageToSign", "SigningIdentity"]

SIGNED: Final = (
    "from", "sender", "reply-to", "subject", "date", "message-id", "to", "cc", "mime-version",
    "content-type", "content-transfer-encoding", "content-id", "content-description",
    "resent-date", "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-message-id",
    "in-reply-to", "references", "auto-submitted", "list-id", "list-help", "list-unsubscribe",
    "list-unsubscribe-post", "list-subscribe", "list-post", "list-owner", "list-archive",
    "feedback-id", "require-recipient-valid-since", "tls-required", "tls-report-domain",
    "tls-report-submitter",
)  # fmt: skip
"""The fields that are signed where a message has them (RFC 6376 5.4.1, RFC 8058 4, RFC 8460 3)."""

OVERSIGNED: Final = frozenset(
    {"from", "reply-to", "subject", "date", "message-id", "to", "cc", "mime-version",
     "content-type", "content-transfer-encoding", "in-reply-to", "references"}
)  # fmt: skip
"""The fields to which nobody may add another: one more is named than there are (RFC 6376 8.15)."""

# RFC 6376 5.4.1 and 5.4: written or changed by relays, or a signature that others may remove.
_NEVER_SIGNED: Final = frozenset(
    {"return-path", "received", "bcc", "resent-bcc", "dkim-signature", "authentication-results",
     "arc-seal", "arc-message-signature", "arc-authentication-results"}
)  # fmt: skip
_FIELD_NAME = re.compile(r"[!-9<-~]+\Z")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+\Z")
_SELECTOR = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
# RFC 6376 2.11: dkim-safe-char, so that the local part needs no quoted-printable.
_AGENT_LOCAL = re.compile(r"[!-:<>-~]*\Z")


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """Who signs: a domain, the selector under which its key is published, and the key.

    `agent` is i=, for what user or part of the domain; it has to be in the domain.
    Raises `InvalidInput` for what cannot be written in a signature.
    """

    domain: str
    selector: str
    key: SigningKey
    agent: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "domain", ascii_domain(self.domain))
        object.__setattr__(self, "selector", ascii_domain(self.selector))
        if len(self.domain) > 253 or not _DOMAIN.match(self.domain):
            raise InvalidInput(f"{self.domain[:80]!a} is no domain that can sign")
        if not _SELECTOR.match(self.selector):
            raise InvalidInput(f"{self.selector[:80]!a} is no selector (RFC 6376 3.1)")
        if self.agent is not None:
            local, at, host = self.agent.rpartition("@")
            if not at or not _AGENT_LOCAL.match(local) or not _is_within(host, self.domain):
                raise InvalidInput(
                    f"the agent {self.agent[:80]!a} is not in the domain {self.domain}",
                    hint="Write it as user@domain, or @domain (RFC 6376 3.5, i=).",
                )


@dataclass(frozen=True, slots=True)
class HeaderChoice:
    """Which fields are signed: all of the names in `signed` that are there.

    Those in `oversigned` are named once more, there or not, so that adding one breaks the
    signature. From is always among both.
    """

    signed: Sequence[str] = SIGNED
    oversigned: frozenset[str] = OVERSIGNED
    _wanted: tuple[tuple[str, int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in (*self.signed, *self.oversigned):
            if not _FIELD_NAME.match(name):
                raise InvalidInput(f"{name[:40]!a} is no name of a header field")
            if name.lower() in _NEVER_SIGNED:
                raise InvalidInput(
                    f"{name} is not for signing: relays add, change or remove it",
                    hint="RFC 6376 5.4.1 says which fields are.",
                )
        oversigned = {name.lower() for name in self.oversigned} | {"from"}
        names = dict.fromkeys(
            ("from", *(name.lower() for name in self.signed), *sorted(oversigned))
        )
        wanted = tuple((name, int(name in oversigned)) for name in names)
        object.__setattr__(self, "_wanted", wanted)

    def names(self, fields: Sequence[RawField]) -> list[str]:
        """Give the names for h=, as often as they are to be signed."""
        there: dict[str, int] = {}
        for one in fields:
            there[one.name] = there.get(one.name, 0) + 1
        names: list[str] = []
        for name, besides in self._wanted:
            if count := there.get(name, 0) + besides:
                names += [name] * count
        return names


class MessageToSign:
    """A message taken in for signing: `feed` it all, then `finish` gives fields and body hash."""

    __slots__ = ("_body", "_held_cr", "_splitter")

    def __init__(self, form: Canonicalization) -> None:
        self._splitter = MessageSplitter()
        self._body = BodyHash(form)
        self._held_cr = b""

    def feed(self, piece: bytes) -> None:
        """Take the next octets of the message. Raises `InvalidMessage`."""
        if body := self._splitter.feed(piece):
            body = self._held_cr + body
            self._held_cr = b"\r" if body.endswith(b"\r") else b""
            body = body.removesuffix(b"\r")
            refuse_bare_line_ends(body)
            self._body.feed(body)

    def finish(self) -> tuple[tuple[RawField, ...], bytes]:
        """Give the header fields and the body hash.

        Raises `InvalidMessage` for bare CR or LF, for what is no header, and unless there is
        exactly one From.
        """
        refuse_bare_line_ends(self._held_cr)
        fields = read_fields(self._splitter.finish())
        count = sum(one.name == "from" for one in fields)
        if count != 1:
            raise InvalidMessage(
                f"the message has {count} From fields",
                hint="Exactly one can be signed (RFC 5322 3.6, RFC 6376 5.4).",
            )
        return fields, self._body.digest()


def _is_within(host: str, domain: str) -> bool:
    host = host.lower()
    return host == domain or (host.endswith(f".{domain}") and _DOMAIN.match(host) is not None)
