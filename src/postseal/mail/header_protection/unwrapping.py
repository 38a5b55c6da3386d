"""A protected message as it is to be read: each field, and how well it was protected (RFC 9788 4).

What stands inside the cryptography counts. What stands outside alone was added on the way, or by an
attacker, and is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from postseal.mail.header_protection.composing import is_structural
from postseal.mail.header_protection.confidentiality import HeaderConfidentiality
from postseal.mail.header_protection.legacy_display import without_legacy_display
from postseal.mail.reading.fields import HeaderSection, ReceivedField
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.reading.parser import parse
from postseal.mail.reading.parts import ReceivedPart

__all__ = ["FieldProtection", "ProtectionScheme", "UnwrappedField", "UnwrappedMessage", "unwrap"]

_LAYERS: Final = (
    *("multipart/signed", "multipart/encrypted"),
    *("application/pkcs7-mime", "application/x-pkcs7-mime"),
)


@unique
class FieldProtection(StrEnum):
    """What the cryptography did for one field (RFC 9788 4.3)."""

    UNPROTECTED = "unprotected"
    SIGNED_ONLY = "signed-only"
    ENCRYPTED_ONLY = "encrypted-only"
    SIGNED_AND_ENCRYPTED = "signed-and-encrypted"


_ENCRYPTED: Final = (FieldProtection.ENCRYPTED_ONLY, FieldProtection.SIGNED_AND_ENCRYPTED)


@unique
class ProtectionScheme(StrEnum):
    """How the fields came to be inside.

    With all but the first two, what was meant to be confidential is guessed from what stands
    outside, which anybody on the way may have changed (RFC 9788 4.10.2).
    """

    NONE = "none"
    HEADER_PROTECTION = "header-protection"
    """That of RFC 9788."""
    WRAPPED_MESSAGE = "wrapped-message"
    """A whole message inside, as RFC 8551 3.1 had it."""
    PROTECTED_HEADERS = "protected-headers"
    """What mail programs with OpenPGP wrote before RFC 9788, `protected-headers="v1"`."""


@dataclass(frozen=True, slots=True)
class UnwrappedField:
    """One field: its name, its value as a reader sees it, and its protection."""

    name: str
    value: str
    protection: FieldProtection


@dataclass(frozen=True, slots=True)
class UnwrappedMessage:
    """A message out of its cryptography.

    `fields` are those that its author protected, in their order; without a scheme there are none.
    `added` are those that stand outside alone. `message` is what to show, to answer and to act on:
    the protected fields and the body, without what was repeated there for older readers; the outer
    fields, where none are protected. With `has_from_mismatch` the author inside is not the one
    outside, by whose domain the servers on the way judged the message: unless a signature is
    bound to the author inside, show the one outside, and a warning (RFC 9788 4.4).
    """

    scheme: ProtectionScheme
    fields: tuple[UnwrappedField, ...]
    added: tuple[UnwrappedField, ...]
    message: ReceivedMessage
    has_from_mismatch: bool

    @property
    def confidentiality(self) -> HeaderConfidentiality:
        """The policy that an answer needs, lest it tells what this message kept (RFC 9788 6.1).

        Recipients that this message hid altogether are told by every policy: an answer has to
        leave them out, or go to each alone.
        """
        baseline, shy = HeaderConfidentiality.BASELINE, HeaderConfidentiality.SHY
        hidden = {field.name.lower() for field in self.fields if field.protection in _ENCRYPTED}
        return baseline if hidden <= baseline.hidden else shy

    def protection(self, name: str) -> FieldProtection:
        """Tell how the uppermost field of this name was protected; unprotected if there is none."""
        for field in self.fields:
            if field.name.lower() == name.lower():
                return field.protection
        return FieldProtection.UNPROTECTED


def unwrap(
    outer: bytes | ReceivedMessage,
    payload: bytes | ReceivedPart,
    *,
    is_signature_valid: bool,
    is_encrypted: bool,
) -> UnwrappedMessage:
    """Read what was inside the cryptography of a message.

    `outer` is the message as it arrived, or its header section; `payload` the innermost entity,
    verified or decrypted or both, as the other two arguments say: with a signature that does not
    hold, nothing is signed. Nothing that the octets hold raises.
    """
    around = outer if isinstance(outer, ReceivedMessage) else parse(outer)
    octets = payload if isinstance(payload, bytes) else bytes(payload)
    if is_encrypted:
        octets = without_legacy_display(octets)
    inside = parse(octets)
    scheme = _scheme(inside.root)
    if scheme is ProtectionScheme.NONE:
        added = _visible(around.header)
        structure = [field for field in inside.header if is_structural(field.name.lower())]
        message = _assembled([*added, *structure], inside.root)
        return UnwrappedMessage(scheme, (), _unprotected(added), message, has_from_mismatch=False)
    if scheme is ProtectionScheme.WRAPPED_MESSAGE and inside.root.message is not None:
        inside = inside.root.message
    fields = _visible(inside.header)
    exposed = {_said(field) for field in _visible(around.header)}
    if scheme is ProtectionScheme.HEADER_PROTECTION:
        exposed = {_recorded(field) for field in inside.header.all("HP-Outer")}
    is_confidential = is_encrypted and (
        scheme is not ProtectionScheme.HEADER_PROTECTION
        or _parameter(inside.root, "hp") == "cipher"
    )
    protected = [
        UnwrappedField(
            field.name,
            field.value,
            _protection(
                is_signature_valid=is_signature_valid,
                is_confidential=is_confidential and _said(field) not in exposed,
            ),
        )
        for field in fields
    ]
    names = {field.name.lower() for field in fields}
    added = [field for field in _visible(around.header) if field.name.lower() not in names]
    has_from_mismatch = "from" in names and _authors(inside) != _authors(around)
    if scheme is ProtectionScheme.PROTECTED_HEADERS:
        # Senders of that time protected some fields and left the rest outside.
        inside = _assembled([*added, *inside.header], inside.root)
    return UnwrappedMessage(
        scheme, tuple(protected), _unprotected(added), inside, has_from_mismatch
    )


def _scheme(payload: ReceivedPart) -> ProtectionScheme:
    if _parameter(payload, "hp") in ("clear", "cipher"):
        return ProtectionScheme.HEADER_PROTECTION
    if _parameter(payload, "protected-headers") == "v1":
        return ProtectionScheme.PROTECTED_HEADERS
    if payload.media_type == "message/rfc822" and payload.message is not None:
        inner = payload.message.root
        # RFC 9788 4.10.1
        if inner.media_type not in _LAYERS and _parameter(inner, "hp") is None:
            return ProtectionScheme.WRAPPED_MESSAGE
    return ProtectionScheme.NONE


def _parameter(part: ReceivedPart, name: str) -> str | None:
    value = part.content_type.get(name)
    return value and value.lower()


def _protection(*, is_signature_valid: bool, is_confidential: bool) -> FieldProtection:
    if is_confidential:
        if is_signature_valid:
            return FieldProtection.SIGNED_AND_ENCRYPTED
        return FieldProtection.ENCRYPTED_ONLY
    return FieldProtection.SIGNED_ONLY if is_signature_valid else FieldProtection.UNPROTECTED


def _visible(header: HeaderSection) -> list[ReceivedField]:
    return [
        field
        for field in header
        if not is_structural(field.name.lower()) and field.name.lower() != "hp-outer"
    ]


def _unprotected(fields: Iterable[ReceivedField]) -> tuple[UnwrappedField, ...]:
    return tuple(
        UnwrappedField(field.name, field.value, FieldProtection.UNPROTECTED) for field in fields
    )


def _assembled(fields: Iterable[ReceivedField], part: ReceivedPart) -> ReceivedMessage:
    lines = (b"%s:%s\r\n" % (field.name.encode("ascii"), field.octets) for field in fields)
    return parse(b"".join((*lines, b"\r\n", part.raw_body)))


def _said(field: ReceivedField) -> tuple[str, str]:
    # Compared as it is read: what says the same in other octets keeps nothing secret.
    return field.name.lower(), " ".join(field.value.split())


def _recorded(field: ReceivedField) -> tuple[str, str]:
    name, _, value = field.value.partition(":")
    return name.strip().lower(), " ".join(value.split())


def _authors(message: ReceivedMessage) -> set[str]:
    return {each.address.to_ascii().lower() for each in message.from_}
