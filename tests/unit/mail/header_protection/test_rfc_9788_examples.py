"""The examples of RFC 9788: composing (Appendix D), reading (Appendices C and E)."""

from __future__ import annotations

from typing import Final

from postseal.mail.answers import reply
from postseal.mail.header_protection import (
    FieldProtection,
    ProtectionScheme,
    UnwrappedMessage,
    protect_for_encryption,
    protect_for_signing,
    unwrap,
)
from postseal.mail.reading import parse


def _octets(text: str) -> bytes:
    return text.lstrip("\n").replace("\n", "\r\n").encode("ascii")


CONTRACT: Final = _octets(
    """
Date: Wed, 11 Jan 2023 16:08:43 -0500
From: Bob <bob@example.net>
To: Alice <alice@example.net>
Subject: Handling the Jones contract
Message-ID: <20230111T210843Z.1234@lhp.example>
Content-Type: text/plain; charset="us-ascii"
MIME-Version: 1.0

Please review and approve or decline by Thursday, it's critical!

Thanks,
Bob

--
Bob Gonzalez
ACME, Inc.
"""
)
OUTER: Final = _octets(
    """
Date: Wed, 11 Jan 2023 16:08:43 -0500
From: Bob <bob@example.net>
To: Alice <alice@example.net>
Subject: [...]
Message-ID: <20230111T210843Z.1234@lhp.example>
"""
)
RECORDS: Final = b"".join(b"HP-Outer: " + line for line in OUTER.splitlines(keepends=True))

DINNER: Final = """
Date: Fri, 21 Jan 2022 20:40:48 -0500
From: Alice <alice@example.net>
To: Bob <bob@example.net>
Subject: Dinner plans
Message-ID: <{name}@lhp.example>
MIME-Version: 1.0
Content-Type: {type}; charset="us-ascii"; hp-legacy-display="1";
 hp="cipher"
HP-Outer: Date: Fri, 21 Jan 2022 20:40:48 -0500
HP-Outer: From: Alice <alice@example.net>
HP-Outer: To: Bob <bob@example.net>
HP-Outer: Subject: [...]
HP-Outer: Message-ID: <{name}@lhp.example>

"""
DINNER_OUTER: Final = b"Subject: [...]\r\nFrom: Alice <alice@example.net>\r\n"
DINNER_TEXT: Final = "Let's meet at Rama's Roti Shop at 8pm and go to the park\nfrom there.\n"

WRAPPED: Final = _octets(
    """
MIME-Version: 1.0
Content-Type: message/rfc822

MIME-Version: 1.0
Content-Type: text/plain; charset="us-ascii"
Subject: smime-enc-signed-complex-rfc8551hp-baseline
Message-ID:
 <smime-enc-signed-complex-rfc8551hp-baseline@example>
From: Alice <alice@smime.example>
To: Bob <bob@smime.example>
Date: Sat, 20 Feb 2021 12:28:02 -0500
User-Agent: Sample MUA Version 1.0

This is the message.
"""
)


def _protections(message: UnwrappedMessage) -> dict[str, FieldProtection]:
    return {field.name: field.protection for field in message.fields}


def test_d_1_2_a_new_message_with_the_baseline_policy() -> None:
    protected = protect_for_encryption(CONTRACT)
    assert protected.outer == OUTER
    payload = parse(protected.payload)
    assert payload.subject == "Handling the Jones contract"
    assert payload.root.content_type.get("hp") == "cipher"
    assert payload.root.content_type.get("hp-legacy-display") == "1"
    header, _, body = protected.payload.partition(b"\r\n\r\n")
    assert header.endswith(RECORDS.removesuffix(b"\r\n"))
    original = CONTRACT.partition(b"\r\n\r\n")[2]
    assert body == b"Subject: Handling the Jones contract\r\n\r\n" + original


def test_d_2_the_reply_shows_neither_the_element_nor_what_was_hidden() -> None:
    protected = protect_for_encryption(CONTRACT)
    read = unwrap(protected.outer, protected.payload, is_signature_valid=True, is_encrypted=True)
    answer = reply(read.message, from_="alice@example.net", text="I'll get right on it, Bob!")
    assert answer.subject == "Re: Handling the Jones contract"
    assert answer.text is not None
    assert "Subject" not in answer.text
    outer = protect_for_encryption(bytes(answer)).outer
    assert b"Jones" not in outer
    assert b"In-Reply-To: <20230111T210843Z.1234@lhp.example>\r\n" in outer


