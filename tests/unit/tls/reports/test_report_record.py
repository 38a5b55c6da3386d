"""The record that asks for reports, by the grammar of RFC 8460 3."""

from __future__ import annotations

import pytest

from postseal.address import Address
from postseal.errors import InvalidReport
from postseal.tls.reports import (
    HTTPSDestination,
    MailDestination,
    ReportDestination,
    parse_reporting_record,
    reporting_destinations,
    reporting_name,
)


def mail(text: str) -> MailDestination:
    return MailDestination(Address.parse(text))


MAIL = mail("reports@example.com")
WEB = HTTPSDestination("reporting.example.com", "/v1/tlsrpt")


@pytest.mark.parametrize(
    ("record", "destinations"),
    [
        # The two examples of RFC 8460 3.1.
        ("v=TLSRPTv1;rua=mailto:reports@example.com", (MAIL,)),
        ("v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt", (WEB,)),
        ("v=TLSRPTv1 ; rua=mailto:reports@example.com ;", (MAIL,)),
        ("v=TLSRPTv1;rua=mailto:reports@example.com\t,\t" + str(WEB), (MAIL, WEB)),
        (f"v=TLSRPTv1;rua={WEB};rua=mailto:reports@example.com", (WEB, MAIL)),
        ("v=TLSRPTv1;future=x;rua=mailto:reports@example.com;other_1.x=y", (MAIL,)),
        ("v=TLSRPTv1;rua=mailto:reports@example.com,mailto:reports@example.com", (MAIL,)),
        # RFC 6068 2: percent-encoding; header fields are nobody's business here.
        ("v=TLSRPTv1;rua=mailto:a%2Cb%40c@example.com", None),
        ("v=TLSRPTv1;rua=mailto:rep%6Frts@example.com?subject=x", (MAIL,)),
        ("v=TLSRPTv1;rua=MAILTO:reports@example.com", (MAIL,)),
        ("v=TLSRPTv1;rua=https://h.example/?a=%21", (HTTPSDestination("h.example", "/?a=%21"),)),
        ("v=TLSRPTv1;rua=HTTPS://H.example:443?x", (HTTPSDestination("h.example", "/?x"),)),
        ("v=TLSRPTv1;rua=https://h.example", (HTTPSDestination("h.example", "/"),)),
        # A stranger's record makes nobody talk to another service, or to a host by its number.
        ("v=TLSRPTv1;rua=https://h.example:8443/x", None),
        ("v=TLSRPTv1;rua=https://[2001:db8::1]/x", None),
        ("v=TLSRPTv1;rua=https://127.0.0.1/x", None),
        ("v=TLSRPTv1;rua=https://h..example/x", None),
        # Others may be usable beside one that is not.
        ("v=TLSRPTv1;rua=ftp://example.com/,mailto:reports@example.com", (MAIL,)),
        ("v=TLSRPTv1;rua=,mailto:reports@example.com,", (MAIL,)),
        ("v=TLSRPTv1", None),
        ("v=TLSRPTv1;", None),
        ("v=TLSRPTv1;rua=", None),
        ("v=TLSRPTv2;rua=mailto:reports@example.com", None),
        ("V=TLSRPTv1;rua=mailto:reports@example.com", None),
        ("v=tlsrptv1;rua=mailto:reports@example.com", None),
        ("v=TLSRPTv1;RUA=mailto:reports@example.com", None),
        ("v=TLSRPTv1;;rua=mailto:reports@example.com", None),
        ("v=TLSRPTv1;rua", None),
        ("v=TLSRPTv1;rua=mailto:reports", None),
        ("v=TLSRPTv1;rua=mailto:a@b.example%0D%0ARCPT%20TO:x@y.example", None),
        ("v=TLSRPTv1;rua=mailto:%ff@example.com", None),
        ("v=TLSRPTv1;rua=http://example.com/", None),
        ("v=TLSRPTv1;rua=https:///x", None),
        ("v=TLSRPTv1;rua=https://user:password@example.com/", None),
        ("v=TLSRPTv1;rua=https://example.com/#x", None),
        ("v=TLSRPTv1;rua=https://example.com:0/", None),
        ("v=TLSRPTv1;rua=https://example.com:99999/", None),
        ("v=TLSRPTv1;rua=https://[::1/", None),
        ("v=TLSRPTv1;rua=https://exa mple.com/", None),
        ("v=TLSRPTv1;rua=https://b\u00fccher.example/", None),
        ("v=TLSRPTv1;rua=https://h.example/%zz", None),
        ("v=TLSRPTv1;rua=mailto:" + "x" * 9000, None),
    ],
)  # fmt: skip
def test_a_record(record: str, destinations: tuple[ReportDestination, ...] | None) -> None:
    if destinations is not None:
        assert parse_reporting_record(record) == destinations
        return
    with pytest.raises(InvalidReport) as caught:
        parse_reporting_record(record)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("texts", "destinations"),
    [
        ([], ()),
        (["v=spf1 -all", "v=TLSRPTv1;rua=mailto:reports@example.com"], (MAIL,)),
        # Records of this kind begin so, and there may be one only.
        (["v=TLSRPTv1"], ()),
        (["v=TLSRPTv10;rua=mailto:reports@example.com"], ()),
        (["v=TLSRPTv1;rua=mailto:a@example.com", "v=TLSRPTv1;rua=mailto:b@example.com"], ()),
    ],
)
def test_the_records_at_the_name(
    texts: list[str], destinations: tuple[ReportDestination, ...]
) -> None:
    assert reporting_destinations(texts) == destinations


def test_a_single_record_that_is_damaged_is_an_error() -> None:
    with pytest.raises(InvalidReport, match="no rua"):
        reporting_destinations(["v=TLSRPTv1;"])


def test_destinations_are_bounded() -> None:
    uris = ",".join(f"mailto:r{number}@example.com" for number in range(50))
    assert len(parse_reporting_record(f"v=TLSRPTv1;rua={uris}")) == 20


def test_where_the_record_is() -> None:
    assert reporting_name("example.org") == "_smtp._tls.example.org"
