"""The tree of zones that tests of DNSSEC share: one for every state that matters to mail."""

from __future__ import annotations

from tests.parts.zones import Seal, SignedZones, Zone

KEY_DIGEST = "ab" * 32
_MAIL = f"""\
@ MX 10 mx
mx A 127.0.0.1
_25._tcp.mx TLSA 3 1 1 {KEY_DIGEST}
_mta-sts TXT "v=STSv1; id=1;"
"""


def make_dns_tree() -> SignedZones:
    """Make the tree; `good.test` is as it should be, and the others say what is wrong with them."""
    big = " ".join(f'"{"x" * 250}"' for _ in range(10))
    return SignedZones(
        Zone(
            "good.test",
            f"""{_MAIL}
@ MX 20 backup
backup A 127.0.0.2
backup AAAA ::1
null MX 0 .
*.wild TXT "wild"
big TXT {big}
many TXT "one " "record"
many TXT "caf\\233"
inside CNAME mx
to-plain CNAME mx.plain.test.
to-bogus CNAME mx.bogus.test.
to-nowhere CNAME nowhere
a.b.c.empty A 127.0.0.1
""",
        ),
        Zone("plain.test", f"{_MAIL}\nto-good CNAME mx.good.test.", Seal.UNSIGNED),
        Zone("bogus.test", _MAIL, Seal.BOGUS),
        Zone("expired.test", _MAIL, Seal.EXPIRED),
        Zone("wrong-key.test", _MAIL, Seal.WRONG_KEY),
        Zone("dead.test", seal=Seal.UNREACHABLE),
        Zone("half.test", _MAIL, broken=("_25._tcp.mx TLSA",)),
        Zone("_tcp.mx.island.test", f"_25 TLSA 3 1 1 {KEY_DIGEST}", Seal.UNSIGNED),
        Zone("island.test", "@ MX 10 mx\nmx A 127.0.0.1"),
    )
