from __future__ import annotations

import pytest

from postseal.errors import InvalidURL
from postseal.retrieve import MailboxProtocol, MailboxURL
from postseal.tls import Opening, TLSLevel


@pytest.mark.parametrize(
    ("url", "protocol", "port", "opening", "level"),
    [
        ("imap://a@h.example", "IMAP", 143, Opening.STARTTLS, TLSLevel.AUTHENTICATED),
        ("imaps://a@h.example", "IMAP", 993, Opening.IMPLICIT, TLSLevel.AUTHENTICATED),
        ("pop3://a@h.example", "POP3", 110, Opening.STARTTLS, TLSLevel.AUTHENTICATED),
        ("pop3s://a@h.example", "POP3", 995, Opening.IMPLICIT, TLSLevel.AUTHENTICATED),
        ("imap+insecure://a@h.example", "IMAP", 143, Opening.STARTTLS, TLSLevel.NONE),
        ("pop3+insecure://a@h.example", "POP3", 110, Opening.STARTTLS, TLSLevel.NONE),
        ("IMAPS://a@h.example:587/", "IMAP", 587, Opening.IMPLICIT, TLSLevel.AUTHENTICATED),
        ("imap://a@[::1]:465", "IMAP", 465, Opening.STARTTLS, TLSLevel.AUTHENTICATED),
        ("imap://a@[::1]", "IMAP", 143, Opening.STARTTLS, TLSLevel.AUTHENTICATED),
    ],
)
def test_what_a_url_means(
    url: str, protocol: str, port: int, opening: Opening, level: TLSLevel
) -> None:
    found = MailboxURL.parse(url)
    assert found.protocol is MailboxProtocol(protocol)
    endpoint = found.endpoint
    assert (endpoint.port, endpoint.opening, endpoint.level) == (port, opening, level)
    assert endpoint.username == "a"


def test_a_user_may_be_an_address() -> None:
    assert MailboxURL.parse("imaps://ada%40example.com@h.example").endpoint.username == (
        "ada@example.com"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mail.example.com", "Known: imap://"),
        ("imapss://h.example", "Did you mean imaps://"),
        ("smtp://h.example", "Known: imap://"),
        ("imaps://", "host"),
        ("imaps://a:hush@h.example", "password"),
        ("imaps://h.example:0", "port 0"),
        ("imaps://h.example:99999", "well formed"),
        ("imaps://h.example/INBOX", "ends after"),
        ("imaps://h.example\n", "no control"),
        ("imaps://h .example", "no spaces"),
    ],
)
def test_what_is_no_mailbox(url: str, said: str) -> None:
    with pytest.raises(InvalidURL, match=said) as caught:
        MailboxURL.parse(url)
    assert caught.value.hint is not None
    assert "hush" not in str(caught.value)
