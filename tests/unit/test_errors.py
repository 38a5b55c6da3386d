"""Errors: one tree, one line of text, and the same after a journey between processes."""

from __future__ import annotations

import copy
import pickle

import pytest

from postseal import errors
from postseal.errors import (
    AuthError,
    CertificateReason,
    CertificateRejected,
    InvalidInput,
    MailError,
    MissingExtra,
    Phase,
    ProtocolError,
    Rejected,
    StartTLSStripped,
    TimedOut,
    TLSError,
    TLSResultType,
)

KINDS = [
    kind
    for name in errors.__all__
    if isinstance(kind := getattr(errors, name), type) and issubclass(kind, MailError)
]


def make(kind: type[MailError]) -> MailError:
    return kind(
        "no such user",
        phase=Phase.RCPT,
        host="mx.example",
        code=550,
        enhanced_code="5.1.1",
        recipient="ada@example.com",
        hint="Check the address.",
    )


def test_the_tree_is_the_one_in_the_docstring() -> None:
    assert {kind.__name__: kind.__mro__[1].__name__ for kind in KINDS} == {
        "MailError": "Exception",
        "InvalidInput": "MailError",
        "InvalidAddress": "InvalidInput",
        "InvalidHeader": "InvalidInput",
        "InvalidReference": "InvalidInput",
        "InvalidReport": "InvalidInput",
        "InvalidURL": "InvalidInput",
        "InvalidSetting": "InvalidInput",
        "MissingExtra": "MailError",
        "ConnectError": "MailError",
        "Disconnected": "MailError",
        "DeliveryUnknown": "MailError",
        "TimedOut": "MailError",
        "TLSError": "MailError",
        "HandshakeFailed": "TLSError",
        "CertificateRejected": "TLSError",
        "StartTLSStripped": "TLSError",
        "StartTLSInjection": "TLSError",
        "PolicyNotMet": "TLSError",
        "RequireTLSNotMet": "PolicyNotMet",
        "PolicyUnavailable": "MailError",
        "Withheld": "MailError",
        "SecretError": "MailError",
        "SecretNotFound": "SecretError",
        "SecretDenied": "SecretError",
        "SecretUnreachable": "SecretError",
        "SecretMalformed": "SecretError",
        "AuthError": "MailError",
        "ProtocolError": "MailError",
        "RemoteProtocolError": "ProtocolError",
        "LocalProtocolError": "ProtocolError",
        "Rejected": "MailError",
        "TemporarilyRejected": "Rejected",
        "PermanentlyRejected": "Rejected",
    }
    assert errors.__doc__ is not None
    assert all(kind.__name__ in errors.__doc__ for kind in KINDS)


def test_they_are_also_what_the_standard_library_would_raise() -> None:
    assert issubclass(InvalidInput, ValueError)
    assert issubclass(TimedOut, TimeoutError)
    assert issubclass(MissingExtra, ImportError)
    # A broken seal is no trouble of the network: `except OSError` must not swallow it.
    assert not issubclass(TLSError, OSError)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("journey", [lambda one: pickle.loads(pickle.dumps(one)), copy.copy])
def test_nothing_is_lost_on_a_journey(kind: type[MailError], journey: object) -> None:
    assert callable(journey)
    error = make(kind)
    arrived = journey(error)
    assert type(arrived) is kind
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)
    assert arrived.is_temporary is error.is_temporary


def test_the_reason_travels_too() -> None:
    error = CertificateRejected("too old", reason=CertificateReason.EXPIRED, host="mx.example")
    arrived = pickle.loads(pickle.dumps(error))
    assert arrived.reason is CertificateReason.EXPIRED
    assert arrived.result_type is TLSResultType.CERTIFICATE_EXPIRED


@pytest.mark.parametrize("kind", KINDS)
def test_it_reads_as_one_line(kind: type[MailError]) -> None:
    assert str(make(kind)) == (
        "mx.example at rcpt: no such user (recipient ada@example.com). Check the address."
    )
    assert str(kind("alone")) == "alone"
    assert str(kind()) == ""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MailError("x", host="mx.example"), "mx.example: x"),
        (MailError("x", phase=Phase.DATA), "data: x"),
        (MailError("x", recipient="a@b"), "x (recipient a@b)"),
        (MailError("x", hint="Do y."), "x. Do y."),
    ],
)
def test_it_says_what_it_knows(error: MailError, line: str) -> None:
    assert str(error) == line


def test_where_it_happened_is_filled_in_once() -> None:
    error = MailError("x", phase=Phase.MAIL)
    error.at(phase=Phase.QUIT, host="mx.example")
    error.at(host="other.example")
    assert (error.phase, error.host) == (Phase.MAIL, "mx.example")


def test_which_may_pass() -> None:
    assert {kind.__name__ for kind in KINDS if kind("x").is_temporary} == {
        "ConnectError",
        "DeliveryUnknown",
        "Disconnected",
        "TimedOut",
        "SecretUnreachable",
        "TLSError",
        "HandshakeFailed",
        "CertificateRejected",
        "StartTLSStripped",
        "StartTLSInjection",
        "PolicyNotMet",
        "PolicyUnavailable",
        "RemoteProtocolError",
        "TemporarilyRejected",
    }


@pytest.mark.parametrize(
    ("code", "is_temporary"), [(None, False), (399, False), (400, True), (454, True), (535, False)]
)
def test_the_reply_says_whether_credentials_may_be_tried_again(
    code: int | None, is_temporary: bool
) -> None:
    assert AuthError("x", code=code).is_temporary is is_temporary


@pytest.mark.parametrize("reason", CertificateReason)
def test_every_reason_has_a_word_of_rfc_8460(reason: CertificateReason) -> None:
    error = CertificateRejected("x", reason=reason)
    assert error.result_type is reason.result_type
    expected = {
        CertificateReason.EXPIRED: "certificate-expired",
        CertificateReason.NOT_YET_VALID: "certificate-expired",
        CertificateReason.WRONG_NAME: "certificate-host-mismatch",
        CertificateReason.MALFORMED: "validation-failure",
        CertificateReason.NO_TLSA_MATCH: "tlsa-invalid",
        CertificateReason.OTHER: "validation-failure",
    }
    assert error.result_type == expected.get(reason, "certificate-not-trusted")


def test_the_result_types() -> None:
    assert StartTLSStripped("x").result_type == "starttls-not-supported"
    assert TLSError("x").result_type == "validation-failure"


def test_one_handler_is_enough() -> None:
    for kind in KINDS:
        with pytest.raises(MailError):
            raise make(kind)
    assert issubclass(Rejected, MailError)
    assert issubclass(ProtocolError, MailError)
