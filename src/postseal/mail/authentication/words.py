"""The words for what a check of a message said, and why it said so (RFC 8601 2.7)."""

from __future__ import annotations

from enum import StrEnum, unique

__all__ = ["ResultWord", "SignatureFault"]


@unique
class ResultWord(StrEnum):
    """What a check says; each method knows some of the words (RFC 8601 2.7)."""

    NONE = "none"
    PASS = "pass"  # noqa: S105 # no password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    POLICY = "policy"
    NEUTRAL = "neutral"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@unique
class SignatureFault(StrEnum):
    """Why a signature does not count (RFC 6376 6.1)."""

    SYNTAX = "signature syntax error"
    VERSION = "incompatible version"
    MALFORMED_MESSAGE = "malformed message"
    TOO_MANY = "too many signatures"
    DOMAIN_MISMATCH = "domain mismatch"
    FROM_NOT_SIGNED = "From field not signed"
    SEVERAL_FROM = "From field not unique"
    EXPIRED = "signature expired"
    FROM_THE_FUTURE = "signature from the future"
    ALGORITHM = "unusable signature algorithm"
    QUERY_METHOD = "unknown query method"
    NO_KEY = "no key for signature"
    KEY_UNAVAILABLE = "key unavailable"
    KEY_SYNTAX = "key syntax error"
    KEY_REVOKED = "key revoked"
    KEY_MISMATCH = "inappropriate key"
    WEAK_KEY = "key too short"
    HUGE_KEY = "key too long"
    BODY_HASH = "body hash did not verify"
    BAD_SIGNATURE = "signature did not verify"
    BODY_NOT_COVERED = "body partly unsigned"
    BODY_TOO_SHORT = "body shorter than signed"
    BAD_CHAIN = "chain broken"

    @property
    def word(self) -> ResultWord:
        """The RFC 8601 2.7.1 word for a signature with this fault."""
        return _WORDS.get(self, ResultWord.PERMERROR)


_WORDS = {
    SignatureFault.SYNTAX: ResultWord.NEUTRAL,
    SignatureFault.VERSION: ResultWord.NEUTRAL,
    SignatureFault.TOO_MANY: ResultWord.NEUTRAL,
    SignatureFault.KEY_UNAVAILABLE: ResultWord.TEMPERROR,
    SignatureFault.EXPIRED: ResultWord.FAIL,
    SignatureFault.BODY_HASH: ResultWord.FAIL,
    SignatureFault.BODY_TOO_SHORT: ResultWord.FAIL,
    SignatureFault.BAD_SIGNATURE: ResultWord.FAIL,
    SignatureFault.BODY_NOT_COVERED: ResultWord.POLICY,
    SignatureFault.SEVERAL_FROM: ResultWord.POLICY,
    SignatureFault.WEAK_KEY: ResultWord.POLICY,
    SignatureFault.HUGE_KEY: ResultWord.POLICY,
}
