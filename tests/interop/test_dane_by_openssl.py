"""Whom DANE authenticates: our verdict beside that of OpenSSL, situation by situation."""

from __future__ import annotations

import datetime
import ssl
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from postseal.errors import CertificateRejected
from postseal.tls.dane import DanePeer, strongest
from postseal.tls.tlsa import TLSA, MatchingType, Selector, Usage
from tests.parts.chains import EXPIRED, NOT_YET_VALID, NOW, VALID, Issued, issue
from tests.parts.hostile_server import HostileServer, Talk
from tests.parts.ports import LOOPBACK

pytestmark = pytest.mark.needs("openssl")

BASE: Final = "mx.example.com"
FULL, SHA256, SHA512 = MatchingType
CERT, SPKI = Selector

ROOT = issue("root", authority=True)
MIDDLE = issue("middle", issuer=ROOT, authority=True)
LEAF = issue("server", BASE, issuer=MIDDLE)
CHAIN = (LEAF, MIDDLE, ROOT)
SELF_SIGNED = issue("server", BASE)
OTHER = issue("other", "other.example", issuer=ROOT)
STRANGER = issue("stranger", authority=True)


def ee(issued: Issued, selector: Selector = SPKI, matching: MatchingType = SHA256) -> TLSA:
    return TLSA.of(issued.der, selector=selector, matching_type=matching)


def ta(issued: Issued, selector: Selector = SPKI, matching: MatchingType = SHA256) -> TLSA:
    return TLSA.of(issued.der, usage=Usage.DANE_TA, selector=selector, matching_type=matching)


def spoilt(record: TLSA) -> TLSA:
    return TLSA(
        record.usage,
        record.selector,
        record.matching_type,
        bytes([record.data[0] ^ 1]) + record.data[1:],
    )


