"""REQUIRETLS, where the tables of `docs/tls-policy.md` do not reach (RFC 8689)."""

from __future__ import annotations

import pytest

from postseal.errors import LocalProtocolError, Phase, RequireTLSNotMet
from postseal.tls import TLSLevel, TLSOutcome
from postseal.tls.requiretls import (
    TLS_NOT_REQUIRED_HEADER,
    HostAssurance,
    TLSRequirement,
    announces_requiretls,
    bounce_reason,
    requirement_of,
    requiretls_statement,
)

AUTHENTICATED = TLSOutcome(TLSLevel.AUTHENTICATED)


@pytest.mark.parametrize(
    ("values", "tag"),
    [
        (["No"], TLSRequirement.NOT_REQUIRED),
        # RFC 8689 3: [FWS] before the value; a quoted literal of ABNF has no case (RFC 5234 2.3).
        ([" \r\n\tNO"], TLSRequirement.NOT_REQUIRED),
        (["No, really"], TLSRequirement.UNSTATED),
        (["No (comment)"], TLSRequirement.UNSTATED),
        ([""], TLSRequirement.UNSTATED),
        # It MUST NOT be there twice; what lowers is read in doubt as not said.
        (["No", "No"], TLSRequirement.UNSTATED),
        (["Yes", "No"], TLSRequirement.UNSTATED),
    ],
)
def test_the_header_says_no_or_nothing(values: list[str], tag: TLSRequirement) -> None:
    assert requirement_of(parameter=False, header_values=values) is tag


def test_the_header_that_is_written_is_understood() -> None:
    name, value = TLS_NOT_REQUIRED_HEADER
    assert name == "TLS-Required"
    tag = requirement_of(parameter=False, header_values=[value])
    assert tag is TLSRequirement.NOT_REQUIRED


def test_who_says_nothing_asks_for_nothing() -> None:
    for assurance in HostAssurance:
        said = requiretls_statement(TLSRequirement.UNSTATED, assurance, is_notification=False)
        assert said is None


@pytest.mark.parametrize("tag", [TLSRequirement.UNSTATED, TLSRequirement.NOT_REQUIRED])
def test_the_parameter_is_for_messages_that_came_with_it(tag: TLSRequirement) -> None:
    # Even where all is there: the sender did not ask for messages to be lost for want of TLS.
    assert not announces_requiretls(
        tag,
        HostAssurance.DNSSEC,
        AUTHENTICATED,
        is_offered=True,
        is_notification=False,
        host="mx.example.org",
    )


def test_an_error_says_what_to_do() -> None:
    with pytest.raises(RequireTLSNotMet) as caught:
        announces_requiretls(
            TLSRequirement.REQUIRED,
            HostAssurance.NONE,
            AUTHENTICATED,
            is_offered=True,
            is_notification=False,
            host="mx.example.org",
        )
    assert caught.value.phase is Phase.MAIL
    assert "an MX record that anybody may have forged" in str(caught.value)
    assert "without REQUIRETLS" in str(caught.value)


def test_no_server_tried_is_no_reason_to_bounce() -> None:
    assert bounce_reason([], domain="example.org") is None


def test_the_words_of_a_bounce_are_those_of_the_registry() -> None:
    # The client, too, refuses to leave the parameter out, in whatever words and by this code.
    lacking = LocalProtocolError("", enhanced_code="5.7.30")
    reason = bounce_reason([lacking], domain="example.org")
    assert reason is not None
    assert reason.text == "REQUIRETLS support required"
