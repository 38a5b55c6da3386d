from __future__ import annotations

import json
from base64 import b64decode, b64encode

import pytest

from postseal.smtp.sasl import BearerToken, ChallengeInvalid, Exposure, ServerRefused
from postseal.smtp.sasl.bearer import OAuthBearerClient, XOAuth2Client

TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="

each_client = pytest.mark.parametrize("client", [OAuthBearerClient, XOAuth2Client])
Client = type[OAuthBearerClient] | type[XOAuth2Client]


def test_the_initial_response_of_OAUTHBEARER() -> None:
    # RFC 7628 4.1
    credentials = BearerToken("user@example.com", TOKEN, host="server.example.com", port=143)
    assert OAuthBearerClient(credentials).initial_response() == b64decode(
        "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyI"
        "HZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
    )


def test_OAUTHBEARER_without_host_and_port() -> None:
    # RFC 7628 4.4, the SMTP example
    token = "vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg=="
    assert OAuthBearerClient(
        BearerToken("someuser@example.com", token)
    ).initial_response() == b64decode(
        "bixhPXNvbWV1c2VyQGV4YW1wbGUuY29tLAFhdXRoPUJlYXJlciB2RjlkZnQ0cW1UYzJOdmIzUmxja0JoZEhSaGRtb"
        "HpkR0V1WTI5dENnPT0BAQ=="
    )


def test_a_user_with_what_the_header_needs_for_itself() -> None:
    client = OAuthBearerClient(BearerToken("a=b,c", TOKEN))
    assert client.initial_response().startswith(b"n,a=a=3Db=2Cc,\x01auth=")


def test_the_initial_response_of_XOAUTH2() -> None:
    # the example that Google gives
    credentials = BearerToken(
        "someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"
    )
    assert XOAuth2Client(credentials).initial_response() == b64decode(
        "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52"
        "YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ=="
    )


@pytest.mark.parametrize(("client", "answer"), [(OAuthBearerClient, b"\x01"), (XOAuth2Client, b"")])
def test_the_error_is_kept_and_acknowledged(client: Client, answer: bytes) -> None:
    # RFC 7628 4.3
    exchange = client(BearerToken("ada", TOKEN))
    exchange.initial_response()
    error = b64decode(
        "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyY"
        "XRpb24iOiJodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0="
    )
    assert exchange.respond(error) == answer
    assert exchange.server_error == "status invalid_token, scope example_scope"
    # One explanation is all there is.
    with pytest.raises(ChallengeInvalid):
        exchange.respond(error)
    # And it is not taken back.
    with pytest.raises(ServerRefused, match="invalid_token"):
        exchange.finish()


def test_the_error_of_XOAUTH2() -> None:
    client = XOAuth2Client(BearerToken("ada", TOKEN))
    client.respond(
        b64decode(
            "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9t"
            "YWlsLmdvb2dsZS5jb20vIn0K"
        )
    )
    assert client.server_error == ("status 401, schemes bearer mac, scope https://mail.google.com/")


@each_client
@pytest.mark.parametrize(
    ("challenge", "shown"),
    [
        (b"", "an error that is no JSON object (0 octets)"),
        (b"\xff\xfe", "an error that is no JSON object (2 octets)"),
        (b"[" * 4000, "an error that is no JSON object (4000 octets)"),
        (b"9" * 4000, "an error that is no JSON object (4000 octets)"),
        (b'{"a":' * 700, "an error that is no JSON object (3500 octets)"),
        (b'["status"]', "an error that is no JSON object (10 octets)"),
        (b"{}", "an error without a status"),
        (b'{"status": null, "scope": ""}', "an error without a status"),
        (b'{"status": 401}', "status 401"),
        (b'{"status": ["x"], "scope": {"y": 1}}', "an error without a status"),
        (b'{"status": "\\ud800"}', "status ?"),
        (b'{"status": "a\\r\\n250 OK\\u001b[31m"}', "status a??250 OK?[31m"),
        (b'{"status": "' + b"x" * 5000 + b'"}', "an error that is no JSON object (5014 octets)"),
    ],
)
def test_errors_of_all_kinds(client: Client, challenge: bytes, shown: str) -> None:
    exchange = client(BearerToken("ada", TOKEN))
    exchange.respond(challenge)
    assert exchange.server_error == shown


@each_client
def test_errors_of_all_depths(client: Client) -> None:
    # Somewhere between is the depth that can just be read, and not be shown.
    for depth in range(700, 1000):
        exchange = client(BearerToken("ada", TOKEN))
        exchange.respond(b'{"status": ' + b"[" * depth + b"]" * depth + b"}")
        assert exchange.server_error.startswith("an error ")


@each_client
def test_a_long_error_is_cut(client: Client) -> None:
    exchange = client(BearerToken("ada", TOKEN))
    exchange.respond(json.dumps({"status": "x" * 3000}).encode())
    assert exchange.server_error == f"status {'x' * 200}..."


@each_client
@pytest.mark.parametrize("length", [20, 2000])
def test_a_server_that_quotes_what_it_was_given(client: Client, length: int) -> None:
    token = "x" * length
    exchange = client(BearerToken("ada", token))
    for quoted in (token, b64encode(exchange.initial_response()).decode()):
        exchange = client(BearerToken("ada", token))
        exchange.respond(json.dumps({"status": f"bad: {quoted}"}).encode())
        assert exchange.server_error == "status bad: ***"


@each_client
def test_success_at_once(client: Client) -> None:
    exchange = client(BearerToken("ada", TOKEN))
    exchange.initial_response()
    exchange.finish()
    assert exchange.server_error == ""


@each_client
def test_a_token_is_as_good_as_a_password(client: Client) -> None:
    assert client.exposure is Exposure.SECRET
