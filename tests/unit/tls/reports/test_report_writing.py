"""Reports of ours: the JSON, the names, and that what is written is read as the same."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import InvalidReport, TLSResultType
from postseal.tls.mta_sts import MTAStsMode, MTAStsPolicy
from postseal.tls.reports import (
    AppliedPolicy,
    Failure,
    FailureCount,
    PolicyResults,
    PolicyType,
    Report,
    ReportPeriod,
    read_report,
    read_results,
    report_filename,
    report_id,
    report_json,
    report_octets,
    results_json,
    submitter_of,
)
from postseal.tls.tlsa import TLSA

DAY = date(2026, 11, 21)
texts = st.text(max_size=40).filter(str.isprintable)
words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=30)
counts = st.integers(0, 2**53 - 1)
moments = st.integers(-(10**9), 10**11).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
addresses = st.none() | st.ip_addresses().filter(
    lambda address: not isinstance(address, IPv6Address) or address.scope_id is None
)
failures = st.builds(
    FailureCount,
    st.builds(
        Failure,
        result_type=st.sampled_from(TLSResultType).map(str) | words,
        sending_mta_ip=addresses,
        receiving_mx_hostname=texts,
        receiving_mx_helo=texts,
        receiving_ip=addresses,
        additional_information=texts,
        failure_reason_code=texts,
    ),
    counts,
)
results = st.builds(
    PolicyResults,
    policy=st.builds(
        AppliedPolicy,
        type=st.sampled_from(PolicyType).map(str) | words,
        domain=words,
        strings=st.lists(texts, max_size=4).map(tuple),
        mx_hosts=st.lists(words, max_size=4).map(tuple),
    ),
    successful_sessions=counts,
    failed_sessions=counts,
    failures=st.lists(failures, max_size=4).map(tuple),
)
reports = st.builds(
    Report,
    organization_name=texts,
    contact_info=texts,
    report_id=texts,
    period=st.builds(ReportPeriod, moments, moments).filter(lambda each: each.start <= each.end),
    policies=st.lists(results, max_size=3).map(tuple),
)

REPORT = Report(
    organization_name="Example",
    contact_info="tls@sender.example",
    report_id=report_id(DAY, policy_domain="example.org", submitter="sender.example"),
    period=ReportPeriod.of_day(DAY),
    policies=(
        PolicyResults(
            policy=AppliedPolicy.of_mta_sts(
                "example.org", MTAStsPolicy(MTAStsMode.ENFORCE, ("*.example.org", "mx.example"), 99)
            ),
            successful_sessions=7,
        ),
        PolicyResults(
            policy=AppliedPolicy.of_tlsa(
                "mx.example.org", [TLSA(3, 1, 1, b"\xab\xcd"), TLSA(2, 0, 2, b"\x01")]
            ),
            failed_sessions=2,
            failures=(FailureCount(Failure(result_type=TLSResultType.TLSA_INVALID), 2),),
        ),
        PolicyResults(policy=AppliedPolicy.none("example.org"), successful_sessions=1),
    ),
)


@given(reports)
def test_what_is_written_is_read_as_the_same(report: Report) -> None:
    read = read_report(report_octets(report))
    assert read.report == report
    assert read.defects == ()


@given(results)
def test_stored_results_are_read_as_the_same(each: PolicyResults) -> None:
    assert read_results(json.loads(json.dumps(results_json(each)))) == each


def test_damaged_results_in_a_store_are_no_results() -> None:
    with pytest.raises(InvalidReport, match="stored results are damaged: policy: it is missing"):
        read_results({})


def test_the_shape_is_that_of_the_rfc() -> None:
    assert report_json(REPORT) == {
        "organization-name": "Example",
        "date-range": {
            "start-datetime": "2026-11-21T00:00:00Z",
            "end-datetime": "2026-11-21T23:59:59Z",
        },
        "contact-info": "tls@sender.example",
        "report-id": "2026-11-21.example.org@sender.example",
        "policies": [
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-string": [
                        "version: STSv1",
                        "mode: enforce",
                        "mx: *.example.org",
                        "mx: mx.example",
                        "max_age: 99",
                    ],
                    "policy-domain": "example.org",
                    "mx-host": ["*.example.org", "mx.example"],
                },
                "summary": {
                    "total-successful-session-count": 7,
                    "total-failure-session-count": 0,
                },
            },
            {
                "policy": {
                    "policy-type": "tlsa",
                    "policy-string": ["3 1 1 ABCD", "2 0 2 01"],
                    "policy-domain": "mx.example.org",
                },
                "summary": {
                    "total-successful-session-count": 0,
                    "total-failure-session-count": 2,
                },
                "failure-details": [{"result-type": "tlsa-invalid", "failed-session-count": 2}],
            },
            {
                "policy": {"policy-type": "no-policy-found", "policy-domain": "example.org"},
                "summary": {
                    "total-successful-session-count": 1,
                    "total-failure-session-count": 0,
                },
            },
        ],
    }


def test_the_octets_are_gzip_of_that_and_always_the_same() -> None:
    octets = report_octets(REPORT)
    assert json.loads(gzip.decompress(octets)) == report_json(REPORT)
    assert report_octets(REPORT) == octets


def test_the_file_name_tells_sender_destination_and_time() -> None:
    name = report_filename(REPORT, policy_domain="example.org")
    assert name == "sender.example!example.org!1795219200!1795305599.json.gz"


@pytest.mark.parametrize("contact", ["", "nobody", "tls@", "tls@b\u00fccher.example"])
def test_a_contact_that_is_no_address_names_no_sender(contact: str) -> None:
    with pytest.raises(InvalidReport, match="is no address"):
        submitter_of(replace(REPORT, contact_info=contact))
