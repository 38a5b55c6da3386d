from __future__ import annotations

import pytest

from postseal.address import Address
from postseal.errors import InvalidInput
from postseal.mail import Envelope

ADA = Address("ada", "example.com")
BOB = Address("bob", "example.org")


def test_a_recipient_is_kept_once_in_order() -> None:
    envelope = Envelope(
        None, (BOB, ADA, Address("bob", "EXAMPLE.org"), Address("Bob", "example.org"), ADA)
    )
    # The case of a local part means what its host says (RFC 5321 2.4).
    assert envelope.recipients == (BOB, ADA, Address("Bob", "example.org"))
    assert Envelope(None, envelope.recipients) == envelope


def test_both_forms_of_a_domain_are_one() -> None:
    envelope = Envelope(
        ADA, (Address("x", "bücher.example"), Address("x", "xn--bcher-kva.example"))
    )
    assert envelope.recipients == (Address("x", "bücher.example"),)


def test_somebody_has_to_get_it() -> None:
    with pytest.raises(InvalidInput, match="there is no recipient"):
        Envelope(ADA, ())


def test_the_recipients_are_bounded() -> None:
    with pytest.raises(InvalidInput, match="10001 recipients"):
        Envelope(ADA, tuple(Address(f"a{n}", "example.com") for n in range(10_001)))


@pytest.mark.parametrize(
    ("envelope", "needed"),
    [
        (Envelope(None, (ADA,)), False),
        (Envelope(ADA, (Address("x", "bücher.example"),)), False),
        (Envelope(ADA, (BOB, Address("jürgen", "example.com"))), True),
        (Envelope(Address("jürgen", "example.com"), (BOB,)), True),
    ],
)
def test_only_local_parts_need_smtputf8(envelope: Envelope, needed: bool) -> None:
    assert envelope.needs_smtputf8 is needed
