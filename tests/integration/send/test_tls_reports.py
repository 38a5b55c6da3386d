"""A TLS report posted to a real HTTPS server, and one mailed to a real SMTP server."""

from __future__ import annotations

import ssl
from datetime import date
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import trustme

from postseal.errors import CertificateReason, CertificateRejected
from postseal.send import AsyncMailer
from postseal.send.networks.https import HTTPSFailed
from postseal.send.tls_reports import post_tls_report, tls_report_message
from postseal.tls import Trust
from postseal.tls.reports import (
    AppliedPolicy,
    HTTPSDestination,
    MailDestination,
    PolicyResults,
    Report,
    ReportPeriod,
    parse_reporting_record,
    read_report,
    report_octets,
)
from tests.parts.hostile_server import HostileServer, Script, Talk
from tests.parts.ports import LOOPBACK
from tests.parts.receiver import Receiver
from tests.parts.routed_network import RoutedNetwork
from tests.parts.web_scripts import response
from tests.parts.worlds import World, in_each_world

HOST = "reports.example.com"
REPORT = Report(
    organization_name="Example",
    contact_info="tls@sender.example",
    report_id="2026-11-21.example.com@sender.example",
    period=ReportPeriod.of_day(date(2026, 11, 21)),
    policies=(PolicyResults(policy=AppliedPolicy.none("example.com"), successful_sessions=3),),
)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trust(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Trust:
    ca_file: Path = tmp_path_factory.mktemp("reports") / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    return Trust.only(ca_file)


def taking(authority: trustme.CA, status: str, *, name: str = HOST) -> Script:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)

    def script(talk: Talk) -> None:
        talk.seal(context)
        while talk.hear():
            pass
        while not talk.received.endswith(report_octets(REPORT)):
            talk.take()
        talk.send(response(b"", status=status))
        talk.finish()

    return script


def post(world: World, trust: Trust, script: Script) -> bytes:
    (destination,) = parse_reporting_record(f"v=TLSRPTv1;rua=https://{HOST}/v1/tlsrpt")
    assert isinstance(destination, HTTPSDestination)
    with HostileServer(script) as server:
        network = RoutedNetwork(world.network(), {HOST: server.port})

        async def submit() -> None:
            deadline = network.now() + 10
            await post_tls_report(network, REPORT, destination, deadline=deadline, trust=trust)

        world.drive(submit())
        assert network.asked == [(HOST, 443)]
        return bytes(server.talks[0].received)


@in_each_world
@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted"])
def test_a_report_is_posted(world: World, authority: trustme.CA, trust: Trust, status: str) -> None:
    head, _, body = post(world, trust, taking(authority, status)).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/tlsrpt HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/tlsrpt+gzip" in head
    assert read_report(body).report == REPORT


@in_each_world
@pytest.mark.parametrize("status", ["404 Not Found", "301 Moved Permanently", "500 Oops"])
def test_a_report_that_is_not_taken_is_tried_again_later(
    world: World, authority: trustme.CA, trust: Trust, status: str
) -> None:
    with pytest.raises(HTTPSFailed, match=f"status {status[:3]}") as caught:
        post(world, trust, taking(authority, status))
    assert caught.value.is_temporary
    assert caught.value.host == HOST


@in_each_world
def test_a_report_is_for_nobody_else(world: World, authority: trustme.CA, trust: Trust) -> None:
    with pytest.raises(CertificateRejected) as caught:
        post(world, trust, taking(authority, "200 OK", name="elsewhere.example.com"))
    assert caught.value.reason is CertificateReason.WRONG_NAME


async def test_a_report_is_mailed() -> None:
    (destination,) = parse_reporting_record("v=TLSRPTv1;rua=mailto:tls@example.com")
    assert isinstance(destination, MailDestination)
    message = tls_report_message(REPORT, [destination], policy_domain="example.com")
    async with Receiver() as receiver:
        async with AsyncMailer(f"smtp+insecure://{LOOPBACK}:{receiver.port}") as mailer:
            await mailer.send(message)
        (received,) = receiver.messages
    assert received.recipients == ("tls@example.com",)
    text, attached = message_from_bytes(received.content, policy=policy.default).iter_parts()
    assert text.get_content_type() == "text/plain"
    assert read_report(attached.get_content()).report == REPORT
