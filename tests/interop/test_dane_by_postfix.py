"""What DANE asks for and whom it authenticates: our decision beside that of Postfix.

Both look the records up through an Unbound that validates, over the same signed zones; Postfix's
posttls-finger connects to the servers for real, in a network namespace of the test's own.
"""

from __future__ import annotations

import datetime
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

from postseal.dns import ResolverFailure
from postseal.dns.exchange import BlockingExchange
from postseal.dns.stub import StubResolver
from postseal.errors import CertificateRejected
from postseal.send.mx.dane import find_dane
from postseal.send.networks.blocking import run
from postseal.tls.dane import DaneRequirement
from postseal.tls.tlsa import TLSA, MatchingType, Selector, Usage
from tests.integration.send.scripts import greet, hello, take_quit
from tests.parts.chains import Issued, issue
from tests.parts.hostile_server import HostileServer, Script, Talk
from tests.parts.namespace import NetworkNamespace
from tests.parts.unbound import unbound
from tests.parts.zones import Seal, SignedZones, Zone

pytestmark = pytest.mark.needs("unbound", "posttls-finger")

_NOW: Final = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
_DAY: Final = datetime.timedelta(days=1)
_VALID: Final = (_NOW - _DAY, _NOW + _DAY)
_MAIN_CF: Final = """\
compatibility_level = 3.6
smtp_dns_support_level = dnssec
"""


class Verdict(StrEnum):
    """What becomes of a delivery."""

    VERIFIED = "verified"
    REJECTED = "rejected"
    NOT_ASKED = "no authentication"
    DEFERRED = "deferred"


ROOT = issue("root", authority=True, dates=_VALID)
MIDDLE = issue("middle", issuer=ROOT, authority=True, dates=_VALID)
# All that are not asked for, too: what posttls-finger says of a name would hide the rest.
NAMES = ("*.good.test", "*.plain.test", "*.island.test")
SERVERS: dict[str, Sequence[Issued]] = {
    "127.0.0.11": (issue("server", *NAMES, issuer=MIDDLE, dates=_VALID), MIDDLE, ROOT),
    "127.0.0.12": (issue("self-signed", "elsewhere.example", dates=_VALID),),
    "127.0.0.13": (issue("other", "customer.example", issuer=ROOT, dates=_VALID), ROOT),
    "127.0.0.14": (issue("next hop", "by-next-hop.good.test", issuer=ROOT, dates=_VALID), ROOT),
    "127.0.0.15": (
        issue("old", *NAMES, issuer=ROOT, dates=(_NOW - 2 * _DAY, _NOW - _DAY)),
        ROOT,
    ),
    "127.0.0.16": (issue("silent", *NAMES, issuer=ROOT, dates=_VALID),),
}
GOOD, SELF_SIGNED, OTHER, NEXT_HOP, OLD, ROOTLESS = SERVERS


def ee(address: str, *how: int) -> TLSA:
    return _record(SERVERS[address][0], Usage.DANE_EE, *how)


def ta(issued: Issued, *how: int) -> TLSA:
    return _record(issued, Usage.DANE_TA, *how)


def _record(issued: Issued, usage: Usage, selector: int = 1, matching_type: int = 1) -> TLSA:
    return TLSA.of(
        issued.der,
        usage=usage,
        selector=Selector(selector),
        matching_type=MatchingType(matching_type),
    )


@dataclass(frozen=True, slots=True)
class Case:
    """A destination whose MX is `mx.LABEL.good.test`, unless `zone` says it all.

    `judge` is Postfix's verdict where it differs by design.
    """

    label: str
    expected: Verdict
    address: str = GOOD
    records: tuple[TLSA, ...] = ()
    zone: str = ""
    domain: str = ""
    judge: Verdict | None = None

    @property
    def destination(self) -> str:
        return self.domain or f"{self.label}.good.test"

    @property
    def lines(self) -> str:
        if self.domain or self.zone:
            return self.zone
        label = self.label
        return f"{label} MX 10 mx.{label}\nmx.{label} A {self.address}\n" + tlsa(
            f"mx.{label}", *self.records
        )


def tlsa(host: str, *records: TLSA) -> str:
    return "".join(
        f"_25._tcp.{host} TLSA {record.usage} {record.selector} {record.matching_type} "
        f"{record.data.hex()}\n"
        for record in records
    )


WRONG = TLSA(3, 1, 1, bytes(32))
KEY = ee(GOOD)
STRONG_AND_WRONG = TLSA(3, 1, 2, bytes(64))
EVERY = [(selector, matching_type) for selector in (0, 1) for matching_type in (0, 1, 2)]

