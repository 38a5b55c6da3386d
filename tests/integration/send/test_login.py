"""Logging in by what TLS has proven: EXTERNAL and the certificate (RFC 4422 appendix A)."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from postseal.send import Verification
from postseal.tls import Trust
from postseal.tls.authority import LocalAuthority
from tests.integration.send.scripts import greet, hello, take_quit
from tests.parts.flawed_certificates import HOST, Certificates
from tests.parts.hostile_server import HostileServer, Talk
from tests.parts.worlds import AnyMailer, World, in_each_world


@in_each_world
@pytest.mark.parametrize(("user", "response"), [("ada@", "YWRh"), ("", "=")])
def test_the_certificate_is_shown_and_named(
    world: World, certificates: Certificates, tmp_path: Path, user: str, response: str
) -> None:
    authority = LocalAuthority.create()
    issued = authority.issue_client("ada@example.com")
    chain, key, ca = (tmp_path / name for name in ("ada.pem", "ada.key", "ca.pem"))
    chain.write_bytes(issued.chain_pem)
    key.write_bytes(issued.key_pem)
    ca.write_bytes(authority.certificate_pem)
    context = certificates.context()
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED

    def script(talk: Talk) -> None:
        greet(talk, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go ahead")
        talk.seal(context)
        hello(talk, "AUTH PLAIN EXTERNAL")
        talk.hear(f"AUTH EXTERNAL {response}")
        talk.say("235 2.7.0 welcome")
        take_quit(talk)

    async def use(mailer: AnyMailer) -> Verification:
        return await mailer.verify()

    trust = Trust.only(certificates.ca_file).with_client_certificate(chain, key)
    with HostileServer(script) as server:
        url = f"smtp://{user}{HOST}:{server.port}"
        shown = world.mail(url, use, trust=trust, mechanisms=["EXTERNAL"])
    assert "AUTH" in shown.extensions
