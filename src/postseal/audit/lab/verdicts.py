"""What a client can do wrong in front of a hostile server, from worst to best."""

from __future__ import annotations

from enum import Enum, unique

from postseal.audit.findings import Outcome

__all__ = ["Verdict", "worst"]


@unique
class Verdict(Enum):
    """The verdict on one client in one case; the order of the members is that of the harm."""

    LEAK_CREDENTIALS = "leak of credentials"
    LEAK_CREDENTIAL_PROOF = "leak of a proof of credentials"
    """A response of CRAM or SCRAM, which allows guessing at the password."""
    LEAK_MAIL = "leak of mail"
    LEAK_ENVELOPE = "leak of the envelope"
    LEAK_METADATA = "leak of metadata"
    ACCEPTED_FORGED = "accepted a forgery"
    """The client reported success that only the attacker had told it of, or handed on as its own
    what the attacker had said."""
    SILENT_LOSS = "silent loss"
    """The client reported success, and nobody took the message."""
    HANG = "hang"
    CRASH = "crash"
    SAFE = "safe"
    INCONCLUSIVE = "inconclusive"
    """The honest control failed or the client never came: nothing can be said."""

    @property
    def outcome(self) -> Outcome:
        """What the verdict is in the terms of every audit."""
        if self is Verdict.SAFE:
            return Outcome.PASSED
        return Outcome.INCONCLUSIVE if self is Verdict.INCONCLUSIVE else Outcome.FAILED


_RANK = {verdict: rank for rank, verdict in enumerate(Verdict)}


def worst(*verdicts: Verdict) -> Verdict:
    """Give the most harmful of several verdicts; at least one is needed."""
    return min(verdicts, key=_RANK.__getitem__)
