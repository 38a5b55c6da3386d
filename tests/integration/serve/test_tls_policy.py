"""Whether mail goes, and how sealed, by what the DNS, the policy file and the server say.

One platform delivers a message to each domain of the table. The servers are on one port of
different loopback addresses, and each has another certificate, or none.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from postseal import AsyncMailer, Message
from postseal.dns import MX, Lookup
from postseal.testing import MemoryResolver
from postseal.tls.certificates import read_certificate
from postseal.tls.pins import Pin
from postseal.tls.tlsa import TLSA, tlsa_name
from tests.integration.serve.delivering import NEVER
from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.eventually import eventually
from tests.parts.house import House, keep_house
from tests.parts.policy_server import PolicyServer
from tests.parts.queue_view import DeliveryRow, read_deliveries
from tests.parts.receiver import Receiver

SECURE, INSECURE = True, False
GOOD, UNTRUSTED, WRONG_NAME, NO_TLS, BROKEN = "good", "untrusted", "wrong name", "none", "broken"
ADDRESSES = {
    peer: f"127.0.0.{number}"
    for number, peer in enumerate((GOOD, UNTRUSTED, WRONG_NAME, NO_TLS, BROKEN), start=1)
}
SENT, DEFERRED = "sent", "deferred"


@dataclass(frozen=True, slots=True)
class Case:
    """A domain: what is found out about it, and what becomes of its mail.

    `tlsa` names the server whose key the record has. `outcome` begins the way in which the server
    was authenticated, or is the level; for a deferral it is in the reason. `explained` is in the
    explanation.
    """

    name: str
    peer: str
    state: str
    outcome: str
    dns: bool = INSECURE
    tlsa: str = ""
    sts: str = ""
    broken: Lookup | None = None
    policy: dict[str, object] = field(default_factory=dict)
    explained: str = ""

    @property
    def domain(self) -> str:
        return f"{self.name}.test"

    @property
    def host(self) -> str:
        return f"{self.name}.mx.test"


def _sts(mode: str, pattern: str = "*.mx.test") -> str:
    return f"version: STSv1\nmode: {mode}\nmx: {pattern}\nmax_age: 86400\n"


ENFORCE, TESTING = _sts("enforce"), _sts("testing")
CASES = [
    # Nothing is published.
    Case("plain", UNTRUSTED, SENT, "encrypted", explained="default requires opportunistic"),
    Case("plain-clear", NO_TLS, SENT, "none"),
    Case("plain-broken", BROKEN, SENT, "none", explained="TLS failed, and the policy allows less"),
    # DANE.
    Case("dane", GOOD, SENT, "DANE TLSA 3 1 1", SECURE, GOOD),
    Case("dane-any-issuer", UNTRUSTED, SENT, "DANE TLSA 3 1 1", SECURE, UNTRUSTED),
    Case("dane-other-key", GOOD, DEFERRED, "none of those that the DNS names", SECURE, UNTRUSTED),
    Case("dane-stripped", NO_TLS, DEFERRED, "does not offer STARTTLS", SECURE, GOOD),
    Case("dane-broken", BROKEN, DEFERRED, "at handshake", SECURE, GOOD),
    Case("unusable", UNTRUSTED, SENT, "encrypted", SECURE, "unusable"),
    Case("unusable-stripped", NO_TLS, DEFERRED, "does not offer STARTTLS", SECURE, "unusable"),
    Case("unusable-broken", BROKEN, DEFERRED, "at handshake", SECURE, "unusable"),
    Case("absent", UNTRUSTED, SENT, "encrypted", SECURE),
    Case("insecure", GOOD, SENT, "encrypted", INSECURE, UNTRUSTED),
    # Lookups that fail.
    Case("bogus-tlsa", GOOD, DEFERRED, "TLSA records bogus", SECURE, GOOD, broken=Lookup.TLSA),
    Case("bogus-host", GOOD, DEFERRED, "lookups bogus", SECURE, GOOD, broken=Lookup.ADDRESSES),
    Case("bogus-mx", GOOD, DEFERRED, "is bogus", SECURE, GOOD, broken=Lookup.MX),
    # MTA-STS.
    Case("sts", GOOD, SENT, "certificate for sts.mx.test", sts=ENFORCE),
    Case("sts-untrusted", UNTRUSTED, DEFERRED, "unknown issuer", sts=ENFORCE),
    Case("sts-wrong-name", WRONG_NAME, DEFERRED, "wrong name", sts=ENFORCE),
    Case("sts-stripped", NO_TLS, DEFERRED, "does not offer STARTTLS", sts=ENFORCE),
    Case("sts-broken", BROKEN, DEFERRED, "at handshake", sts=ENFORCE),
    Case("sts-elsewhere", GOOD, DEFERRED, "does not name", sts=_sts("enforce", "mx.example")),
    Case("sts-none", UNTRUSTED, SENT, "encrypted", sts=_sts("none")),
    Case("testing", GOOD, SENT, "certificate for testing.mx.test", sts=TESTING),
    Case(
        "testing-untrusted",
        UNTRUSTED,
        SENT,
        "encrypted",
        sts=TESTING,
        explained="falls short. MTA-STS reports authenticated",
    ),
    Case("testing-clear", NO_TLS, SENT, "none", sts=TESTING, explained="falls short"),
    Case("testing-broken", BROKEN, SENT, "none", sts=TESTING, explained="falls short"),
    # Both.
    Case("both", GOOD, SENT, "DANE TLSA", SECURE, GOOD, _sts("enforce", "mx.example")),
    Case("both-unusable", GOOD, SENT, "certificate for", SECURE, "unusable", ENFORCE),
    Case("both-unusable-2", UNTRUSTED, DEFERRED, "unknown issuer", SECURE, "unusable", ENFORCE),
    Case("both-bogus", GOOD, DEFERRED, "bogus", SECURE, GOOD, ENFORCE, broken=Lookup.TLSA),
    # What is configured.
    Case("asked", GOOD, SENT, "certificate for asked", policy={"level": "authenticated"}),
    Case("asked-2", UNTRUSTED, DEFERRED, "unknown issuer", policy={"level": "authenticated"}),
    Case("asked-3", UNTRUSTED, SENT, "encrypted", policy={"level": "encrypted"}),
    Case("asked-4", BROKEN, DEFERRED, "at handshake", policy={"level": "encrypted"}),
    Case("pinned", UNTRUSTED, SENT, "pinned key", policy={"level": "authenticated", "pins": []}),
    Case("pinned-2", GOOD, DEFERRED, "wrong pin", policy={"level": "authenticated", "pins": []}),
    Case(
        "dane-only",
        GOOD,
        DEFERRED,
        "no authentic TLSA records",
        policy={"level": "authenticated", "proof": "DANE"},
    ),
    Case(
        "lowered",
        GOOD,
        SENT,
        "encrypted",
        SECURE,
        UNTRUSTED,
        policy={"dangerous_lower_to": "opportunistic"},
        explained="set aside: configuration allows less",
    ),
]
BY_NAME = {case.name: case for case in CASES}


@dataclass(slots=True)
class Scene:
    """The platform, the servers and the certificates."""

    house: House
    receivers: dict[str, Receiver]

    def row(self, case: Case) -> DeliveryRow | None:
        rows = read_deliveries(self.house.data_directory)
        found = [row for row in rows if row.recipient == f"bob@{case.domain}"]
        return found[-1] if found and found[-1].state != "queued" else None


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ServerCertificate]:
    folder = tmp_path_factory.mktemp("certificates")
    return {
        GOOD: issue_certificate(folder / "good", "*.mx.test"),
        UNTRUSTED: issue_certificate(folder / "untrusted", "*.mx.test"),
    }


def _key_of(certificate: ServerCertificate) -> bytes:
    pem = certificate.chain_file.read_text()
    pem = pem[pem.index("-----BEGIN CERTIFICATE") :]
    return Pin.of_key(read_certificate(ssl.PEM_cert_to_DER_cert(pem)).public_key_info).digest


@pytest.fixture
async def scene(tmp_path: Path, certificates: dict[str, ServerCertificate]) -> AsyncIterator[Scene]:
    authority = certificates[GOOD].ca_file
    # Signed by who is trusted, and for other hosts.
    wrong_name = issue_certificate(tmp_path / "wrong-name", "mx.example")
    bundle = tmp_path / "authorities.pem"
    bundle.write_bytes(authority.read_bytes() + wrong_name.ca_file.read_bytes())
    pin = str(Pin(_key_of(certificates[UNTRUSTED])))
    shown = {**certificates, WRONG_NAME: wrong_name, NO_TLS: None, BROKEN: certificates[GOOD]}
    async with AsyncExitStack() as stack:
        receivers: dict[str, Receiver] = {}
        port = 0
        for peer, address in ADDRESSES.items():
            receiver = Receiver(
                shown[peer], host=address, port=port, breaks_handshakes=peer == BROKEN
            )
            receivers[peer] = await stack.enter_async_context(receiver)
            port = receiver.port
        web = await stack.enter_async_context(
            PolicyServer(tmp_path, {case.domain: case.sts for case in CASES if case.sts})
        )
        policies = {}
        for case in CASES:
            policy = dict(case.policy)
            if "pins" in policy:
                policy["pins"] = [pin]
            elif policy.get("proof") != "DANE":
                policy["ca_file"] = str(bundle)
            policies[case.domain] = policy
        house = await stack.enter_async_context(
            keep_house(
                tmp_path,
                resolver=_dns(certificates, port),
                network=web,
                web_trust=web.trust,
                delivery={
                    "mode": "live",
                    "mx_port": port,
                    "dangerous_mx_on_this_machine": True,
                    "policies": policies,
                    **NEVER,
                },
            )
        )
        yield Scene(house, receivers)


def _dns(certificates: dict[str, ServerCertificate], port: int) -> MemoryResolver:
    resolver = MemoryResolver(authentic=False)
    for case in CASES:
        resolver.add(case.domain, MX(10, case.host), authentic=case.dns)
        resolver.add(case.host, IPv4Address(ADDRESSES[case.peer]), authentic=case.dns)
        records = tlsa_name(case.host, port=port)
        if case.tlsa == "unusable":
            resolver.add(records, TLSA(1, 1, 1, bytes(32)), authentic=case.dns)
        elif case.tlsa:
            key = _key_of(certificates[case.tlsa])
            resolver.add(records, TLSA(3, 1, 1, key), authentic=case.dns)
        else:
            resolver.add(records, authentic=case.dns)
        if case.sts:
            resolver.add(f"_mta-sts.{case.domain}", "v=STSv1; id=1;")
            resolver.add(f"mta-sts.{case.domain}", IPv4Address("192.0.2.80"))
        names = {Lookup.MX: case.domain, Lookup.ADDRESSES: case.host, Lookup.TLSA: records}
        if case.broken is not None:
            resolver.bogus(names[case.broken], lookup=case.broken)
    return resolver


async def _send(house: House, *cases: Case, headers: tuple[tuple[str, str], ...] = ()) -> None:
    async with AsyncMailer(house.url, password=house.password, ca_file=house.ca_file) as mailer:
        for case in cases:
            await mailer.send(
                Message(
                    from_="ada@example.com",
                    to=[f"bob@{case.domain}"],
                    subject=case.name,
                    text="Hello",
                    headers=headers,
                )
            )


async def test_mail_goes_as_the_ladder_says_or_waits(scene: Scene) -> None:
    await _send(scene.house, *CASES)
    await eventually(lambda: all(map(scene.row, CASES)), what="an attempt for each domain")
    arrived = {
        (peer, recipient): message
        for peer, receiver in scene.receivers.items()
        for message in receiver.messages
        for recipient in message.recipients
    }
    wrong = []
    for case in CASES:
        row = scene.row(case)
        assert row is not None
        (attempt,) = row.attempts
        said = attempt.authenticated_by or attempt.tls_level
        said = said if case.state == SENT else row.reason
        message = arrived.get((case.peer, f"bob@{case.domain}"))
        is_right = (
            row.state == case.state
            and case.outcome in said
            and case.explained in attempt.explanation
            # What was deferred left no trace at the server; what was sent was as sealed as told.
            and (message is not None) == (case.state == SENT)
            and (message is None or message.is_sealed == (attempt.tls_version is not None))
        )
        if not is_right:
            wrong.append((case.name, row.state, said, attempt.explanation))
    assert wrong == []
    assert {(peer, recipient) for peer, recipient in arrived} == {
        (case.peer, f"bob@{case.domain}") for case in CASES if case.state == SENT
    }


async def test_what_must_arrive_is_not_held_up_by_what_the_destination_asks(scene: Scene) -> None:
    # RFC 8689 3: a complaint about a broken record has to get past it.
    cases = [BY_NAME[name] for name in ("dane-other-key", "sts-untrusted", "bogus-tlsa")]
    strict = BY_NAME["asked-2"]
    await _send(scene.house, *cases, strict, headers=(("TLS-Required", "No"),))
    for case in cases:
        row = await eventually(partial(scene.row, case), what="an attempt")
        assert row.state == SENT
        assert row.attempts[0].tls_level == "encrypted"
        assert "TLS-Required: No lowers to opportunistic" in row.attempts[0].explanation
    row = await eventually(partial(scene.row, strict), what="an attempt")
    assert row.state == DEFERRED
