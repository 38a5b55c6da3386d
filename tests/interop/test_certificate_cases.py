"""Each case of names and chains: through a handshake of ours, and by OpenSSL's command line."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from postseal.errors import CertificateRejected, TLSError
from postseal.tls import Channel, Opening, TLSLevel, Trust
from postseal.tls.names import reference_identifier
from tests.parts.certificate_case import Case
from tests.parts.certificate_cases import CASES
from tests.parts.channels import shake_hands


def by_title(case: Case) -> str:
    return case.title


def server_of(leaf: Path, more: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    chain = leaf.with_name("chain.pem")
    chain.write_bytes(leaf.read_bytes() + more.read_bytes())
    context.load_cert_chain(chain, key)
    return context


def test_there_are_enough_and_no_two_are_one() -> None:
    assert len(CASES) == len({case.title for case in CASES})
    assert len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=by_title)
def test_a_handshake_of_ours_ends_as_the_RFCs_say(case: Case, tmp_path: Path) -> None:
    chain = case.make()
    leaf, more, key, root = chain.write(tmp_path)
    here = Channel.client(
        case.host, trust=Trust.only(root), level=TLSLevel.AUTHENTICATED, opening=Opening.STARTTLS
    )
    there = Channel.server(server_of(leaf, more, key), opening=Opening.STARTTLS)
    if case.expected is None:
        shake_hands(here, there)
        assert here.outcome().level is TLSLevel.AUTHENTICATED
        return
    with pytest.raises(CertificateRejected) as caught:
        shake_hands(here, there)
    error = caught.value
    assert error.reason is case.expected, error
    assert error.hint
    # What the peer sent is there for the log, and nothing of ours goes out any more.
    assert error.chain == tuple(certificate.der for certificate in chain.sent)
    assert not here.is_established
    with pytest.raises(TLSError):
        here.send(b"AUTH PLAIN AGFkYQBodW50ZXIy\r\n")


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("case", CASES, ids=by_title)
async def test_openssl_agrees_but_for_what_the_table_says(
    case: Case, tmp_path: Path, program: Callable[[str], Path]
) -> None:
    leaf, more, _, root = case.make().write(tmp_path)
    reference = reference_identifier(case.host)
    try:
        ipaddress.ip_address(reference)
        name = "-verify_ip"
    except ValueError:
        name = "-verify_hostname"
    process = await asyncio.create_subprocess_exec(
        program("openssl"),
        *("verify", "-x509_strict", "-partial_chain", "-auth_level", "2"),
        *("-purpose", "sslserver", "-no-CApath", "-CAfile", root, name, reference),
        *(("-untrusted", more) if more.stat().st_size else ()),
        leaf,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    accepts = process.returncode == 0
    agrees = accepts is (case.expected is None)
    assert agrees is not bool(case.openssl), printed.decode()
