from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.address import Address
from postseal.errors import InvalidAddress, InvalidHeader
from postseal.mail import Mailbox, parse_mailboxes
from postseal.mail.mailbox import mailbox_field

ADA = Address("ada", "example.com")


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("ada@example.com", "", "ada@example.com"),
        ("  ada@example.com\t", "", "ada@example.com"),
        ("<ada@example.com>", "", "ada@example.com"),
        ("Ada Lovelace <ada@example.com>", "Ada Lovelace", "ada@example.com"),
        ("Ada  \t Lovelace<ada@example.com>", "Ada Lovelace", "ada@example.com"),
        ("John Q. Public <j@example.com>", "John Q. Public", "j@example.com"),
        ('"Doe, John" <j@example.com>', "Doe, John", "j@example.com"),
        ('"a \\"b\\" \\\\c" <j@example.com>', 'a "b" \\c', "j@example.com"),
        ('"Ada" K. "Love" <a@example.com>', "Ada K. Love", "a@example.com"),
        ('"" <a@example.com>', "", "a@example.com"),
        ("Jürgen Groß <j@example.com>", "Jürgen Groß", "j@example.com"),
        ("Ада <ада@пример.рф>", "Ада", "ада@пример.рф"),
        ('"a@b" <c@example.com>', "a@b", "c@example.com"),
        ('"a b"@example.com', "", '"a b"@example.com'),
        ('Name <"a>b"@example.com>', "Name", '"a>b"@example.com'),
        ("x@[192.0.2.1]", "", "x@[192.0.2.1]"),
        ("X <x@[IPv6:2001:db8::1]>", "X", "x@[IPv6:2001:db8::1]"),
    ],
)
def test_reads_a_mailbox(text: str, name: str, address: str) -> None:
    found = Mailbox.parse(text)
    assert (found.name, str(found.address)) == (name, address)
    assert Mailbox.parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a mailbox is missing at the end"),
        ("   ", "a mailbox is missing at the end"),
        ("Ada", "an address with @ is missing at the end"),
        ("Ada <ada@example.com", "not closed at the end"),
        ("Ada <ada@example.com> x", "'x' after the address at position 23"),
        ("Ada <>", "no address in the angle brackets at position 6"),
        ("Ada <ada>", "no address in the angle brackets at position 6"),
        ("Ada < ada@example.com>", "no address in the angle brackets at position 6"),
        ("Ada <ada@example.com >", "not closed at position 21"),
        ("Doe, John <j@example.com>", "',' where a name or an address is expected at position 4"),
        ("a@example.com, b@example.com", "',' after the address at position 14"),
        ("a@b <c@example.com>", "'<' after the address at position 5"),
        ("Ada (hi) <a@example.com>", "a comment at position 5"),
        ("friends: a@example.com;", "':' where a name or an address is expected at position 8"),
        ('"Ada <a@example.com>', "the quote is not closed at position 1"),
        ("a..b@example.com", "a dot may only stand between"),
        ("a@exa mple.com", "'m' after the address at position 7"),
        ("a@-x.com", "label"),
        ("a@", "domain after the @ is missing"),
        ("Ada\n<a@example.com>", "U+000A at position 4"),
        ("a@example.com\r\nBcc: x@example.com", "after the address at position 14"),
        ("a\x00@example.com", "U+0000 at position 2"),
    ],
)
def test_points_at_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        Mailbox.parse(text)
    assert says in str(caught.value)


@pytest.mark.parametrize("character", ["\r", "\n", "\0", "\t", "\x7f", "\x85", "\u2028", "\ud800"])
def test_a_name_holds_no_control(character: str) -> None:
    with pytest.raises(InvalidHeader, match=f"U\\+{ord(character):04X} at position 2"):
        Mailbox(f"A{character}da", ADA)
    with pytest.raises(InvalidHeader):
        Mailbox.parse(f'"A{character}da" <ada@example.com>')