def under(
    authority: Issued,
    *names: str,
    dates: tuple[datetime.datetime, datetime.datetime] = VALID,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> tuple[Issued, Issued]:
    """The chain of a server that `authority` vouches for."""
    leaf = issue(
        "server", *(names or (BASE,)), issuer=authority, dates=dates, extensions=extensions
    )
    return leaf, authority


def purpose(identifier: x509.ObjectIdentifier) -> list[tuple[x509.ExtensionType, bool]]:
    return [(x509.ExtendedKeyUsage([identifier]), False)]


def constrained(name: str) -> Issued:
    constraints = x509.NameConstraints([x509.DNSName(name)], None)
    return issue("root", authority=True, extensions=[(constraints, True)])


@dataclass(frozen=True, slots=True)
class Case:
    """What the DNS has, what the server shows, and whether that is enough.

    `judge` is OpenSSL's verdict where it differs by design; the name says why.
    """

    name: str
    records: Sequence[TLSA]
    chain: Sequence[Issued]
    accepted: bool
    judge: bool | None = None


def _cases() -> list[Case]:
    old_root = issue("root", authority=True, dates=EXPIRED)
    short = issue("root", authority=True, path_length=0)
    below = issue("middle", issuer=short, authority=True)
    no_authority = issue("root", authority=False)
    unknown = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
    rsa_root = issue("root", authority=True, key=rsa.generate_private_key(65537, 2048))
    p384_root = issue("root", authority=True, key=ec.generate_private_key(ec.SECP384R1()))
    ed_root = issue("root", authority=True, key=ed25519.Ed25519PrivateKey.generate())
    forged = issue("server", BASE, claims_issuer="root")
    every = [(s, m) for s in Selector for m in MatchingType]
    return [
        *(Case(f"3 {s} {m}", [ee(LEAF, s, m)], CHAIN, True) for s, m in every),
        *(
            Case(f"3 {s} {m} spoilt", [spoilt(ee(LEAF, s, m))], CHAIN, False)
            for s, m in every
            if m is not FULL
        ),
        *(Case(f"2 {s} {m} root", [ta(ROOT, s, m)], CHAIN, True) for s, m in every),
        *(Case(f"2 {s} {m} issuer", [ta(MIDDLE, s, m)], CHAIN, True) for s, m in every),
        *(
            Case(f"2 {s} {m} root not sent", [ta(ROOT, s, m)], CHAIN[:2], m is FULL)
            for s, m in every
        ),
        *(
            Case(f"2 {s} {m} spoilt", [spoilt(ta(ROOT, s, m))], CHAIN, False)
            for s, m in every
            if m is not FULL
        ),
        Case("3 for another's", [ee(OTHER)], CHAIN, False),
        Case("3 for the issuer's", [ee(MIDDLE)], CHAIN, False),
        Case("2 for the server's own", [ta(LEAF)], CHAIN, False),
        Case("3 self-signed", [ee(SELF_SIGNED)], [SELF_SIGNED], True),
        Case("3 expired", [ee(under(ROOT, dates=EXPIRED)[0])], [SELF_SIGNED], False),
        *(
            Case("3 without dates", [ee(one)], [one], True)
            for one in [issue("server", BASE, dates=EXPIRED)]
        ),
        *(
            Case("3 for another name", [ee(one)], [one], True)
            for one in [issue("server", "other.example")]
        ),
        *(
            Case("3 for clients", [ee(one)], [one], True)
            for one in [issue("server", BASE, extensions=purpose(ExtendedKeyUsageOID.SERVER_AUTH))]
        ),
        Case("2 self-signed", [ta(ROOT)], [SELF_SIGNED], False),
        Case("2 stranger beside", [ta(ROOT)], (LEAF, STRANGER, MIDDLE, ROOT), True),
        Case("2 stranger's", [ta(STRANGER)], (*CHAIN, STRANGER), False),
        Case("2 forged", [ta(ROOT)], (forged, ROOT), False),
        Case("2 forged, whole key", [ta(ROOT, SPKI, FULL)], (forged,), False),
        Case("2 gap", [ta(ROOT)], (LEAF, ROOT), False),
        Case("2 another name", [ta(ROOT)], (OTHER, ROOT), False),
        Case("2 wildcard", [ta(ROOT)], under(ROOT, "*.example.com"), True),
        Case("2 wildcard too high", [ta(ROOT)], under(ROOT, "*.com"), False),
        Case("2 wildcard for two labels", [ta(ROOT)], under(ROOT, "*.example"), False),
        Case("2 upper case", [ta(ROOT)], under(ROOT, "MX.EXAMPLE.COM"), True),
        Case("2 second name", [ta(ROOT)], under(ROOT, "a.example", BASE), True),
        # RFC 9525 6.3 forbids what RFC 7672 3.2.3 allowed.
        Case(
            "2 name in the subject alone",
            [ta(ROOT)],
            (issue(BASE, issuer=ROOT), ROOT),
            False,
            judge=True,
        ),
        Case("2 expired", [ta(ROOT)], under(ROOT, dates=EXPIRED), False),
        Case("2 not yet valid", [ta(ROOT)], under(ROOT, dates=NOT_YET_VALID), False),
        Case("2 expired anchor", [ta(old_root)], under(old_root), False),
        Case(
            "2 for servers",
            [ta(ROOT)],
            under(ROOT, extensions=purpose(ExtendedKeyUsageOID.SERVER_AUTH)),
            True,
        ),
        Case(
            "2 for clients",
            [ta(ROOT)],
            under(ROOT, extensions=purpose(ExtendedKeyUsageOID.CLIENT_AUTH)),
            False,
        ),
        Case("2 no authority", [ta(no_authority)], under(no_authority), False),
        Case("2 issued by a server", [ta(ROOT)], (*under(OTHER), ROOT), False),
        Case(
            "2 path too long",
            [ta(short)],
            (issue("server", BASE, issuer=below), below, short),
            False,
        ),
        Case("2 path long enough", [ta(short)], under(short), True),
        Case("2 name permitted", [ta(one := constrained("example.com"))], under(one), True),
        Case("2 name not permitted", [ta(one := constrained("example.org"))], under(one), False),
        Case("2 unknown critical extension", [ta(ROOT)], under(ROOT, extensions=[unknown]), False),
        Case("2 RSA", [ta(rsa_root)], under(rsa_root), True),
        Case("2 P-384", [ta(p384_root)], under(p384_root), True),
        # `cryptography` builds no paths with it.
        Case("2 Ed25519", [ta(ed_root)], under(ed_root), False, judge=True),
        Case("3 beside a wrong 2", [ta(STRANGER), ee(LEAF)], CHAIN, True),
        Case("2 beside a wrong 3", [ee(OTHER), ta(ROOT)], CHAIN, True),
        Case("rollover", [ee(OTHER), ee(LEAF)], CHAIN, True),
        # RFC 7671 9: the weaker digest is not looked at.
        Case("strong digest wrong", [spoilt(ee(LEAF, SPKI, SHA512)), ee(LEAF)], CHAIN, False),
        Case("strong digest right", [ee(LEAF, SPKI, SHA512), spoilt(ee(LEAF))], CHAIN, True),
        Case(
            "strong digest of the other selector wrong",
            [spoilt(ee(LEAF, CERT, SHA512)), ee(LEAF)],
            CHAIN,
            True,
        ),
        Case(
            "whole beside a wrong digest",
            [ee(LEAF, CERT, FULL), spoilt(ee(LEAF, CERT))],
            CHAIN,
            True,
        ),
        Case("unusable beside", [TLSA(3, 1, 9, b"abc"), ee(LEAF)], CHAIN, True),
    ]


CASES = _cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdicts_are_the_same(
    case: Case, tmp_path: Path, program: Callable[[str], Path]
) -> None:
    assert _accepts(case) is case.accepted
    assert _openssl_accepts(case, tmp_path, program("openssl")) is (
        case.accepted if case.judge is None else case.judge
    )


def _accepts(case: Case) -> bool:
    peer = DanePeer(strongest(case.records), BASE)
    try:
        peer.authenticate([one.der for one in case.chain], now=NOW.timestamp())
    except CertificateRejected:
        return False
    return True


def _openssl_accepts(case: Case, directory: Path, openssl: Path) -> bool:
    chain = directory / "chain.pem"
    pems = [one.pem for one in case.chain]
    rest = [pem[pem.index(b"-----BEGIN CERTIFICATE") :] for pem in pems[1:]]
    chain.write_bytes(b"".join([pems[0], *rest]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)

    def script(talk: Talk) -> None:
        talk.seal(context)
        talk.take_all()

    records = [
        argument
        for record in case.records
        for argument in (
            "-dane_tlsa_rrdata",
            f"{record.usage} {record.selector} {record.matching_type} {record.data.hex()}",
        )
    ]
    with HostileServer(script) as server:
        done = subprocess.run(
            [
                openssl,
                "s_client",
                "-connect",
                f"{LOOPBACK}:{server.port}",
                "-brief",
                "-verify_return_error",
                "-no-CAfile",
                "-no-CApath",
                "-attime",
                str(int(NOW.timestamp())),
                "-dane_tlsa_domain",
                BASE,
                # RFC 7672 3.1.1, which is not so for all protocols.
                "-dane_ee_no_namechecks",
                *records,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    told = done.stdout + done.stderr
    assert "CONNECTION ESTABLISHED" in told or "verify" in told.lower(), told
    return "Verification: OK" in told and done.returncode == 0
