"""Certificates for the servers of a test, from an authority of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """The files of one server: its key and chain, and the authority that signed it."""

    chain_file: Path
    ca_file: Path


def issue_certificate(directory: Path, *names: str) -> ServerCertificate:
    """Make an authority and a certificate for `names` (host names or IP addresses) in `directory`.

    The directory is made where it is missing. The chain file is readable by its owner alone.
    """
    directory.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    leaf = authority.issue_cert(*names, key_type=trustme.KeyType.ECDSA)
    certificate = ServerCertificate(
        chain_file=directory / "chain.pem", ca_file=directory / "authority.pem"
    )
    certificate.chain_file.touch(mode=0o600)
    leaf.private_key_and_cert_chain_pem.write_to_path(certificate.chain_file)
    authority.cert_pem.write_to_path(certificate.ca_file)
    return certificate
