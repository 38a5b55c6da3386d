"""What people name, what is guessed from that, and the URLs that come out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.dns import MX, Answer
from postseal.errors import InvalidInput
from postseal.send.autoconfig.candidates import Candidate, Origin, Voucher, lies_within
from postseal.send.autoconfig.guessing import GuessedHost, guess_at, guess_hosts
from postseal.send.autoconfig.subject import Subject
from postseal.send.endpoint import Endpoint
from postseal.tls import Opening


@pytest.mark.parametrize(
    ("text", "name", "port", "opening", "username"),
    [
        ("ada@Example.COM", "example.com", None, None, None),
        ("ada@bücher.example", "xn--bcher-kva.example", None, None, None),
        ("mail.example.com", "mail.example.com", None, None, None),
        ("mail.example.com.", "mail.example.com", None, None, None),
        ("mail.example.com:2525", "mail.example.com", 2525, None, None),
        ("mail.example.com:465", "mail.example.com", 465, None, None),
        ("192.0.2.1", "192.0.2.1", None, None, None),
        ("2001:db8::1", "2001:db8::1", None, None, None),
        ("[2001:db8::1]:587", "2001:db8::1", 587, None, None),
        ("smtp://mail.example.com", "mail.example.com", 587, Opening.STARTTLS, None),
        ("smtps://ada@mail.example.com:44", "mail.example.com", 44, Opening.IMPLICIT, "ada"),
    ],
)
def test_a_subject_is_read(
    text: str, name: str, port: int | None, opening: Opening | None, username: str | None
) -> None:
    subject = Subject.parse(text)
    assert (subject.name, subject.port, subject.opening, subject.username) == (
        name,
        port,
        opening,
        username,
    )
    assert (subject.address is not None) is ("@" in text and "://" not in text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b.example",
        "a..b",
        "ho\nst.example",
        "host:99999",
        "ada@",
        "@example.com",
        "ada@[192.0.2.1]",
        "http://example.com",
        "lmtp://example.com",
        "smtp://ada:secret@example.com",
    ],
)
def test_what_is_no_subject_is_refused_without_repeating_a_password(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Subject.parse(text)
    assert "secret" not in str(refused.value)


def test_the_user_is_who_was_named_else_by_the_template_else_the_address() -> None:
    subject = Subject.parse("ada@example.com")
    assert subject.username_by("") == "ada@example.com"
    assert subject.username_by("%EMAILLOCALPART%") == "ada"
    assert Subject.parse("ada@example.com", username="al").username_by("%EMAILADDRESS%") == "al"
    assert Subject.parse("example.com").username_by("%EMAILADDRESS%") is None


def answer(*hosts: str, authentic: bool = False) -> Answer[MX]:
    return Answer(tuple(MX(10, host) for host in hosts), authentic, "example.com", 300)


def test_the_usual_names_come_before_the_domain_itself_and_its_exchangers() -> None:
    hosts = guess_hosts(
        "example.com", exchangers=answer("mx.example.com", "mx.example.net"), is_named=False
    )
    assert hosts == (
        GuessedHost("smtp.example.com", Voucher.DOMAIN),
        GuessedHost("mail.example.com", Voucher.DOMAIN),
        GuessedHost("example.com", Voucher.DOMAIN),
        GuessedHost("mx.example.com", Voucher.DOMAIN),
        GuessedHost("mx.example.net", Voucher.NOBODY),
    )


@pytest.mark.parametrize(
    ("exchanger", "host"),
    [
        ("aspmx.l.google.com", "smtp.gmail.com"),
        ("example-com.mail.protection.outlook.com", "smtp.office365.com"),
        ("in1-smtp.messagingengine.com", "smtp.fastmail.com"),
    ],
)
def test_a_provider_is_known_and_only_dnssec_vouches_for_it(exchanger: str, host: str) -> None:
    guessed = guess_hosts("example.com", exchangers=answer(exchanger), is_named=False)
    assert guessed[0] == GuessedHost(host, Voucher.NOBODY)
    signed = answer(exchanger, authentic=True)
    guessed = guess_hosts("example.com", exchangers=signed, is_named=False)
    assert guessed[0] == GuessedHost(host, Voucher.DNSSEC)


def test_no_name_is_guessed_twice_and_the_null_mx_is_none() -> None:
    assert [
        one.host
        for one in guess_hosts("a.example", exchangers=answer("mail.a.example"), is_named=True)
    ] == ["a.example", "smtp.a.example", "mail.a.example"]
    assert len(guess_hosts("a.example", exchangers=answer(""), is_named=False)) == 3
    assert guess_hosts("192.0.2.1", exchangers=None, is_named=True) == (
        GuessedHost("192.0.2.1", Voucher.CALLER),
    )


def test_only_port_465_is_tls_from_the_first_octet() -> None:
    found = guess_at(GuessedHost("a.example", Voucher.CALLER))
    assert [(one.port, one.opening) for one in found] == [
        (465, Opening.IMPLICIT),
        (587, Opening.STARTTLS),
        (2525, Opening.STARTTLS),
        (25, Opening.STARTTLS),
    ]


@pytest.mark.parametrize(
    ("host", "is_within"),
    [
        ("example.com", True),
        ("a.b.example.com", True),
        ("badexample.com", False),
        ("example.com.evil.test", False),
        ("com", False),
    ],
)
def test_a_host_lies_within_its_domain_alone(host: str, is_within: bool) -> None:
    assert lies_within(host, "example.com") is is_within


@given(
    host=st.sampled_from(["mail.example.com", "192.0.2.1", "2001:db8::1"]),
    port=st.integers(1, 65535),
    opening=st.sampled_from(Opening),
    username=st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"])),
)
def test_the_url_of_a_candidate_names_its_endpoint(
    host: str, port: int, opening: Opening, username: str | None
) -> None:
    candidate = Candidate(
        host=host,
        port=port,
        opening=opening,
        origin=Origin.GUESS,
        voucher=Voucher.CALLER,
        username=username,
    )
    assert Endpoint.parse(candidate.url) == candidate.endpoint
