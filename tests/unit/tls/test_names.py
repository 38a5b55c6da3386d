"""Names as RFC 9525 compares them; tests/interop has the table that goes through a handshake."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.tls.certificates import PresentedNames
from postseal.tls.names import is_presented, reference_identifier

# Four labels of digits would be an address.
LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,5}[a-z0-9])?", fullmatch=True)
HOSTS = st.lists(LABELS, min_size=3, max_size=5).map(".".join)


@given(HOSTS)
def test_a_host_is_its_own_name_and_that_of_its_wildcard(host: str) -> None:
    wildcard = f"*.{host.partition('.')[2]}"
    for presented in (host, host.upper(), wildcard, wildcard.upper()):
        assert is_presented(host, PresentedNames(dns=(presented,)))
        assert is_presented(f"{host}.", PresentedNames(dns=(presented,)))
        assert not is_presented(f"a.{host}", PresentedNames(dns=(presented,)))


@given(HOSTS, HOSTS)
def test_another_host_is_never_meant(host: str, other: str) -> None:
    assert is_presented(host, PresentedNames(dns=(other,))) is (host == other)


@given(HOSTS, st.data())
def test_a_star_beside_anything_matches_nothing(host: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(host)))
    presented = f"{host[:at]}*{host[at:]}"
    assert not is_presented(host, PresentedNames(dns=(presented,)))


@given(st.ip_addresses(), st.ip_addresses())
def test_addresses_are_compared_as_addresses(
    one: ipaddress.IPv4Address | ipaddress.IPv6Address,
    other: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert is_presented(str(one), PresentedNames(addresses=(other, one)))
    assert is_presented(str(one), PresentedNames(addresses=(other,))) is (one == other)
    # RFC 9525 6.4: never by a DNS-ID.
    assert not is_presented(str(one), PresentedNames(dns=(str(one), "*")))


@pytest.mark.parametrize(
    "host", ["", ".", "*", "*.example.org", "a..b.c", "a b.c.d", "-a.b.c", "a\0.b.c"]
)
def test_what_is_no_host_has_no_certificate(host: str) -> None:
    assert not is_presented(host, PresentedNames(dns=(host, "*.b.c", "*.example.org")))


# Where IDNA 2003 and 2008 disagree, each reading belongs to somebody else.
@pytest.mark.parametrize("host", ["straße.example.org", "xn--zca.example.org"])
def test_a_doubtful_name_is_not_guessed(host: str) -> None:
    assert not is_presented(host, PresentedNames(dns=("strasse.example.org", "ss.example.org")))


@pytest.mark.parametrize(
    ("host", "reference"),
    [
        ("Mail.Example.ORG.", "mail.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("fe80::1%eth0", "fe80::1"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_the_reference_identifier(host: str, reference: str) -> None:
    assert reference_identifier(host) == reference


def test_all_names_are_shown() -> None:
    names = PresentedNames(dns=("a.example",), addresses=(ipaddress.ip_address("::1"),))
    assert names.as_texts() == ("a.example", "::1")
