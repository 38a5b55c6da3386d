"""A certificate for localhost that vouches for itself, for as long as a measurement takes."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.parts.programs import find_program

__all__ = ["self_signed_certificate"]

_EXTENSIONS = (
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "basicConstraints=critical,CA:FALSE",
    "keyUsage=critical,digitalSignature",
    "extendedKeyUsage=serverAuth",
)


@contextmanager
def self_signed_certificate() -> Iterator[tuple[Path, Path]]:
    """Give a file with key and certificate, and one with the certificate alone."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        key, certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        command = [
            *(find_program("openssl"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ]
        for extension in _EXTENSIONS:
            command += ["-addext", extension]
        subprocess.run(command, capture_output=True, check=True)
        chain = Path(folder, "chain.pem")
        chain.touch(mode=0o600)
        chain.write_bytes(key.read_bytes() + certificate.read_bytes())
        yield chain, certificate
