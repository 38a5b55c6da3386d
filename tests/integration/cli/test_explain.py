"""`postseal explain tls` as a person runs it: real name servers, real TLS, what is printed.

It ends with 0 when all is as the policies ask, 1 when something falls short, 2 when it was called
wrongly, and 3 when something could not be had.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import dns.message
import pytest
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from postseal.dns.name_servers import NameServer
from postseal.tls.mta_sts import MTAStsMode, MTAStsPolicy
from postseal.tls.tlsa import TLSA
from tests.integration.send.scripts import greet, hello, take_quit
from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.command import COMMAND, Ran, run_postseal
from tests.parts.hostile_server import HostileServer, Talk
from tests.parts.name_server import name_server, respond
from tests.parts.namespace import NetworkNamespace
from tests.parts.ports import ReservedPort
from tests.parts.receiver import Receiver
from tests.parts.unbound import unbound
from tests.parts.web_authority import WebAuthority
from tests.parts.web_scripts import answering, response
from tests.parts.zones import Seal, SignedZones, Zone

DOMAIN, HOST = "example.org", "mx.example.org"
WRONG = "3 1 1 " + "00" * 32


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return issue_certificate(tmp_path_factory.mktemp("certificate"), HOST)


def matching(certificate: ServerCertificate) -> str:
    """The TLSA record of a server's certificate."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    _, _, behind = certificate.chain_file.read_text(encoding="ascii").partition(begin)
    der = ssl.PEM_cert_to_DER_cert(begin + behind.partition(end)[0] + end)
    return f"3 1 1 {TLSA.of(der).data.hex()}"


def names(port: int, tlsa: str = "") -> AbstractContextManager[NameServer]:
    """A name server with the domain; what it does not know does not exist, all of it authentic."""
    said: Mapping[tuple[str, str], str] = {
        (DOMAIN, "MX"): f"{DOMAIN}. MX 10 {HOST}.",
        (HOST, "A"): f"{HOST}. A 127.0.0.1",
        **({(f"_{port}._tcp.{HOST}", "TLSA"): f"_{port}._tcp.{HOST}. TLSA {tlsa}"} if tlsa else {}),
    }

    def answer(octets: bytes) -> Sequence[bytes]:
        query = dns.message.from_wire(octets)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        record = said.get((name, RdataType.to_text(question.rdtype)))
        rcode = Rcode.NOERROR if any(known == name for known, _ in said) else Rcode.NXDOMAIN
        records = [] if record is None else [record]
        return [respond(query, *records, rcode=rcode, authentic=True).to_wire()]

    return name_server(answer)


async def explain(server: NameServer, port: int, *options: str | Path, **environment: str) -> Ran:
    return await run_postseal(
        *("explain", "tls", DOMAIN, "--resolver", str(server), "--port", str(port)),
        *options,
        environment={"COLUMNS": "80", **environment},
    )


# -- what is printed ------------------------------------------------------------------------------


async def test_a_destination_with_dane_is_explained_and_tried(
    certificate: ServerCertificate,
) -> None:
    async with Receiver(certificate) as receiver:
        port = receiver.port
        with names(port, matching(certificate)) as server:
            ran = await explain(server, port, "--connect")
    digest = matching(certificate).split()[-1][:16]
    lines = ran.output.splitlines()
    assert (ran.status, ran.errors) == (0, "")
    assert lines[:5] == [
        "Mail to example.org",
        "  MX          10 mx.example.org [authentic]",
        "  TXT         _mta-sts.example.org: there is no such name [authentic]",
        "  MTA-STS     no policy",
        "",
    ]
    assert lines[5:7] == [
        "mx.example.org, preference 10",
        "  addresses   127.0.0.1 [authentic]",
    ]
    text = " ".join(ran.output.split())
    assert f"TLSA _{port}._tcp.mx.example.org: 3 1 1 {digest}... [authentic]" in text
    assert "policy authenticated by DANE (DANE)" in text
    assert "rule DANE requires authenticated: mx.example.org: lookups secure, TLSA records" in text
    assert (
        f"connection 127.0.0.1: TLSv1.3, TLS_AES_256_GCM_SHA384, DANE TLSA 3 1 1 {digest}" in text
    )
    assert lines[-3:] == [
        "Result",
        "  sender      would deliver",
        "  verdict     clean: nothing falls short of what the policies ask",
    ]
    assert all(len(line) <= 80 and line == line.rstrip() and line.isprintable() for line in lines)
    # A handshake, and a goodbye.
    assert (receiver.connections, receiver.goodbyes, receiver.messages) == (1, 1, [])


async def test_without_connect_nobody_is_connected_to(certificate: ServerCertificate) -> None:
    async with Receiver(certificate) as receiver:
        with names(receiver.port, WRONG) as server:
            ran = await explain(server, receiver.port)
    assert (ran.status, receiver.connections) == (0, 0)
    assert "policy      authenticated by DANE" in ran.output
    assert "connection" not in ran.output


async def test_a_certificate_that_is_not_the_one_named_falls_short(
    certificate: ServerCertificate,
) -> None:
    async with Receiver(certificate) as receiver:
        with names(receiver.port, WRONG) as server:
            ran = await explain(server, receiver.port, "--connect")
    assert ran.status == 1
    assert "is none of those that the DNS names" in " ".join(ran.output.split())
    assert "sender      would defer" in ran.output
    assert receiver.messages == []


async def test_a_server_that_is_not_there_is_inconclusive() -> None:
    with ReservedPort() as reserved, names(reserved.number) as server:
        ran = await explain(server, reserved.number, "--connect")
    assert ran.status == 3
    assert "cannot be reached" in " ".join(ran.output.split())
    assert "verdict     inconclusive" in ran.output


