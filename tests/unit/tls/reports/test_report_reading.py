"""Reports of others: what is meant is taken, what is wrong is listed, what attacks is refused."""

from __future__ import annotations

import gzip
import json
import time
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest

from postseal.errors import InvalidReport, TLSResultType
from postseal.tls.reports import (
    AppliedPolicy,
    Failure,
    FailureCount,
    PolicyResults,
    Report,
    ReportPeriod,
    read_report,
)

POLICY_LINES = [
    "version: STSv1",
    "mode: testing",
    "mx: *.mail.company-y.example",
    "max_age: 86400",
]


def example() -> dict[str, Any]:
    """The shape of RFC 8460 Appendix B, with its quirk: `mx-host` is a text there."""
    return {
        "organization-name": "Company-X",
        "date-range": {
            "start-datetime": "2016-04-01T00:00:00Z",
            "end-datetime": "2016-04-01T23:59:59Z",
        },
        "contact-info": "sts-reporting@company-x.example",
        "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
        "policies": [
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-string": POLICY_LINES,
                    "policy-domain": "company-y.example",
                    "mx-host": "*.mail.company-y.example",
                },
                "summary": {
                    "total-successful-session-count": 5326,
                    "total-failure-session-count": 303,
                },
                "failure-details": [
                    {
                        "result-type": "certificate-expired",
                        "sending-mta-ip": "2001:db8:abcd:0012::1",
                        "receiving-mx-hostname": "mx1.mail.company-y.example",
                        "failed-session-count": 100,
                    },
                    {
                        "result-type": "validation-failure",
                        "sending-mta-ip": "198.51.100.62",
                        "receiving-ip": "203.0.113.58",
                        "receiving-mx-hostname": "mx-backup.mail.company-y.example",
                        "receiving-mx-helo": "mx-backup",
                        "failed-session-count": 3,
                        "additional-information": "https://reports.company-x.example/info",
                        "failure-reason-code": "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED",
                    },
                ],
            }
        ],
    }


EXPECTED = Report(
    organization_name="Company-X",
    contact_info="sts-reporting@company-x.example",
    report_id="5065427c-23d3-47ca-b6e0-946ea0e8c4be",
    period=ReportPeriod(
        datetime(2016, 4, 1, tzinfo=UTC), datetime(2016, 4, 1, 23, 59, 59, tzinfo=UTC)
    ),
    policies=(
        PolicyResults(
            policy=AppliedPolicy(
                type="sts",
                domain="company-y.example",
                strings=tuple(POLICY_LINES),
                mx_hosts=("*.mail.company-y.example",),
            ),
            successful_sessions=5326,
            failed_sessions=303,
            failures=(
                FailureCount(
                    Failure(
                        result_type=TLSResultType.CERTIFICATE_EXPIRED,
                        sending_mta_ip=ip_address("2001:db8:abcd:12::1"),
                        receiving_mx_hostname="mx1.mail.company-y.example",
                    ),
                    100,
                ),
                FailureCount(
                    Failure(
                        result_type=TLSResultType.VALIDATION_FAILURE,
                        sending_mta_ip=ip_address("198.51.100.62"),
                        receiving_mx_hostname="mx-backup.mail.company-y.example",
                        receiving_mx_helo="mx-backup",
                        receiving_ip=ip_address("203.0.113.58"),
                        additional_information="https://reports.company-x.example/info",
                        failure_reason_code="X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED",
                    ),
                    3,
                ),
            ),
        ),
    ),
)


def octets_of(value: object) -> bytes:
    return json.dumps(value).encode()


def changed(path: str, value: object) -> dict[str, Any]:
    """The example with one value replaced, or removed where the new one is ...."""
    report = example()
    *parents, last = path.split("/")
    place: Any = report
    for key in parents:
        place = place[int(key) if key.isdigit() else key]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return report


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_the_example_of_the_rfc_is_read(pack: Any) -> None:
    read = read_report(pack(octets_of(example())))
    assert read.report == EXPECTED
    assert read.defects == ()


def test_the_array_that_the_rfc_asks_for_is_read_alike() -> None:
    report = changed("policies/0/policy/mx-host", ["*.mail.company-y.example"])
    assert read_report(octets_of(report)) == read_report(octets_of(example()))


def test_a_result_type_that_nobody_knew_is_kept() -> None:
    report = changed("policies/0/failure-details/0/result-type", "quantum-downgrade")
    read = read_report(octets_of(report))
    assert read.report.policies[0].failures[0].failure.result_type == "quantum-downgrade"
    assert read.defects == ()


def test_what_nobody_knows_is_passed_over() -> None:
    assert read_report(octets_of(example() | {"future": {"x": [1.5]}})).defects == ()


