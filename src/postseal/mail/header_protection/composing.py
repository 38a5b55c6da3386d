"""A message split for its protection: what goes inside the cryptography, and what stays outside.

The cryptographic payload is the body with a copy of the header in front of it, and the outer header
section what the payload travels under (RFC 9788 5.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from postseal.mail.authentication.raw_message import (
    InvalidMessage,
    MessageSplitter,
    RawField,
    read_fields,
    refuse_bare_line_ends,
)
from postseal.mail.header_protection.confidentiality import HeaderConfidentiality
from postseal.mail.header_protection.legacy_display import with_legacy_display
from postseal.mail.parameters import parameterized_field
from postseal.mail.reading.parameters import read_parameterized
from postseal.mail.reading.words import decode_field

__all__ = ["ProtectedMessage", "is_structural", "protect_for_encryption", "protect_for_signing"]

# Bcc would tell all recipients of each other (RFC 9788 11.4); HP-Outer is ours to say.
_LEFT_OUT: Final = ("bcc", "resent-bcc", "hp-outer")
# RFC 9787 1.1.2, and the other two that the baseline policy takes away.
_USER_FACING: Final = frozenset(
    {
        *("subject", "from", "to", "cc", "date", "reply-to", "followup-to", "sender"),
        *("resent-from", "resent-to", "resent-cc", "resent-date", "resent-sender"),
        *("comments", "keywords"),
    }
)
_MAX_LINE: Final = 998
_TYPE: Final = re.compile(r"[!-~]*/[!-~]*\Z")


@dataclass(frozen=True, slots=True)
class ProtectedMessage:
    """A message ready for cryptography.

    `payload` is the MIME entity to sign or encrypt, all fields of the message in its header;
    `outer` are the fields to be put before the fields of what becomes of it: whole, each with its
    CRLF, none of them `Content-` or MIME-Version.
    """

    outer: bytes
    payload: bytes


def protect_for_signing(message: bytes) -> ProtectedMessage:
    """Split a message that will be signed and not encrypted.

    Every field is both inside and outside, but Bcc, which is nowhere. Raises `InvalidMessage` for
    octets whose header or Content-Type cannot be read, or with a bare CR or LF.
    """
    fields, body = _split(message)
    protected = _protected(fields)
    inside = b"".join(field.octets for field in protected)
    return ProtectedMessage(inside, _structure(fields, "clear") + inside + b"\r\n" + body)


def protect_for_encryption(
    message: bytes, *, confidentiality: HeaderConfidentiality = HeaderConfidentiality.BASELINE
) -> ProtectedMessage:
    """Split a message that will be encrypted, signed or not.

    What `confidentiality` hides stands inside alone, and at the top of the texts for readers that
    do not know better; HP-Outer records what stands outside. Bcc is nowhere. Raises
    `InvalidMessage` as `protect_for_signing` does.
    """
    fields, body = _split(message)
    protected = _protected(fields)
    outside: list[bytes] = []
    hidden: list[str] = []
    for field in protected:
        shown = confidentiality.outside(field)
        if shown is not None:
            outside.append(shown)
        if shown != field.octets and field.name in _USER_FACING:
            hidden.append(f"{_name(field.octets)}: {decode_field(field.value)}")
    inside = [field.octets for field in protected]
    inside += map(_record, outside)
    payload = _structure(fields, "cipher") + b"".join(inside) + b"\r\n" + body
    return ProtectedMessage(b"".join(outside), with_legacy_display(payload, hidden))


def is_structural(name: str) -> bool:
    """Tell whether a field, by its name in lower case, is about its own part (RFC 9787 1.1.1)."""
    return name == "mime-version" or name.startswith("content-")


def _split(message: bytes) -> tuple[tuple[RawField, ...], bytes]:
    splitter = MessageSplitter()
    body = splitter.feed(message)
    refuse_bare_line_ends(body)
    return read_fields(splitter.finish()), body


def _protected(fields: Iterable[RawField]) -> list[RawField]:
    return [
        field for field in fields if not is_structural(field.name) and field.name not in _LEFT_OUT
    ]


def _structure(fields: Iterable[RawField], hp: str) -> bytes:
    """Write the fields that are about the body, the parameter `hp` with them."""
    structural = [field for field in fields if is_structural(field.name)]
    types = [field for field in structural if field.name == "content-type"]
    if len(types) > 1:
        raise InvalidMessage(
            "the message has more than one Content-Type",
            hint="Readers would disagree about what is protected (RFC 2045 5).",
        )
    others = (field.octets for field in structural if field.name != "content-type")
    return b"".join((_marked(types[0].octets if types else None, hp), *others))


def _marked(content_type: bytes | None, hp: str) -> bytes:
    if content_type is None:
        return f'Content-Type: text/plain; hp="{hp}"\r\n'.encode("ascii")
    read = read_parameterized(content_type.partition(b":")[2])
    if read.is_regular and _TYPE.match(read.value) and content_type.isascii():
        if read.get("hp") is None:
            marked = content_type.rstrip(b" \t\r\n;") + f';\r\n hp="{hp}"\r\n'.encode("ascii")
        else:
            parameters = [(name, value) for name, value in read.parameters if name != "hp"]
            marked = parameterized_field("Content-Type", read.value, [*parameters, ("hp", hp)])
        # Behind a comment that has no end the mark is a part of it.
        if read_parameterized(marked.partition(b":")[2]).get("hp") == hp:
            return marked
    raise InvalidMessage(
        f"the Content-Type cannot be read: {content_type[:80]!a}",
        hint="Readers would disagree about what is protected (RFC 2045 5.1).",
    )


def _record(field: bytes) -> bytes:
    """Write the HP-Outer field for one that stands outside (RFC 9788 2.2.1)."""
    value = field.partition(b":")[2]
    space = b"" if value.startswith((b" ", b"\t")) else b" "
    record = b"%s:%s%s" % (_name(field).encode("ascii"), space, value)
    if len(b"HP-Outer: ") + record.index(b"\r\n") > _MAX_LINE:
        return b"HP-Outer:\r\n " + record
    return b"HP-Outer: " + record


def _name(field: bytes) -> str:
    return field.partition(b":")[0].rstrip(b" \t").decode("ascii")
