"""Destinations in every state of DNS, TLSA, certificate and MTA-STS, served for real.

All of it is in one network namespace: Unbound over signed zones, mail servers, web servers.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from postseal.audit.lab.flawed_certificates import ROOT, Issued, Spec, authority, issue
from postseal.tls.tlsa import TLSA, Usage
from tests.integration.send.scripts import greet, hello, take_quit
from tests.parts.hostile_server import HostileServer, Script, Talk
from tests.parts.namespace import NetworkNamespace
from tests.parts.unbound import unbound
from tests.parts.web_scripts import answering, response
from tests.parts.zones import Seal, SignedZones, Zone


@dataclass(frozen=True, slots=True)
class Situation:
    """A destination; `policy` is that of MTA-STS, empty for none."""

    zone: str
    server: str
    tlsa: str
    policy: str = ""

    @property
    def label(self) -> str:
        return "-".join(filter(None, (self.policy, self.server, self.tlsa)))

    @property
    def domain(self) -> str:
        return f"{self.label}.{self.zone}.test"

    @property
    def host(self) -> str:
        return f"{self.label}.mx.{HOSTS.get(self.zone, self.zone)}.test"


# The zone of the hosts, where it is not that of the domains.
HOSTS: Final = {"plain-host": "unsigned", "plain-mx": "signed", "forged-host": "forged"}
ZONES: Final = {
    "signed": Seal.SIGNED,
    "unsigned": Seal.UNSIGNED,
    "plain-host": Seal.SIGNED,
    "plain-mx": Seal.UNSIGNED,
    "forged": Seal.BOGUS,
    "forged-host": Seal.SIGNED,
    "forged-tlsa": Seal.SIGNED,
    "silent-tlsa": Seal.SIGNED,
}

# -- certificates ---------------------------------------------------------------------------------


def leaf(subject: str, *names: str, issuer: Issued | None, **differences: object) -> Issued:
    presented = tuple(x509.DNSName(name) for name in names)
    spec = Spec(subject=subject, names=presented, **differences)  # type: ignore[arg-type]
    return issue(spec, issuer)


NAMES: Final = tuple(f"*.mx.{zone}.test" for zone in ZONES)
TOP: Final = issue(ROOT, None)
MIDDLE: Final = issue(authority("Middle"), TOP)
STRANGER: Final = issue(authority("Stranger"), None)
_CLIENT: Final = (ExtendedKeyUsageOID.CLIENT_AUTH,)
CHAINS: Final[Mapping[str, tuple[Issued, ...]]] = {
    "valid": (leaf("valid", *NAMES, issuer=MIDDLE), MIDDLE),
    "other-name": (leaf("other", "customer.example", issuer=MIDDLE), MIDDLE),
    "expired": (leaf("expired", *NAMES, issuer=MIDDLE, days=(-3, -1)), MIDDLE),
    "early": (leaf("early", *NAMES, issuer=MIDDLE, days=(1, 3)), MIDDLE),
    "self": (leaf("self", *NAMES, issuer=None),),
    "stranger": (leaf("strange", *NAMES, issuer=STRANGER), STRANGER),
    "cut-short": (leaf("cut short", *NAMES, issuer=MIDDLE),),
    "client": (leaf("client", *NAMES, issuer=MIDDLE, purposes=_CLIENT), MIDDLE),
}


def context_of(directory: Path, name: str, chain: tuple[Issued, ...]) -> ssl.SSLContext:
    file = directory / f"{name}.pem"
    file.write_bytes(chain[0].key_pem + b"".join(one.pem for one in chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


# -- servers --------------------------------------------------------------------------------------


def sealing(context: ssl.SSLContext) -> Script:
    def script(talk: Talk) -> None:
        greet(talk, "STARTTLS")
        if talk.hear() == "STARTTLS":
            talk.say("220 go ahead")
            talk.seal(context)
            hello(talk)
            take_quit(talk)

    return script


def in_clear(talk: Talk) -> None:
    greet(talk)
    take_quit(talk)


def refusing(talk: Talk) -> None:
    greet(talk, "STARTTLS")
    if talk.hear() == "STARTTLS":
        talk.say("454 4.7.0 not now")
        take_quit(talk)


def breaking(talk: Talk) -> None:
    greet(talk, "STARTTLS")
    if talk.hear() == "STARTTLS":
        talk.say("220 go ahead")
        talk.take()
        talk.reset()
    # Whoever does not ask for TLS is heard out.
    talk.say("221 bye")
    talk.end()


SERVERS: Final = (*CHAINS, "clear", "refusing", "breaking")
ADDRESSES: Final = {name: f"127.0.0.{number}" for number, name in enumerate(SERVERS, start=11)}


def web_addresses(situations: Sequence[Situation]) -> dict[Situation, str]:
    """Give each situation with a policy an address for its web server."""
    announcing = [one for one in situations if one.policy]
    return {one: f"127.0.1.{number}" for number, one in enumerate(announcing, start=1)}


def policy_file(situation: Situation) -> bytes:
    mode = {"off": "none", "testing": "testing", "malformed": "sometimes"}.get(situation.policy)
    host = "elsewhere.example" if situation.policy == "elsewhere" else situation.host
    return f"version: STSv1\nmode: {mode or 'enforce'}\nmx: {host}\nmax_age: 86400\n".encode()


def web_script(directory: Path, situation: Situation) -> Script:
    name = f"mta-sts.{situation.domain}"
    issuer = STRANGER if situation.policy == "impostor" else TOP
    context = context_of(directory, name, (leaf(name[:60], name, issuer=issuer),))
    if situation.policy == "redirected":
        there = f"Location: https://{name}/elsewhere.txt"
        return answering(context, response(b"", there, status="302 Found"))
    return answering(context, response(policy_file(situation)))


# -- the DNS --------------------------------------------------------------------------------------


def tlsa_records(situation: Situation) -> list[TLSA]:
    own = CHAINS.get(situation.server, CHAINS["valid"])[0].der
    match situation.tlsa:
        case "key":
            return [TLSA.of(own)]
        case "wrong":
            return [TLSA(3, 1, 1, bytes(32))]
        case "issuer":
            return [TLSA.of(MIDDLE.der, usage=Usage.DANE_TA)]
        case "pkix":
            return [TLSA.of(own, usage=Usage.PKIX_EE)]
        case _:
            return []


def make_zones(situations: Sequence[Situation], webs: Mapping[Situation, str]) -> SignedZones:
    lines: dict[str, list[str]] = {zone: [] for zone in ZONES}
    broken: list[str] = []
    silent: list[Zone] = []
    for one in situations:
        above = lines[HOSTS.get(one.zone, one.zone)]
        lines[one.zone].append(f"{one.domain}. MX 10 {one.host}.")
        above.append(f"{one.host}. A {ADDRESSES[one.server]}")
        if one.zone == "silent-tlsa":
            silent.append(Zone(f"_tcp.{one.host}", seal=Seal.UNREACHABLE))
        else:
            above += [
                f"_25._tcp.{one.host}. TLSA {record.usage} {record.selector} "
                f"{record.matching_type} {record.data.hex()}"
                for record in tlsa_records(one)
            ]
        if one.zone == "forged-tlsa":
            broken.append(f"_25._tcp.{one.host}. TLSA")
        if one.policy:
            lines[one.zone] += [
                f'_mta-sts.{one.domain}. TXT "v=STSv1; id=1;"',
                f"mta-sts.{one.domain}. A {webs[one]}",
            ]
    return SignedZones(
        *silent,
        *(
            Zone(
                f"{name}.test",
                "\n".join(dict.fromkeys(lines[name])),
                seal,
                tuple(broken) if name == "forged-tlsa" else (),
            )
            for name, seal in ZONES.items()
        ),
    )


# -- all of it ------------------------------------------------------------------------------------


@contextmanager
def serving(situations: Sequence[Situation], folder: Path) -> Iterator[NetworkNamespace]:
    """Serve all situations; `ca.pem` in `folder` is the authority that clients are to trust."""
    (folder / "ca.pem").write_bytes(TOP.pem)
    scripts: dict[str, Script] = {
        name: sealing(context_of(folder, name, chain)) for name, chain in CHAINS.items()
    }
    scripts |= {"clear": in_clear, "refusing": refusing, "breaking": breaking}
    webs = web_addresses(situations)
    with ExitStack() as stack:
        namespace = stack.enter_context(NetworkNamespace())
        stack.enter_context(unbound(make_zones(situations, webs), namespace=namespace))

        def serve(script: Script, address: str, port: int) -> None:
            listener = namespace.listen(address, port)
            stack.enter_context(HostileServer(script, listener=listener))

        for name, address in ADDRESSES.items():
            serve(scripts[name], address, 25)
        for one, address in webs.items():
            serve(web_script(folder, one), address, 443)
        yield namespace
