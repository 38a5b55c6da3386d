"""Any text is refused as InvalidReport in a short printable line, or names between one and twenty
destinations, each an address or an https URL in printable ASCII, that a record of them alone names
again.
"""

from __future__ import annotations

from urllib.parse import quote

from fuzz.chunks import text_of
from postseal.errors import InvalidReport
from postseal.tls.reports import MailDestination, parse_reporting_record

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant."""
    try:
        destinations = parse_reporting_record(text_of(data))
    except InvalidReport as error:
        assert str(error).isprintable()
        assert len(str(error)) < 1500
        return
    assert 1 <= len(destinations) <= 20
    uris = []
    for destination in destinations:
        if isinstance(destination, MailDestination):
            uris.append("mailto:" + quote(str(destination.address), safe="@"))
            continue
        url = str(destination)
        assert url.isascii()
        assert url.isprintable()
        assert url.startswith("https://")
        assert not set(" ,;!") & set(url)
        uris.append(url)
    record = f"v=TLSRPTv1; rua={', '.join(uris)}"
    if len(record) <= 8192:
        assert parse_reporting_record(record) == destinations
