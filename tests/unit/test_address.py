"""Addresses: what can be written, what it is written as, and why the rest is refused."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postseal.address import Address, ascii_domain
from postseal.errors import InvalidAddress


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("ada@example.com", "ada", "example.com"),
        ("a.b+c=d!#$%&'*/?^_`{|}~-@example.com", "a.b+c=d!#$%&'*/?^_`{|}~-", "example.com"),
        ("ada@localhost", "ada", "localhost"),
        ("ada@_dmarc.example.com", "ada", "_dmarc.example.com"),
        ("ada@[192.0.2.1]", "ada", "[192.0.2.1]"),
        ("ada@[IPv6:2001:db8::1]", "ada", "[IPv6:2001:db8::1]"),
        ("ada@[ipv6:::1]", "ada", "[ipv6:::1]"),
        # RFC 5321 4.1.2: Quoted-string; what it holds is no part of the syntax around it.
        ('"a b"@example.com', "a b", "example.com"),
        ('"a@b"@example.com', "a@b", "example.com"),
        ('"a>b"@example.com', "a>b", "example.com"),
        ('"a\\"b\\\\c"@example.com', 'a"b\\c', "example.com"),
        ('"a..b"@example.com', "a..b", "example.com"),
        ('"ä ö"@example.com', "ä ö", "example.com"),
        # RFC 6531 3.3
        ("ада@пример.рф", "ада", "пример.рф"),
        ("用户@例え.jp", "用户", "例え.jp"),
    ],
)
def test_reads_an_address(text: str, local: str, domain: str) -> None:
    address = Address.parse(text)
    assert (address.local, address.domain) == (local, domain)
    assert str(address) == text
    assert Address.parse(str(address)) == address


def test_needless_quotes_are_dropped() -> None:
    assert str(Address.parse('"ada"@example.com')) == "ada@example.com"
    assert str(Address.parse('"\\a\\d\\a"@example.com')) == "ada@example.com"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'' has no @. Write it as somebody@example.org."),
        ("ada", "'ada' has no @"),
        ("@example.com", "the part before the @ is missing"),
        ('""@example.com', "the part before the @ is missing"),
        ("ada@", "the domain after the @ is missing"),
        (".a@example.com", "a dot may only stand between two other characters"),
        ("a.@example.com", "a dot may only stand between two other characters"),
        ("a..b@example.com", "a dot may only stand between two other characters"),
        ("a b@example.com", "' ' at position 2 must be quoted"),
        ("a@b@example.com", "'@' at position 2 must be quoted"),
        ("ä(b@example.com", "'(' at position 2 must be quoted"),
        ('a"b"@example.com', "'\"' at position 2 must be quoted"),
        ('"a"b"@example.com', "'\"' at position 1 must be quoted"),
        ('"a\\"@example.com', "'\"' at position 1 must be quoted"),
        ("<ada@example.com>", "'<' at position 1 must be quoted"),
        ("a\r\nb@example.com", "'\\r' at position 2 must be quoted"),
        ('"a\r\nb"@example.com', "must be quoted"),
        ("ada@exa mple.com", "'exa mple' is no label"),
        ("ada@-a.com", "'-a' is no label"),
        ("ada@a-.com", "'a-' is no label"),
        ("ada@a..com", "the domain has an empty label"),
        ("ada@example.com.", "the domain has an empty label"),
        ("ada@exämple..com", "no domain name"),
        ("ada@" + "a" * 64 + ".com", "letters, digits and inner hyphens"),
        ("ada@" + "a" * 63 + (".a" * 97), "the domain is longer than 255 octets"),
        ("a" * 65 + "@example.com", "longer than 64 octets. RFC 5321 4.5.3.1.1 allows no more."),
        ("ä" * 33 + "@example.com", "longer than 64 octets"),
        ("ada@[192.0.2.256]", "no address literal"),
        ("ada@[192.0.2.1", "no address literal"),
        ("ada@[", "no address literal"),
        ("ada@[]", "no address literal. Write [192.0.2.1] or [IPv6:2001:db8::1]."),
        ("ada@[2001:db8::1]", "no address literal"),
        ("ada@[IPv6:192.0.2.1]", "no address literal"),
        ("ada@[IPv6:fe80::1%eth0]", "no address literal"),
        ("ada@[x:y]", "no address literal"),
        # One character that IDNA turns into three, of which one is a slash.
        ("ada@℀.com", "'a/c' is no label"),
        ("ada@" + "ä" * 70 + ".com", "no domain name"),
    ],
)
def test_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        Address.parse(text)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_long_text_is_shown_short() -> None:
    with pytest.raises(InvalidAddress) as caught:
        Address.parse("a" * 10000)
    assert len(str(caught.value)) < 200


UNSEEN = [*map(chr, range(32)), *"\x7f\x85\xa0\u2028\u2029\u200b\u202e\ud800\ufeff"]


@pytest.mark.parametrize("character", UNSEEN, ids=ascii)
def test_no_part_holds_what_cannot_be_seen(character: str) -> None:
    # Promise 6: there is no such address, in whatever way one tries to make it.
    for local, domain in (
        (f"a{character}b", "example.com"),
        ("ada", f"exa{character}mple.com"),
        ("ada", f"[{character}]"),
    ):
        with pytest.raises(InvalidAddress) as caught:
            Address(local, domain)
        assert character not in str(caught.value)
    for text in (
        f"a{character}b@example.com",
        f'"a{character}b"@example.com',
        f'"a\\{character}b"@example.com',
        f"ada@exa{character}mple.com",
        f"ada@[{character}]",
    ):
        with pytest.raises(InvalidAddress) as caught:
            Address.parse(text)
        assert character not in str(caught.value)


def test_the_longest_parts() -> None:
    assert len(Address("a" * 64, "example.com").local) == 64
    domain = ".".join(["a" * 63] * 3 + ["a" * 63])
    assert len(domain) == 255
    assert Address("ada", domain).domain == domain


@pytest.mark.parametrize(
    ("address", "ascii_form", "is_internationalized"),
    [
        (Address("Ada", "Example.COM"), "Ada@example.com", False),
        (Address("ada", "пример.рф"), "ada@xn--e1afmkfd.xn--p1ai", False),
        (Address("ада", "пример.рф"), "ада@xn--e1afmkfd.xn--p1ai", True),
        (Address("a b", "EXÄMPLE.com"), '"a b"@xn--exmple-cua.com', False),
        (Address("ada", "[IPv6:2001:DB8::1]"), "ada@[IPv6:2001:DB8::1]", False),
    ],
)
def test_writes_the_domain_in_ascii(
    address: Address, ascii_form: str, is_internationalized: bool
) -> None:
    assert address.to_ascii() == ascii_form
    assert address.is_internationalized is is_internationalized


@pytest.mark.parametrize("domain", ["straße.de", "βόλος.gr", "a\u200db.com", "a\u200cb.com"])
def test_a_name_that_IDNA_reads_in_two_ways_is_refused(domain: str) -> None:
    # The mail could reach another domain than the one that was meant (RFC 5894 7.2).
    with pytest.raises(InvalidAddress, match="different names"):
        ascii_domain(domain)
    with pytest.raises(InvalidAddress):
        Address("ada", domain)


ANY_LOCAL = st.text(st.characters() | st.sampled_from('"\\@<> .,;:()\u760a\u760d'), max_size=30)


@given(ANY_LOCAL, st.sampled_from(["example.com", "пример.рф", "[192.0.2.1]"]))
@example("\\", "example.com")
@example('"', "example.com")
def test_what_is_written_is_read_as_the_same(local: str, domain: str) -> None:
    try:
        address = Address(local, domain)
    except InvalidAddress:
        return
    assert Address.parse(str(address)) == address
    assert str(address).isprintable()
    assert Address.parse(address.to_ascii()).to_ascii() == address.to_ascii()
    assert pickle.loads(pickle.dumps(address)) == address


@given(st.text(max_size=60) | st.builds("{}@{}".format, st.text(max_size=20), st.text(max_size=40)))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = Address.parse(text)
    except InvalidAddress:
        return
    assert address.to_ascii().isprintable()
    assert ascii_domain(address.domain).isascii()