CASES = [
    *(Case(f"ee{s}{m}", Verdict.VERIFIED, GOOD, (ee(GOOD, s, m),)) for s, m in EVERY),
    *(Case(f"root{s}{m}", Verdict.VERIFIED, GOOD, (ta(ROOT, s, m),)) for s, m in EVERY),
    *(Case(f"issuer{s}{m}", Verdict.VERIFIED, GOOD, (ta(MIDDLE, s, m),)) for s, m in EVERY),
    Case("wrong", Verdict.REJECTED, GOOD, (WRONG,)),
    Case("wrong-anchor", Verdict.REJECTED, SELF_SIGNED, (ta(ROOT),)),
    Case("rollover", Verdict.VERIFIED, GOOD, (WRONG, KEY)),
    Case("self-signed", Verdict.VERIFIED, SELF_SIGNED, (ee(SELF_SIGNED),)),
    Case("old-key", Verdict.VERIFIED, OLD, (ee(OLD),)),
    Case("old-anchor", Verdict.REJECTED, OLD, (ta(ROOT),)),
    Case("other-name", Verdict.REJECTED, OTHER, (ta(ROOT),)),
    Case("by-next-hop", Verdict.VERIFIED, NEXT_HOP, (ta(ROOT),)),
    Case("not-sent", Verdict.REJECTED, ROOTLESS, (ta(ROOT),)),
    Case("not-sent-but-whole", Verdict.VERIFIED, ROOTLESS, (ta(ROOT, 0, 0),)),
    Case("not-sent-but-whole-key", Verdict.VERIFIED, ROOTLESS, (ta(ROOT, 1, 0),)),
    Case("server-as-anchor", Verdict.REJECTED, GOOD, (ta(SERVERS[GOOD][0]),)),
    Case("agile-wrong", Verdict.REJECTED, GOOD, (STRONG_AND_WRONG, KEY)),
    Case("agile-right", Verdict.VERIFIED, GOOD, (ee(GOOD, 1, 2), WRONG)),
    Case("agile-other", Verdict.VERIFIED, GOOD, (STRONG_AND_WRONG, ee(GOOD, 0, 1))),
    Case("no-records", Verdict.NOT_ASKED),
    Case("pkix", Verdict.NOT_ASKED, GOOD, (TLSA(1, 1, 1, KEY.data), TLSA(0, 1, 1, KEY.data))),
    Case("unknown-digest", Verdict.NOT_ASKED, GOOD, (TLSA(3, 1, 9, b"abc"),)),
    Case("unusable-beside", Verdict.REJECTED, GOOD, (TLSA(1, 1, 1, KEY.data), WRONG)),
    Case("no-mx", Verdict.VERIFIED, zone=f"no-mx A {GOOD}\n" + tlsa("no-mx", KEY)),
    # Aliases (RFC 7672 2.2.2, 2.2.3; RFC 7671 7).
    Case(
        "alias-target",
        Verdict.VERIFIED,
        zone="alias-target MX 10 a1\na1 CNAME t1\n" + f"t1 A {GOOD}\n" + tlsa("t1", KEY),
    ),
    Case(
        "alias-itself",
        Verdict.VERIFIED,
        zone="alias-itself MX 10 a2\na2 CNAME t2\n" + f"t2 A {GOOD}\n" + tlsa("a2", KEY),
    ),
    Case(
        "alias-both",
        Verdict.REJECTED,
        zone="alias-both MX 10 a3\na3 CNAME t3\n"
        f"t3 A {GOOD}\n" + tlsa("a3", KEY) + tlsa("t3", WRONG),
    ),
    Case(
        "alias-out",
        Verdict.VERIFIED,
        zone="alias-out MX 10 a4\na4 CNAME mx.plain.test.\n" + tlsa("a4", KEY),
    ),
    Case(
        "alias-out-none", Verdict.NOT_ASKED, zone="alias-out-none MX 10 a5\na5 CNAME mx.plain.test."
    ),
    Case(
        "alias-of-records",
        Verdict.VERIFIED,
        zone=f"alias-of-records MX 10 m6\nm6 A {GOOD}\n_25._tcp.m6 CNAME shared\n"
        + tlsa("x", KEY).replace("_25._tcp.x", "shared"),
    ),
    # The states of DNS.
    Case("insecure-mx", Verdict.NOT_ASKED, domain="plain.test"),
    Case("insecure-host", Verdict.NOT_ASKED, zone="insecure-host MX 10 mx.plain.test."),
    # RFC 7672 2.2.1 leaves it to the client. Postfix refuses the server, though whoever can forge
    # the MX would have named another.
    Case(
        "insecure-mx-to-secure-host",
        Verdict.NOT_ASKED,
        domain="to-good.plain.test",
        judge=Verdict.REJECTED,
    ),
    Case("bogus-mx", Verdict.DEFERRED, domain="bogus.test"),
    Case("bogus-host", Verdict.DEFERRED, zone="bogus-host MX 10 mx.bogus.test."),
    Case("bogus-records", Verdict.DEFERRED, domain="half.test"),
    Case("expired-records", Verdict.DEFERRED, zone="expired-records MX 10 mx.expired.test."),
    Case("unreachable-host", Verdict.DEFERRED, zone="unreachable-host MX 10 mx.dead.test."),
    Case("insecure-records", Verdict.NOT_ASKED, domain="island.test"),
    Case("unreachable-records", Verdict.DEFERRED, domain="cut-off.test"),
]

