"""Any file is refused as PolicyUnavailable in one printable line, or is a policy that is written
as a file with the same meaning and whose patterns cover what they name, label by label.
"""

from __future__ import annotations

from postseal.errors import PolicyUnavailable
from postseal.tls.mta_sts import MAX_AGE, MTAStsMode, MTAStsPolicy

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant."""
    try:
        policy = MTAStsPolicy.parse(data)
    except PolicyUnavailable as error:
        assert str(error).isprintable()
        return
    assert MTAStsPolicy.parse(policy.write()) == policy
    assert 0 <= policy.max_age <= MAX_AGE
    assert policy.mx or policy.mode is MTAStsMode.NONE
    for pattern in policy.mx:
        assert pattern == pattern.lower()
        assert pattern.isascii()
        assert pattern.isprintable()
        host = pattern.replace("*", "mx")
        assert policy.covers(host)
        assert policy.covers(f"{host.upper()}.")
        alone = MTAStsPolicy(policy.mode, (pattern,), policy.max_age)
        assert not alone.covers(f"more.{host}")
        assert not alone.covers(f"{host}.attacker.example")
        assert not alone.covers(host.partition(".")[2])
