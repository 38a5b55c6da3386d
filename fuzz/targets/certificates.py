"""Any octets are a certificate whose key and names are read, or CertificateRejected; a name that is
read proves the host it spells and, as a wildcard, nothing but one more label.
"""

from __future__ import annotations

from postseal.errors import CertificateReason, CertificateRejected
from postseal.tls.certificates import PresentedNames, read_certificate
from postseal.tls.names import is_presented

__all__ = ["run"]

_HOSTS = ("mail.example.org", "a.mail.example.org", "127.0.0.1", "::1", "bücher.example", "org", "")


def run(data: bytes) -> None:
    """Check the invariant."""
    try:
        content = read_certificate(data)
    except CertificateRejected as error:
        assert error.reason is CertificateReason.MALFORMED
        assert str(error).isprintable()
        return
    assert content.public_key_info in data
    for name in content.names.as_texts():
        assert name.isprintable()
        assert name.isascii()
    for host in _HOSTS:
        proved = is_presented(host, content.names)
        spelt = {name.lower() for name in content.names.as_texts()}
        covered = {host.lower(), host.encode("idna").decode(), f"*.{host.partition('.')[2]}"}
        # What proves a host is written there, by itself or as the wildcard one label above.
        assert not proved or spelt & covered
    for name in content.names.dns:
        if name.startswith("*."):
            assert not is_presented(name[2:], PresentedNames(dns=(name,)))
            assert not is_presented(f"a.b.{name[2:]}", PresentedNames(dns=(name,)))
