"""The platform, Unbound over signed zones, and a Postfix with a certificate of nobody's authority.

What Postfix logs is what is believed: who delivered over which TLS, and that nothing else came.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from postseal.tls.certificates import read_certificate
from postseal.tls.pins import Pin
from tests.integration.serve.delivering import NEVER, settled, submit
from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.house import House, keep_house
from tests.parts.postfix import Postfix
from tests.parts.queue_view import DeliveryRow
from tests.parts.unbound import unbound
from tests.parts.zones import Seal, SignedZones, Zone

pytestmark = pytest.mark.needs("postfix", "unbound")

DOMAINS = ("good.test", "wrong.test", "bogus.test", "plain.test")


@dataclass(frozen=True, slots=True)
class Site:
    """Where the receiving domains are, and how their names are looked up."""

    postfix: Postfix
    name_server: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    certificate = issue_certificate(tmp_path_factory.mktemp("certificate"), "anybody.example")
    with Postfix(certificate=certificate, domains=DOMAINS) as postfix:
        good = f"_{postfix.port}._tcp.mx TLSA 3 1 1 {_key_digest(certificate)}"
        wrong = f"_{postfix.port}._tcp.mx TLSA 3 1 1 {'00' * 32}"
        mail = "@ MX 10 mx\nmx A 127.0.0.1\n"
        zones = SignedZones(
            Zone("good.test", mail + good),
            Zone("wrong.test", mail + wrong),
            # In an unsigned zone anybody could have written it; and it is not for this server.
            Zone("plain.test", mail + wrong, Seal.UNSIGNED),
            Zone("bogus.test", mail + good, Seal.BOGUS),
        )
        with unbound(zones) as name_server:
            postfix.start()
            yield Site(postfix, str(name_server))


def _key_digest(certificate: ServerCertificate) -> str:
    pem = certificate.chain_file.read_text()
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE") :])
    return Pin.of_key(read_certificate(der).public_key_info).digest.hex()


async def _deliver(site: Site, directory: Path, domain: str, state: str) -> DeliveryRow:
    delivery = {
        "mode": "live",
        "mx_port": site.postfix.port,
        "dangerous_mx_on_this_machine": True,
        **NEVER,
    }
    dns = {"name_servers": [site.name_server]}
    async with keep_house(directory, dns=dns, delivery=delivery) as house:
        return await _submitted(house, domain, state)


async def _submitted(house: House, domain: str, state: str) -> DeliveryRow:
    await submit(house, f"bob@{domain}")
    (row,) = await settled(house, state)
    return row


async def test_a_server_that_the_dns_vouches_for_gets_the_mail(site: Site, tmp_path: Path) -> None:
    row = await _deliver(site, tmp_path, "good.test", "sent")
    (attempt,) = row.attempts
    assert attempt.authenticated_by.startswith("DANE TLSA 3 1 1")
    assert attempt.tls_version == "TLSv1.3"
    assert "DANE requires authenticated: mx.good.test" in attempt.explanation
    assert any(b"<bob@good.test>" in one for one in site.postfix.wait_for_messages(1))
    assert "TLS connection established from unknown[127.0.0.1]: TLSv1.3" in site.postfix.log


async def test_a_server_with_another_key_gets_nothing(site: Site, tmp_path: Path) -> None:
    before = len(site.postfix.stored())
    row = await _deliver(site, tmp_path, "wrong.test", "deferred")
    assert "the server's certificate is none of those that the DNS names" in row.reason
    assert len(site.postfix.stored()) == before
    assert "bob@wrong.test" not in site.postfix.log


async def test_forged_answers_hold_the_mail_back(site: Site, tmp_path: Path) -> None:
    row = await _deliver(site, tmp_path, "bogus.test", "deferred")
    assert "are bogus" in row.reason
    assert "bob@bogus.test" not in site.postfix.log


async def test_records_that_nobody_signed_count_for_nothing(site: Site, tmp_path: Path) -> None:
    row = await _deliver(site, tmp_path, "plain.test", "sent")
    (attempt,) = row.attempts
    assert (attempt.tls_level, attempt.authenticated_by) == ("encrypted", "")
    assert "its MX records are not authentic" in attempt.explanation