def test_a_message_that_is_only_signed_says_the_same_outside() -> None:
    protected = protect_for_signing(CONTRACT)
    assert protected.outer == OUTER.replace(b"[...]", b"Handling the Jones contract")
    payload = parse(protected.payload)
    assert payload.root.content_type.get("hp") == "clear"
    assert b"HP-Outer" not in protected.payload
    assert payload.root.raw_body == CONTRACT.partition(b"\r\n\r\n")[2]


def test_e_1_a_text_with_a_legacy_display_element() -> None:
    head = DINNER.format(name="text-plain-legacy-display", type="text/plain")
    payload = _octets(f"{head}Subject: Dinner plans\n\n{DINNER_TEXT}")
    read = unwrap(DINNER_OUTER, payload, is_signature_valid=True, is_encrypted=True)
    assert read.message.text == DINNER_TEXT
    assert read.message.subject == "Dinner plans"
    assert read.scheme is ProtectionScheme.HEADER_PROTECTION
    expected = dict.fromkeys(("Date", "From", "To", "Message-ID"), FieldProtection.SIGNED_ONLY)
    expected["Subject"] = FieldProtection.SIGNED_AND_ENCRYPTED
    assert _protections(read) == expected


def test_e_2_html_with_a_legacy_display_element() -> None:
    head = DINNER.format(name="text-html-legacy-display", type="text/html")
    payload = _octets(
        f"{head}<html><head><title></title></head><body>\n"
        '<div class="header-protection-legacy-display">\n<pre>Subject: Dinner plans</pre>\n'
        f"</div>\n<p>\n{DINNER_TEXT}</p>\n</body>\n</html>\n"
    )
    read = unwrap(DINNER_OUTER, payload, is_signature_valid=False, is_encrypted=True)
    assert read.message.html == (
        f"<html><head><title></title></head><body>\n\n<p>\n{DINNER_TEXT}</p>\n</body>\n</html>\n"
    )
    assert read.protection("subject") is FieldProtection.ENCRYPTED_ONLY
    assert read.protection("From") is FieldProtection.UNPROTECTED


def test_an_element_in_a_message_that_is_not_encrypted_is_text() -> None:
    head = DINNER.format(name="x", type="text/plain").replace("cipher", "clear")
    payload = _octets(f"{head}Subject: Dinner plans\n\n{DINNER_TEXT}")
    read = unwrap(DINNER_OUTER, payload, is_signature_valid=True, is_encrypted=False)
    assert read.message.text == f"Subject: Dinner plans\n\n{DINNER_TEXT}"
    assert set(_protections(read).values()) == {FieldProtection.SIGNED_ONLY}


def test_encryption_that_was_added_on_the_way_makes_nothing_confidential() -> None:
    payload = protect_for_signing(CONTRACT).payload
    read = unwrap(OUTER, payload, is_signature_valid=True, is_encrypted=True)
    assert set(_protections(read).values()) == {FieldProtection.SIGNED_ONLY}


def test_c_3_17_a_whole_message_inside() -> None:
    outer = b"Subject: [...]\r\nFrom: Alice <alice@smime.example>\r\n"
    read = unwrap(outer, WRAPPED, is_signature_valid=True, is_encrypted=True)
    assert read.scheme is ProtectionScheme.WRAPPED_MESSAGE
    assert read.message.subject == "smime-enc-signed-complex-rfc8551hp-baseline"
    assert read.message.text == "This is the message.\n"
    assert read.protection("Subject") is FieldProtection.SIGNED_AND_ENCRYPTED
    assert read.protection("From") is FieldProtection.SIGNED_ONLY


def test_a_message_in_a_signature_that_says_hp_itself_is_not_that_scheme() -> None:
    payload = WRAPPED.replace(b'"us-ascii"', b'"us-ascii"; hp="clear"')
    read = unwrap(OUTER, payload, is_signature_valid=True, is_encrypted=True)
    assert read.scheme is ProtectionScheme.NONE
    assert read.message.subject == "[...]"
    assert read.fields == ()


def test_what_mail_programs_wrote_before() -> None:
    payload = _octets(
        """
Content-Type: text/plain; charset=utf-8; protected-headers="v1"
Subject: The figures

The quiet part.
"""
    )
    outer = b"Subject: ...\r\nFrom: Alice <alice@example.net>\r\nReceived: by x; y\r\n"
    read = unwrap(outer, payload, is_signature_valid=False, is_encrypted=True)
    assert read.scheme is ProtectionScheme.PROTECTED_HEADERS
    assert read.message.subject == "The figures"
    assert [str(each.address) for each in read.message.from_] == ["alice@example.net"]
    assert read.protection("Subject") is FieldProtection.ENCRYPTED_ONLY
    assert [(field.name, field.protection) for field in read.added] == [
        ("From", FieldProtection.UNPROTECTED),
        ("Received", FieldProtection.UNPROTECTED),
    ]
