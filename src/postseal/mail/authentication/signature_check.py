"""Checking one signature against its key: the steps that DKIM and ARC share (RFC 6376 6.1).

Each step raises `InvalidSignature` with the fault that it found.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from postseal.errors import MailError
from postseal.mail.authentication.checking_input import BodyHashes
from postseal.mail.authentication.key_record import KeyRecord, PublicKey
from postseal.mail.authentication.keys import KeyType
from postseal.mail.authentication.lookups import TXTLookup
from postseal.mail.authentication.message_signature import InvalidSignature, MessageSignature
from postseal.mail.authentication.raw_message import RawField
from postseal.mail.authentication.signed_octets import (
    choose_fields,
    signed_octets,
    without_signature,
)
from postseal.mail.authentication.tags import InvalidTagList
from postseal.mail.authentication.words import SignatureFault

__all__ = [
    "FoundKey",
    "check_body",
    "check_coverage",
    "check_headers",
    "check_times",
    "find_key",
]

# RFC 6376 6.1.2 leaves it to the verifier what to do with several records: it tries these many.
_MAX_RECORDS = 4


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key that may be used, what its record says besides, and whether DNSSEC vouches for it."""

    key: PublicKey
    record: KeyRecord
    authentic: bool


def check_times(signature: MessageSignature, *, now: float, skew: int) -> None:
    """Refuse a signature that has expired or was made in the future (RFC 6376 3.5, t= and x=)."""
    if signature.expires is not None and now > signature.expires + skew:
        raise InvalidSignature(
            f"the signature expired {int(now - signature.expires)} seconds ago",
            fault=SignatureFault.EXPIRED,
        )
    if signature.timestamp is not None and now + skew < signature.timestamp:
        raise InvalidSignature(
            f"the signature was made {int(signature.timestamp - now)} seconds from now",
            fault=SignatureFault.FROM_THE_FUTURE,
        )


def check_from(signature: MessageSignature, fields: Sequence[RawField]) -> None:
    """Refuse a signature that says nothing of the author, or a message with several From."""
    if "from" not in signature.headers:
        raise InvalidSignature("h= has no From", fault=SignatureFault.FROM_NOT_SIGNED)
    # RFC 6376 8.15: which of several is shown to a reader is nobody's promise.
    count = sum(field.name == "from" for field in fields)
    if count != 1:
        raise InvalidSignature(
            f"the message has {count} From fields", fault=SignatureFault.SEVERAL_FROM
        )


async def find_key(domain: str, selector: str, key_type: KeyType, resolver: TXTLookup) -> FoundKey:
    """Look up the key of a selector (RFC 6376 6.1.2)."""
    name = f"{selector}._domainkey.{domain}"
    try:
        answer = await resolver.txt(name)
    except MailError as error:
        if error.is_temporary:
            raise InvalidSignature(
                f"{name}: {error.text}", fault=SignatureFault.KEY_UNAVAILABLE
            ) from error
        raise InvalidSignature(f"{name} does not exist", fault=SignatureFault.NO_KEY) from error
    fault: InvalidSignature | None = None
    for text in answer.records[:_MAX_RECORDS]:
        try:
            record = KeyRecord.parse(text)
            return FoundKey(record.usable_key(key_type), record, answer.authentic)
        except InvalidSignature as error:
            fault = fault or error
        except InvalidTagList as error:
            fault = fault or InvalidSignature(error.text, fault=SignatureFault.KEY_SYNTAX)
    if fault is None:
        raise InvalidSignature(f"{name} has no TXT record", fault=SignatureFault.NO_KEY)
    raise InvalidSignature(f"{name}: {fault.text}", fault=fault.fault)


def check_body(signature: MessageSignature, hashes: BodyHashes) -> None:
    """Compare the body hash, as far as l= says."""
    digest, length = hashes.of(signature)
    if signature.length is not None and signature.length > length:
        raise InvalidSignature(
            f"l={signature.length}, and the body has {length} octets",
            fault=SignatureFault.BODY_TOO_SHORT,
        )
    if not hmac.compare_digest(digest, signature.body_hash):
        raise InvalidSignature(
            "the body is not the one that was signed", fault=SignatureFault.BODY_HASH
        )


def check_headers(
    signature: MessageSignature,
    own: RawField,
    fields: Sequence[RawField],
    key: PublicKey,
) -> None:
    """Check the signature over header fields and the own field."""
    others = [field for field in fields if field is not own]
    chosen = choose_fields(others, signature.headers)
    octets = signed_octets(chosen, without_signature(own.octets), signature.header_form)
    if not key.verifies(signature.signature, octets):
        raise InvalidSignature(
            "the header is not the one that was signed, or the key is another",
            fault=SignatureFault.BAD_SIGNATURE,
        )


def check_coverage(signature: MessageSignature, hashes: BodyHashes) -> None:
    """Refuse a valid signature that leaves a part of the body to anybody (RFC 6376 8.2)."""
    _, length = hashes.of(signature)
    if signature.length is not None and signature.length < length:
        raise InvalidSignature(
            f"l= leaves {length - signature.length} octets of the body unsigned: "
            "anybody may have added them",
            fault=SignatureFault.BODY_NOT_COVERED,
        )