@pytest.mark.parametrize(
    ("path", "value", "defect"),
    [
        ("organization-name", ..., "organization-name: it is missing"),
        ("organization-name", 7, "organization-name: it is not a text"),
        ("contact-info", None, "contact-info: it is missing"),
        ("report-id", ["x"], "report-id: it is not a text"),
        ("report-id", "a\x00b", "report-id: it holds control characters; replaced"),
        ("report-id", "\ud800", "report-id: it holds control characters; replaced"),
        ("report-id", "x" * 1025, "report-id: it has 1025 characters; 1024 are kept"),
        ("policies", {}, "policies: it is not an array"),
        ("policies", [7], "policies[0]: it is no object"),
        ("policies/0/policy", ..., "policies[0].policy: it is missing"),
        ("policies/0/policy/policy-string", "x", "policies[0].policy.policy-string: it is a text"),
        ("policies/0/policy/policy-string", [1], "it holds something other than texts"),
        ("policies/0/policy/policy-string", 1, "it is not an array of texts"),
        ("policies/0/policy/mx-host", ["x"] * 101, "it has 101 entries; 100 are read"),
        ("policies/0/summary", [], "policies[0].summary: it is not an object"),
        ("policies/0/summary/total-failure-session-count", -1, "it is no count; taken as 0"),
        ("policies/0/summary/total-failure-session-count", 1.5, "it is no count; taken as 0"),
        ("policies/0/summary/total-failure-session-count", 2**53, "it is no count; taken as 0"),
        ("policies/0/summary/total-failure-session-count", True, "it is not a number"),
        ("policies/0/summary/total-failure-session-count", "3", "it is not a number"),
        ("policies/0/failure-details", "x", "policies[0].failure-details: it is not an array"),
        ("policies/0/failure-details/0/receiving-ip", "mx1", "'mx1' is no IP address"),
        ("policies/0/failure-details/0/receiving-ip", "fe80::1%eth0", "is no IP address"),
        ("policies/0/failure-details/0/result-type", ..., "[0].result-type: it is missing"),
        ("date-range/end-datetime", "2015-01-01T00:00:00Z", "it ends before it starts"),
        ("date-range/end-datetime", "2016-04-01T23:59:59", "it has no offset; taken as UTC"),
    ],
)
def test_a_defect_is_listed_and_the_rest_is_read(path: str, value: object, defect: str) -> None:
    read = read_report(octets_of(changed(path, value)))
    assert any(defect in str(each) for each in read.defects), read.defects
    assert all(str(each).isprintable() for each in read.defects)
    assert read.report.period.start == EXPECTED.period.start


def test_a_count_may_be_written_as_a_number_with_a_point() -> None:
    report = changed("policies/0/summary/total-failure-session-count", 3.0)
    assert read_report(octets_of(report)).report.policies[0].failed_sessions == 3


def test_of_equal_names_the_first_counts() -> None:
    text = octets_of(example()).replace(b'"report-id"', b'"report-id": "first", "report-id"')
    read = read_report(text)
    assert read.report.report_id == "first"
    assert [str(each) for each in read.defects] == [
        "report-id: the name occurs twice in one object"
    ]


def test_a_byte_order_mark_is_a_defect() -> None:
    read = read_report(b"\xef\xbb\xbf" + octets_of(example()))
    assert [str(each) for each in read.defects] == ["it begins with a byte order mark"]
    assert read.report == EXPECTED


def test_defects_are_listed_up_to_a_hundred() -> None:
    report = changed("policies", [7] * 900)
    assert len(read_report(octets_of(report)).defects) == 100


BOMB = gzip.compress(b" " * (64 * 2**20))
NO_REPORT = {
    "nothing": (b"", "no JSON"),
    "no JSON": (b"{", "no JSON"),
    "no object": (b"[]", "no JSON object"),
    "no report": (b"{}", "neither a date-range nor policies"),
    "no time": (octets_of(changed("date-range", ...)), "no date-range"),
    "a time that is none": (octets_of(changed("date-range/start-datetime", "today")), "date-range"),
    "a time out of range": (
        octets_of(changed("date-range/start-datetime", "0001-01-01T00:00:00+14:00")),
        "date-range",
    ),
    "latin-1": (b'{"report-id": "\xe9"}', "not UTF-8 at octet 15"),
    "a number that JSON lacks": (b'{"x": NaN}', "NaN is no JSON number"),
    "nested arrays": (b"[" * 1_000_000, "values"),
    "nested in moderation": (b'{"x":' + b"[" * 32 + b"]" * 32 + b"}", "nested more than 32"),
    "many values": (b'{"x":[' + b"0," * 1_000_001 + b"0]}", "more values"),
    "a bomb": (BOMB, "more than 10485760 octets"),
    "a bomb in plain": (b" " * (10 * 2**20 + 1), "more than 10485760 octets"),
    # Each octet must be looked at once, though every second one might begin a text.
    "a text without end": (b'{"x":"' + b'\\"' * 5_000_000, "no JSON"),
    "cut gzip": (gzip.compress(octets_of(example()))[:-9], "ends in the middle"),
    "gzip alone": (b"\x1f\x8b", "ends in the middle"),
    "damaged gzip": (b"\x1f\x8b\xff" + bytes(20), "damaged"),
    "a wrong checksum": (gzip.compress(b"{}")[:-8] + bytes(8), "damaged"),
    "something behind gzip": (gzip.compress(b"{}") + b"more", "damaged"),
    "many small parts": (gzip.compress(b"") * 17, "too many parts"),
}


@pytest.mark.parametrize(("octets", "text"), NO_REPORT.values(), ids=NO_REPORT)
def test_what_is_no_report_is_refused_at_once(octets: bytes, text: str) -> None:
    before = time.process_time()
    with pytest.raises(InvalidReport) as caught:
        read_report(octets)
    assert text in str(caught.value)
    assert str(caught.value).isprintable()
    # Even the worst of them: a bomb is unpacked no further than allowed.
    assert time.process_time() - before < 5


@pytest.mark.parametrize("point", [b"", b".0"], ids=["integer", "float"])
def test_a_number_of_a_million_digits_is_no_count(point: bytes) -> None:
    text = octets_of(example()).replace(b"5326", b"9" * 1_000_000 + point)
    read = read_report(text)
    assert read.report.policies[0].successful_sessions == 0
    assert "it is no count" in str(read.defects[0])


def test_brackets_within_texts_are_no_nesting() -> None:
    report = changed("organization-name", '[[[[{{{{"\\' * 20)
    assert read_report(octets_of(report)).defects == ()


def test_gzip_in_two_parts_is_one_report() -> None:
    octets = octets_of(example())
    assert read_report(gzip.compress(octets[:99]) + gzip.compress(octets[99:])).report == EXPECTED
