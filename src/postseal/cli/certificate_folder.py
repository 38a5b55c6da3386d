"""A folder with a local authority and what it issued: `NAME.pem` and `NAME.key`, `ca` among them.

The platform keeps its own authority in such a folder, so the same commands serve both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from postseal.cli.given import read_pem_file
from postseal.errors import InvalidInput
from postseal.serve.data_directory import make_private_directory, read_private, write_atomically
from postseal.tls.authority import Clock, IssuedCertificate, LocalAuthority, needs_renewal
from postseal.tls.readable import UNREADABLE, check_readable

__all__ = ["CertificateFolder", "read_certificates"]

_AUTHORITY: Final = "ca"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._@-]+")


@dataclass(frozen=True, slots=True)
class CertificateFolder:
    """The folder at `path`; keys in it are for the owner alone (0600)."""

    path: Path
    clock: Clock

    @property
    def authority_certificate(self) -> Path:
        """The authority's certificate: give it to whoever shall trust it."""
        return self.path / f"{_AUTHORITY}.pem"

    def create(self, authority_name: str, names: Sequence[str]) -> Path:
        """Make the folder with an authority and a server's certificate; give the latter's path.

        Raises `InvalidInput` where there is one of them already; then nothing was made.
        """
        make_private_directory(self.path)
        self._refuse_to_overwrite(_AUTHORITY)
        authority = LocalAuthority.create(name=authority_name, clock=self.clock)
        issued = authority.issue_server(names, clock=self.clock)
        made = self._keep(names[0], issued)
        self._write(_AUTHORITY, authority.certificate_pem, authority.key_pem)
        return made

    def authority(self) -> LocalAuthority:
        """Read the authority; raise `MailError` where there is none that can be used."""
        if not self.authority_certificate.exists():
            raise InvalidInput(
                f"{self.path} has no authority",
                hint="Make one with: postseal certs init.",
            )
        return LocalAuthority.from_pem(
            certificate_pem=self.authority_certificate.read_bytes(),
            key_pem=read_private(self._key(_AUTHORITY)),
        )

    def issue_server(self, names: Sequence[str]) -> Path:
        """Issue a server's certificate to a file named after the first name; give its path."""
        issued = self.authority().issue_server(names, clock=self.clock)
        return self._keep(names[0], issued)

    def issue_client(self, name: str) -> Path:
        """Issue a client's certificate to a file named after it; give its path."""
        return self._keep(name, self.authority().issue_client(name, clock=self.clock))

    def renew(self, *, everything: bool) -> Iterator[Path]:
        """Issue anew, for the same key, what is near its end, or everything; give the paths.

        The authority comes first, so that nothing is cut short by its end. What another authority
        issued stays as it is.
        """
        authority = self.authority()
        if everything or needs_renewal(authority.certificate, self.clock()):
            authority = LocalAuthority.create(
                name=authority.name, clock=self.clock, key_pem=authority.key_pem
            )
            # What it issued sends its certificate along.
            everything = True
            write_atomically(self.authority_certificate, authority.certificate_pem, mode=0o644)
            yield self.authority_certificate
        for path in sorted(self.path.glob("*.pem")):
            key = path.with_suffix(".key")
            if path == self.authority_certificate or not key.exists():
                continue
            certificate = read_certificates(path)[0]
            if not authority.has_issued(certificate):
                continue
            if everything or needs_renewal(certificate, self.clock()):
                issued = authority.reissue(certificate, key_pem=read_private(key), clock=self.clock)
                # One file changes, and at once: certificate and key always belong together.
                write_atomically(path, issued.chain_pem, mode=0o644)
                yield path

    def _keep(self, name: str, issued: IssuedCertificate) -> Path:
        stem = _UNSAFE.sub("_", name.replace("*", "_wildcard")).strip(".") or "unnamed"
        self._refuse_to_overwrite(stem)
        self._write(stem, issued.chain_pem, issued.key_pem)
        return self._certificate(stem)

    def _write(self, stem: str, certificate: bytes, key: bytes) -> None:
        # The key first: a certificate without its key would be refused by what reads both.
        write_atomically(self._key(stem), key, mode=0o600)
        write_atomically(self._certificate(stem), certificate, mode=0o644)

    def _refuse_to_overwrite(self, stem: str) -> None:
        for path in (self._certificate(stem), self._key(stem)):
            if path.exists():
                raise InvalidInput(
                    f"{path} exists, and nothing is overwritten",
                    hint="To give it a new life, use: postseal certs renew. For a new key, remove "
                    "it first.",
                )

    def _certificate(self, stem: str) -> Path:
        return self.path / f"{stem}.pem"

    def _key(self, stem: str) -> Path:
        return self.path / f"{stem}.key"


def read_certificates(path: Path) -> list[x509.Certificate]:
    """Read the certificates of a PEM file; raise `InvalidInput` for none, or an unreadable one."""
    octets = read_pem_file(path)
    if b"CERTIFICATE-----" not in octets:
        raise InvalidInput(f"{path} holds no certificate in PEM")
    try:
        found = x509.load_pem_x509_certificates(octets)
        for certificate in found:
            check_readable(certificate)
    except UNREADABLE as error:
        raise InvalidInput(f"{path} holds a certificate that cannot be read: {error}") from None
    return found
