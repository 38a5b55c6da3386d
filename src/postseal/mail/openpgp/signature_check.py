"""One signature over octets: by whom it is, whether it fits, and whether that proves anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from postseal.mail.openpgp.engine import SignatureFacts, engine
from postseal.mail.openpgp.key_packets import KeyPacket
from postseal.mail.openpgp.keys import Certificate
from postseal.mail.openpgp.packets import Packet
from postseal.mail.seal_status import SignatureStatus

__all__ = ["CheckedSignature", "check_signature"]

_FORGEABLE: Final = ("MD5", "SHA1", "RipeMD")
_SKEW: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class CheckedSignature:
    """What became of one signature; VALID says no more than that the signer signed the octets."""

    status: SignatureStatus
    reason: str = ""
    signer: Certificate | None = None
    signed_at: datetime | None = None


def check_signature(
    octets: bytes, signature: Packet, certificates: Sequence[Certificate], at: datetime
) -> CheckedSignature:
    """Check a signature packet over octets with the certificate that it names."""
    pysequoia = engine()
    facts = SignatureFacts.read(signature)
    if facts is None:
        return CheckedSignature(SignatureStatus.INVALID, "the signature cannot be read")
    if facts.hash_name in _FORGEABLE:
        return CheckedSignature(
            SignatureStatus.WEAK,
            f"the signature is made with {facts.hash_name.upper()}, which can be forged",
            signed_at=facts.made,
        )
    found = _signer(facts, certificates)
    if found is None:
        issuer = facts.fingerprint or facts.key_id or "nobody named"
        return CheckedSignature(
            SignatureStatus.UNTRUSTED,
            f"the signature is by {issuer}, whose certificate was not given",
            signed_at=facts.made,
        )
    certificate, key = found
    refusal = _refusal(facts, certificate, key, at)
    if refusal is None:
        try:
            result = pysequoia.verify(
                bytes=octets,
                store=lambda _: [pysequoia.Cert.from_bytes(bytes(certificate))],
                signature=pysequoia.Sig.from_bytes(signature.octets),
            )
            fits = [each.certificate for each in result.valid_sigs] == [certificate.fingerprint]
        except RuntimeError:
            fits = False
        if not fits:
            refusal = SignatureStatus.INVALID, _misfit(certificate, key, at)
    status, reason = refusal or (SignatureStatus.VALID, "")
    return CheckedSignature(status, reason, certificate, facts.made)


def _signer(
    facts: SignatureFacts, certificates: Sequence[Certificate]
) -> tuple[Certificate, KeyPacket] | None:
    fingerprint, key_id = facts.fingerprint, facts.key_id
    for certificate in certificates:
        for key in certificate.keys:
            if key.fingerprint == fingerprint or (not fingerprint and key.key_id == key_id):
                return certificate, key
    return None


def _refusal(
    facts: SignatureFacts, certificate: Certificate, key: KeyPacket, at: datetime
) -> tuple[SignatureStatus, str] | None:
    """Say what speaks against the signature, whether it fits or not."""
    name = f"the certificate {certificate.fingerprint}"
    if certificate.is_revoked:
        return SignatureStatus.REVOKED, f"{name} is revoked"
    if weakness := key.weakness or certificate.weakness:
        return SignatureStatus.WEAK, f"{name} is weak: {weakness}"
    made, ends = facts.made, facts.expires
    if made is None or made > at + _SKEW:
        return SignatureStatus.INVALID, "the signature was made in the future, or at no time"
    if ends is not None and ends <= at:
        return SignatureStatus.EXPIRED, f"the signature expired at {ends:%Y-%m-%d %H:%M}Z"
    if fault := certificate.fault(at):
        return SignatureStatus.EXPIRED, f"{name} {fault}"
    return None


def _misfit(certificate: Certificate, key: KeyPacket, at: datetime) -> str:
    if key not in certificate.bound_keys(at):
        return "the key has expired, or the signature does not fit what was signed"
    return "the signature does not fit what was signed, or the key may not sign"