@given(st.text())
def test_any_text_is_a_mailbox_or_a_typed_error(text: str) -> None:
    try:
        found = Mailbox.parse(text)
    except (InvalidAddress, InvalidHeader):
        return
    assert Mailbox.parse(str(found)) == found


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_every_name_survives_being_written_for_people(name: str) -> None:
    mailbox = Mailbox(name, ADA)
    assert Mailbox.parse(str(mailbox)) == mailbox
    assert parse_mailboxes(f"{mailbox}, {mailbox}") == (mailbox, mailbox)


def test_reads_a_list() -> None:
    found = parse_mailboxes('A <a@example.com>, b@example.org,"C, D" <c@example.net>')
    assert [(each.name, each.address.local) for each in found] == [
        ("A", "a"),
        ("", "b"),
        ("C, D", "c"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a mailbox is missing at the end"),
        ("a@example.com,", "a mailbox is missing at the end"),
        ("a@example.com,,b@example.com", "',' where a name or an address is expected at position"),
        ("a@example.com b@example.com", "'b' after the address at position 15"),
    ],
)
def test_refuses_a_broken_list(text: str, says: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        parse_mailboxes(text)
    assert says in str(caught.value)


def test_reading_takes_linear_time() -> None:
    # Quadratic work on any of these would take minutes.
    for text in ('"' + "\\a" * 300_000, "a" * 600_000, "a " * 300_000, "a." * 300_000 + "@"):
        with pytest.raises(InvalidAddress):
            Mailbox.parse(text)


@pytest.mark.parametrize(
    ("mailbox", "line"),
    [
        (Mailbox("", ADA), "ada@example.com"),
        (Mailbox("Ada Lovelace", ADA), "Ada Lovelace <ada@example.com>"),
        (Mailbox("Ada L.", ADA), '"Ada L." <ada@example.com>'),
        (Mailbox(" Ada", ADA), '" Ada" <ada@example.com>'),
        (Mailbox("Ada  B", ADA), '"Ada  B" <ada@example.com>'),
        (Mailbox('A "B" \\C', ADA), '"A \\"B\\" \\\\C" <ada@example.com>'),
        (Mailbox("Ädä", ADA), "=?utf-8?b?w4Rkw6Q=?= <ada@example.com>"),
        (Mailbox("Zoë Washington", ADA), "=?utf-8?q?Zo=C3=AB_Washington?= <ada@example.com>"),
        # Would be decoded by readers if it were left as it is.
        (Mailbox("=?x?q?y?=", ADA), "=?utf-8?b?PT94P3E/eT89?= <ada@example.com>"),
        (Mailbox("", Address("x", "Bücher.example")), "x@xn--bcher-kva.example"),
    ],
)
def test_writes_a_mailbox(mailbox: Mailbox, line: str) -> None:
    assert mailbox_field("To", [mailbox]) == f"To: {line}\r\n".encode("ascii")


def test_only_an_internationalised_local_part_is_not_ascii() -> None:
    line = mailbox_field("To", [Mailbox("Дядя", Address("дядя", "пример.рф"))])
    assert line == "To: =?utf-8?b?0JTRj9C00Y8=?= <дядя@xn--e1afmkfd.xn--p1ai>\r\n".encode()


def test_folds_between_mailboxes_and_words() -> None:
    people = [Mailbox(f"Person Number {n}", Address(f"p{n}", "example.com")) for n in range(40)]
    field = mailbox_field("To", people)
    assert max(map(len, field.split(b"\r\n"))) <= 78
    assert field.replace(b"\r\n", b"") == b"To: " + b", ".join(
        b"Person Number %d <p%d@example.com>" % (n, n) for n in range(40)
    )


def test_a_list_too_long_for_a_header_is_refused() -> None:
    with pytest.raises(InvalidHeader, match="To takes more than 102400 characters"):
        mailbox_field("To", [Mailbox("Ada", ADA)] * 100_000)
