"""Suppressions have a reason and an end, or the file is refused."""

from __future__ import annotations

from datetime import date
from textwrap import dedent

import pytest

from postseal.audit.suppressions import Suppression, read_suppressions
from postseal.errors import InvalidSetting
from tests.parts.audited import found
from tests.parts.doc_blocks import block_of_page

TODAY = date(2026, 3, 1)


def read(text: str) -> tuple[Suppression, ...]:
    return read_suppressions(dedent(text), source="a.toml", today=TODAY)


def test_suppressions_are_read() -> None:
    first, second = read(
        """
        [[suppress]]
        rule = "LAB-N01-*"
        subject = "swaks *"
        reason = "Only on loopback."
        expires = 2027-01-31

        [[suppress]]
        rule = "LAB-N02-STARTTLS"
        reason = "The next release."
        expires = 2026-03-01
        """
    )
    assert first == Suppression(
        rule="LAB-N01-*",
        subject="swaks *",
        reason="Only on loopback.",
        expires=date(2027, 1, 31),
    )
    # The last day is one of them.
    assert (second.subject, second.expires) == ("*", TODAY)


def test_the_page_about_reports_shows_one() -> None:
    [one] = read(block_of_page("reports.md", "suppression"))
    assert one.matches(found(subject="swaks --server {host}"))


def test_no_suppressions() -> None:
    assert read("") == ()


def test_both_patterns_have_to_match() -> None:
    def suppression(rule: str, subject: str = "*") -> Suppression:
        return Suppression(rule=rule, subject=subject, reason="x", expires=TODAY)

    finding = found(subject="swaks --server {host}")
    assert suppression("LAB-N01-*").matches(finding)
    assert suppression("LAB-*", "swaks *").matches(finding)
    assert not suppression("LAB-N02-*").matches(finding)
    assert not suppression("lab-n01-*").matches(finding)
    assert not suppression("LAB-N01-*", "msmtp *").matches(finding)


WHOLE = 'rule = "x"\nreason = "y"\nexpires = 2027-01-31\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[suppress]]\n" + WHOLE.replace('reason = "y"', ""), "suppression 1 in a.toml has no re"),
        ("[[suppress]]\n" + WHOLE.replace('"y"', '"  "'), "suppression 1 in a.toml has no reason"),
        ("[[suppress]]\n" + WHOLE.replace('"y"', "7"), "suppression 1 in a.toml has no reason"),
        ("[[suppress]]\n" + WHOLE.replace('rule = "x"', ""), "suppression 1 in a.toml has no rule"),
        ("[[suppress]]\nsubject = 1\n" + WHOLE, "suppression 1 in a.toml has no subject"),
        ("[[suppress]]\n" + WHOLE.replace("expires = 2027-01-31", ""), "no day on which it ends"),
        ("[[suppress]]\n" + WHOLE.replace("01-31", "01-31T10:00:00"), "no day on which it ends"),
        ("[[suppress]]\n" + WHOLE.replace("2027-01-31", '"never"'), "no day on which it ends"),
        ("[[suppress]]\n" + WHOLE.replace("2027", "2025"), "suppression 1 in a.toml ended on 2025"),
        (f"[[suppress]]\n{WHOLE}[[suppress]]\n", "suppression 2 in a.toml has no"),
        (f"[[suppress]]\nrules = 1\n{WHOLE}", "has the key 'rules', which nobody knows"),
        (f"[suppress]\n{WHOLE}", "suppress in a.toml is no list"),
        ("suppress = [1]", "suppression 1 in a.toml is no table"),
        ("[[suppressions]]\n", "has the key 'suppressions', which nobody knows"),
        ("=", "a.toml is not TOML"),
        ("a = " + "9" * 5000, "a.toml cannot be read as TOML"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        read(text)
    assert said in str(refused.value)