async def test_a_mistyped_domain_is_told_as_that() -> None:
    with names(25) as server:
        ran = await run_postseal("explain", "tls", "exmaple.org", "--resolver", str(server))
    assert ran.status == 1
    assert "There is no such domain: is exmaple.org spelt right?" in ran.output
    assert "would refuse" in ran.output


@pytest.mark.parametrize("forced", [True, False], ids=["terminal", "pipe"])
async def test_colour_is_for_terminals(forced: bool) -> None:
    with names(25) as server:
        ran = await explain(server, 25, **({"FORCE_COLOR": "1"} if forced else {}))
    assert ("\x1b[" in ran.output) is forced
    plain = re.sub(r"\x1b\[[0-9;]*m", "", ran.output)
    assert "sender      would deliver" in plain


async def test_json_says_the_same(certificate: ServerCertificate) -> None:
    async with Receiver(certificate) as receiver:
        port = receiver.port
        with names(port, matching(certificate)) as server:
            ran = await explain(server, port, "--connect", "--json")
    assert (ran.status, ran.errors) == (0, "")
    said = json.loads(ran.output)
    assert (said["version"], said["domain"], said["port"]) == (1, DOMAIN, port)
    assert (said["action"], said["verdict"], said["can_validate"]) == ("deliver", "clean", True)
    (one,) = said["servers"]
    assert one["dane"] == {
        "dns": "secure",
        "tlsa": "usable",
        "base_domain": HOST,
        "requirement": "authenticated",
    }
    assert one["lookups"][-1]["records"] == [matching(certificate)]
    tls = one["connection"]["tls"]
    assert (tls["level"], tls["proof"], tls["version"]) == ("authenticated", "DANE", "TLSv1.3")


# -- with the system's own resolver ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine with a validating resolver, a mail server and a web server; see `machine`."""

    namespace: NetworkNamespace
    ca_file: Path

    def explain(self, domain: str, *options: str) -> tuple[int, str]:
        command = ("env", "COLUMNS=200", COMMAND, "explain", "tls", domain)
        ran = self.namespace.run(*command, "--ca-file", self.ca_file, *options)
        assert ran.stderr == ""
        return ran.returncode, ran.stdout


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    authority = WebAuthority.create(folder)
    assert authority.trust.ca_path is not None
    policies = {
        "enforced.test": MTAStsPolicy(MTAStsMode.ENFORCE, ("mx.enforced.test",), 86_400),
        "tested.test": MTAStsPolicy(MTAStsMode.TESTING, ("mx.tested.test",), 86_400),
    }
    mail = authority.context("mx.enforced.test")

    def serve_mail(talk: Talk) -> None:
        greet(talk, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go ahead")
        talk.seal(mail)
        hello(talk)
        take_quit(talk)

    zones = [
        Zone(
            domain,
            f'@ MX 10 mx\nmx A 127.0.0.2\n_mta-sts TXT "v=STSv1; id=1;"\nmta-sts A 127.0.1.{last}',
            Seal.UNSIGNED,
        )
        for last, domain in enumerate(policies, start=1)
    ]
    with ExitStack() as stack:
        namespace = stack.enter_context(NetworkNamespace())
        bogus = Zone("bogus.test", "@ MX 10 mx\nmx A 127.0.0.2", Seal.BOGUS)
        stack.enter_context(unbound(SignedZones(*zones, bogus), namespace=namespace))
        listener = namespace.listen("127.0.0.2", 25)
        stack.enter_context(HostileServer(serve_mail, listener=listener))
        for last, (domain, policy) in enumerate(policies.items(), start=1):
            script = answering(authority.context(f"mta-sts.{domain}"), response(policy.write()))
            listener = namespace.listen(f"127.0.1.{last}", 443)
            stack.enter_context(HostileServer(script, listener=listener))
        yield Machine(namespace, Path(authority.trust.ca_path))


@pytest.mark.needs("unbound")
def test_an_enforced_policy_is_fetched_and_met(machine: Machine) -> None:
    status, said = machine.explain("enforced.test", "--connect")
    assert status == 0
    assert "TXT         _mta-sts.enforced.test: v=STSv1; id=1; [not authentic]" in said
    assert "MTA-STS     mode enforce, mx mx.enforced.test, max_age 86400" in said
    assert "policy      authenticated by PKIX (MTA-STS)" in said
    assert "certificate for mx.enforced.test" in said


@pytest.mark.needs("unbound")
def test_a_policy_in_testing_that_is_not_met_is_told(machine: Machine) -> None:
    status, said = machine.explain("tested.test", "--connect")
    assert status == 1
    assert "policy      opportunistic (default)" in said
    assert "tried       " in said
    assert "not met     MTA-STS reports authenticated" in said
    assert said.count("sender      would deliver") == 2


@pytest.mark.needs("unbound")
def test_a_forged_domain_is_told(machine: Machine) -> None:
    status, said = machine.explain("bogus.test")
    assert status == 1
    assert "are bogus" in said
    assert "sender      would defer" in said


@pytest.mark.needs("unbound")
def test_name_servers_elsewhere_are_not_believed_about_dnssec(machine: Machine) -> None:
    # Nothing is elsewhere in this network.
    far = ("--resolver", "192.0.2.53", "--timeout", "1")
    status, said = machine.explain("enforced.test", *far)
    assert status == 3
    assert "DNSSEC      unknown: no name server on loopback was asked" in said
    status, said = machine.explain("enforced.test", *far, "--dangerous-trust-ad-beyond-loopback")
    assert status == 3
    assert "DNSSEC" not in said
