"""URLs of servers: the plain names are the safe ones, and a password has no place in them."""

from __future__ import annotations

import pytest

from postseal import TLSLevel
from postseal.errors import InvalidURL
from postseal.send import Endpoint
from postseal.send.endpoint import is_loopback
from postseal.tls import Opening

STARTTLS, IMPLICIT = Opening.STARTTLS, Opening.IMPLICIT


@pytest.mark.parametrize(
    ("url", "port", "opening", "level"),
    [
        ("smtp://mail.example.org", 587, STARTTLS, TLSLevel.AUTHENTICATED),
        ("smtps://mail.example.org", 465, IMPLICIT, TLSLevel.AUTHENTICATED),
        ("smtp+opportunistic://mail.example.org", 25, STARTTLS, TLSLevel.OPPORTUNISTIC),
        ("smtp+insecure://mail.example.org", 25, STARTTLS, TLSLevel.NONE),
        ("SMTP://Mail.Example.ORG:2525/", 2525, STARTTLS, TLSLevel.AUTHENTICATED),
    ],
)
def test_a_scheme_says_how_sealed(url: str, port: int, opening: Opening, level: TLSLevel) -> None:
    assert Endpoint.parse(url) == Endpoint("mail.example.org", port, opening, level)


@pytest.mark.parametrize(
    ("url", "host", "username"),
    [
        ("smtp://127.0.0.1", "127.0.0.1", None),
        ("smtp://[::1]:25", "::1", None),
        ("smtp://ada%40example.com@[2001:db8::1]", "2001:db8::1", "ada@example.com"),
        ("smtp://ada@bücher.example", "xn--bcher-kva.example", "ada"),
        ("smtp://a%3Ab%2Fc@localhost", "localhost", "a:b/c"),
    ],
)
def test_hosts_and_users(url: str, host: str, username: str | None) -> None:
    endpoint = Endpoint.parse(url)
    assert (endpoint.host, endpoint.username) == (host, username)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "must be given as a URL"),
        ("mail.example.org", "must be given as a URL"),
        ("mail.example.org:587", "must be given as a URL"),
        ("://mail.example.org", "must be given as a URL"),
        ("smpt://mail.example.org", "Did you mean smtp://"),
        ("smtp+starttls://mail.example.org", "is not known"),
        ("https://mail.example.org", "is not known"),
        ("smtp://", "names no host"),
        ("smtp://:25", "names no host"),
        ("smtp://ada@", "names no host"),
        ("smtp://mail.example.org:0", "port 0"),
        ("smtp://mail.example.org:65536", "not well formed"),
        ("smtp://mail.example.org:smtp", "not well formed"),
        ("smtp://[::1", "not well formed"),
        ("smtp://mail.example.org/inbox", "ends after its host and port"),
        ("smtp://mail.example.org?tls=no", "ends after its host and port"),
        ("smtp://mail.example.org#x", "ends after its host and port"),
        ("smtp://mail..example.org", "is no host name"),
        ("smtp://-mail.example.org", "is no host name"),
        ("smtp://faß.example", "write the domain in its xn-- form"),
        # urllib would read these as mail.example.org.
        ("smtp://mail.exam\nple.org", "no control characters"),
        ("smtp://mail.example.org\r\nQUIT", "no control characters"),
        (" smtp://mail.example.org", "no spaces"),
        ("smtp://mail.example.org\x00", "no control characters"),
    ],
)
def test_what_is_no_url_of_a_server(url: str, words: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        Endpoint.parse(url)
    assert words.lower() in str(caught.value).lower()


@pytest.mark.parametrize(
    "url",
    [
        "smtp://ada:hunter2@mail.example.org",
        "smtp://:hunter2@mail.example.org",
        # Slips that make a URL parser quote what it could not read.
        "smtp://ada:hunter2",
        "smtp://ada:hunter2/x@mail.example.org",
        "smtp://ada:a[hunter2]b@mail.example.org",
        "smtp://ada:hunter2\u2100@mail.example.org",
        "smtp://ada:25/hunter2@mail.example.org",
        "smtp://ada:hunter2#x@mail.example.org",
        "smtp://ada:hunter2?x@mail.example.org",
        "smtp//ada:hunter2@mail.example.org",
        "ada:hunter2@mail.example.org",
        "smtp://ada:hunter2@mail..example.org",
        "xmpp://ada:hunter2@mail.example.org",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        Endpoint.parse(url)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("localhost", True),
        # Names that only look like it.
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