_MAIL = f"@ MX 10 mx\nmx A {GOOD}\n{tlsa('mx', WRONG)}"
ZONES = SignedZones(
    Zone("good.test", "".join(f"{case.lines}\n" for case in CASES)),
    Zone("plain.test", f"{_MAIL}to-good MX 10 mx.wrong.good.test.", Seal.UNSIGNED),
    Zone("bogus.test", _MAIL, Seal.BOGUS),
    Zone("expired.test", _MAIL, Seal.EXPIRED),
    Zone("dead.test", seal=Seal.UNREACHABLE),
    Zone("half.test", _MAIL, broken=("_25._tcp.mx TLSA",)),
    Zone("_tcp.mx.island.test", tlsa("mx", WRONG).replace("_25._tcp.mx", "_25"), Seal.UNSIGNED),
    Zone("island.test", f"@ MX 10 mx\nmx A {GOOD}"),
    Zone("_tcp.mx.cut-off.test", seal=Seal.UNREACHABLE),
    Zone("cut-off.test", f"@ MX 10 mx\nmx A {GOOD}"),
)


@pytest.fixture(scope="module")
def resolver() -> Iterator[StubResolver]:
    with unbound(ZONES) as server:
        yield StubResolver(name_servers=[server], exchange=BlockingExchange())


@pytest.fixture(scope="module")
def finger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Give what posttls-finger says of a destination."""
    folder = tmp_path_factory.mktemp("postfix")
    (folder / "main.cf").write_text(_MAIN_CF)
    with ExitStack() as stack:
        namespace = stack.enter_context(NetworkNamespace())
        stack.enter_context(unbound(ZONES, namespace=namespace))
        for address, chain in SERVERS.items():
            listener = namespace.listen(address, 25)
            script = _script(folder / f"{address}.pem", chain)
            stack.enter_context(HostileServer(script, listener=listener))

        def ask(domain: str) -> str:
            program = ("posttls-finger", "-c", "-l", "dane", domain)
            done = namespace.run("env", f"MAIL_CONFIG={folder}", *program)
            return done.stdout + done.stderr

        yield ask


def _script(file: Path, chain: Sequence[Issued]) -> Script:
    pems = [one.pem for one in chain]
    rest = [pem[pem.index(b"-----BEGIN CERTIFICATE") :] for pem in pems[1:]]
    file.write_bytes(b"".join([pems[0], *rest]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def script(talk: Talk) -> None:
        greet(talk, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go ahead")
        talk.seal(context)
        hello(talk)
        take_quit(talk)

    return script


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_the_decisions_are_the_same(
    case: Case, resolver: StubResolver, finger: Callable[[str], str]
) -> None:
    assert run(_ours(resolver, case.destination)) is case.expected
    said = finger(case.destination)
    assert _judged(said) is (case.judge or case.expected), said


async def _ours(resolver: StubResolver, domain: str) -> Verdict:
    try:
        mx = await resolver.mx(domain)
    except ResolverFailure:
        return Verdict.DEFERRED
    host = mx.records[0].host if mx.records else domain
    finding = await find_dane(resolver, host, port=25, next_hop=domain, mx=mx)
    match finding.requirement:
        case DaneRequirement.DEFER:
            return Verdict.DEFERRED
        case DaneRequirement.NONE | DaneRequirement.ENCRYPTED:
            return Verdict.NOT_ASKED
        case DaneRequirement.AUTHENTICATED:
            assert finding.peer is not None
            (address,) = (await resolver.addresses(host)).records
            chain = [one.der for one in SERVERS[str(address)]]
            try:
                finding.peer.authenticate(chain, now=time.time())
            except CertificateRejected:
                return Verdict.REJECTED
            return Verdict.VERIFIED


def _judged(said: str) -> Verdict:
    if "Verified TLS connection established" in said:
        return Verdict.VERIFIED
    if "TLS connection established" not in said:
        assert "lookup error" in said or "Name service error" in said, said
        return Verdict.DEFERRED
    # It trusts no authority: that is all it has to say where DANE asks for nothing.
    return Verdict.NOT_ASKED if "untrusted issuer" in said else Verdict.REJECTED
