"""Reading the reports that others send: strict about types, patient with faults (RFC 8460 4.4).

A report is the word of a stranger. What can be understood is taken, what cannot is left out, and
every departure from the format is listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final

from postseal.errors import InvalidReport
from postseal.tls.reports.hostile_json import JSONObject, inflated, parsed
from postseal.tls.reports.values import (
    AppliedPolicy,
    Failure,
    FailureCount,
    IPAddress,
    PolicyResults,
    Report,
    ReportPeriod,
)

__all__ = ["Defect", "ReadReport", "read_report", "read_results"]

# What receivers commonly take (RFC 8460 5.2), for the content of the compressed file.
_MAX_OCTETS: Final = 10 * 2**20
_MAX_DEFECTS: Final = 100
_MAX_TEXT: Final = 1024
_MAX_POLICIES: Final = 1000
_MAX_FAILURES: Final = 10_000
_MAX_STRINGS: Final = 100
# RFC 7493 2.2: beyond this, others round.
_MAX_COUNT: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Defect:
    """A departure from the format: where in the report, and what."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


@dataclass(frozen=True, slots=True)
class ReadReport:
    """A report as far as it could be understood, and its first hundred defects."""

    report: Report
    defects: tuple[Defect, ...]


def read_report(octets: bytes, *, max_octets: int = _MAX_OCTETS) -> ReadReport:
    """Read a report as it arrived, `application/tlsrpt+gzip` or `application/tlsrpt+json`.

    Raises `InvalidReport` where it is no JSON object, larger than `max_octets` once inflated, or
    says neither which time it is about nor anything of policies.
    """
    reader = _Reader()
    top = parsed(inflated(octets, max_octets=max_octets), reader.note)
    period = _period(reader, reader.mapping(top, "date-range", ""))
    entries = reader.objects(top, "policies", "", limit=_MAX_POLICIES)
    if period is None and not entries:
        raise InvalidReport("the report has neither a date-range nor policies")
    if period is None:
        raise InvalidReport("the report has no date-range that can be read")
    report = Report(
        organization_name=reader.text(top, "organization-name", ""),
        contact_info=reader.text(top, "contact-info", ""),
        report_id=reader.text(top, "report-id", ""),
        period=period,
        policies=tuple(_results(reader, entry, path) for path, entry in entries),
    )
    return ReadReport(report, tuple(reader.defects))


def read_results(entry: JSONObject) -> PolicyResults:
    """Read what `results_json` gave, as a store keeps it; raises `InvalidReport` for a defect."""
    reader = _Reader()
    results = _results(reader, entry, "")
    if reader.defects:
        raise InvalidReport(f"stored results are damaged: {reader.defects[0]}")
    return results


class _Reader:
    """Takes values out of objects by type, and notes what is not as it should be."""

    def __init__(self) -> None:
        self.defects: list[Defect] = []

    def note(self, path: str, problem: str) -> None:
        if len(self.defects) < _MAX_DEFECTS:
            self.defects.append(Defect(_printable(path), problem))

    def mapping(self, source: Mapping[str, object], key: str, path: str) -> JSONObject:
        value = source.get(key)
        if isinstance(value, dict):
            return value
        self._missing(value, key, path, "an object")
        return {}

    def objects(
        self, source: Mapping[str, object], key: str, path: str, *, limit: int
    ) -> list[tuple[str, JSONObject]]:
        """The objects of an array, each with its path; others are noted and left out."""
        value = source.get(key)
        if not isinstance(value, list):
            self._missing(value, key, path, "an array")
            return []
        if len(value) > limit:
            self.note(f"{path}{key}", f"it has {len(value)} entries; {limit} are read")
        found: list[tuple[str, JSONObject]] = []
        for number, each in enumerate(value[:limit]):
            place = f"{path}{key}[{number}]"
            if isinstance(each, dict):
                found.append((f"{place}.", each))
            else:
                self.note(place, "it is no object")
        return found

    def text(
        self, source: Mapping[str, object], key: str, path: str, *, required: bool = True
    ) -> str:
        value = source.get(key)
        if isinstance(value, str):
            return self._checked_text(value, f"{path}{key}")
        if required or value is not None:
            self._missing(value, key, path, "a text")
        return ""

    def texts(
        self, source: Mapping[str, object], key: str, path: str, *, may_be_single: bool
    ) -> tuple[str, ...]:
        value = source.get(key, [])
        if isinstance(value, str):
            # RFC 8460 is of two minds about mx-host: 4.4 wants an array, Appendix B has a text.
            if not may_be_single:
                self.note(f"{path}{key}", "it is a text instead of an array")
            value = [value]
        if not isinstance(value, list):
            self._missing(value, key, path, "an array of texts")
            return ()
        if len(value) > _MAX_STRINGS:
            self.note(f"{path}{key}", f"it has {len(value)} entries; {_MAX_STRINGS} are read")
        found: list[str] = []
        for each in value[:_MAX_STRINGS]:
            if isinstance(each, str):
                found.append(self._checked_text(each, f"{path}{key}"))
            else:
                self.note(f"{path}{key}", "it holds something other than texts")
        return tuple(found)

    def count(self, source: Mapping[str, object], key: str, path: str) -> int:
        value = source.get(key)
        # True is an int to Python, and 3.0 a number like 3 to JSON.
        if isinstance(value, int | float) and not isinstance(value, bool):
            if 0 <= value <= _MAX_COUNT and value == int(value):
                return int(value)
            self.note(f"{path}{key}", "it is no count; taken as 0")
            return 0
        self._missing(value, key, path, "a number")
        return 0

    def address(self, source: Mapping[str, object], key: str, path: str) -> IPAddress | None:
        text = self.text(source, key, path, required=False)
        if not text:
            return None
        try:
            # A zone means something to the host that wrote it, and to nobody else (RFC 4007 6).
            return ip_address(text if "%" not in text else "")
        except ValueError:
            self.note(f"{path}{key}", f"{text[:80]!a} is no IP address")
            return None

    def moment(self, source: Mapping[str, object], key: str, path: str) -> datetime | None:
        text = self.text(source, key, path)
        try:
            moment = datetime.fromisoformat(text)
            if moment.utcoffset() is None:
                self.note(f"{path}{key}", "it has no offset; taken as UTC")
                moment = moment.replace(tzinfo=UTC)
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            if text:
                self.note(f"{path}{key}", f"{text[:80]!a} is no date and time (RFC 3339 5.6)")
            return None

    def _checked_text(self, text: str, place: str) -> str:
        if len(text) > _MAX_TEXT:
            self.note(place, f"it has {len(text)} characters; {_MAX_TEXT} are kept")
            text = text[:_MAX_TEXT]
        if not text.isprintable():
            self.note(place, "it holds control characters; replaced")
            text = _printable(text)
        return text

    def _missing(self, value: object, key: str, path: str, wanted: str) -> None:
        self.note(f"{path}{key}", "it is missing" if value is None else f"it is not {wanted}")


def _period(reader: _Reader, source: JSONObject) -> ReportPeriod | None:
    start = reader.moment(source, "start-datetime", "date-range.")
    end = reader.moment(source, "end-datetime", "date-range.")
    if start is None or end is None:
        return None
    if end < start:
        reader.note("date-range", "it ends before it starts")
    return ReportPeriod(start, end)


def _results(reader: _Reader, entry: JSONObject, path: str) -> PolicyResults:
    policy = reader.mapping(entry, "policy", path)
    summary = reader.mapping(entry, "summary", path)
    inner = f"{path}policy."
    failures: list[FailureCount] = []
    if "failure-details" in entry:
        details = reader.objects(entry, "failure-details", path, limit=_MAX_FAILURES)
        failures = [_failure(reader, each, place) for place, each in details]
    return PolicyResults(
        policy=AppliedPolicy(
            type=reader.text(policy, "policy-type", inner),
            domain=reader.text(policy, "policy-domain", inner),
            strings=reader.texts(policy, "policy-string", inner, may_be_single=False),
            mx_hosts=reader.texts(policy, "mx-host", inner, may_be_single=True),
        ),
        successful_sessions=reader.count(
            summary, "total-successful-session-count", f"{path}summary."
        ),
        failed_sessions=reader.count(summary, "total-failure-session-count", f"{path}summary."),
        failures=tuple(failures),
    )


def _failure(reader: _Reader, source: JSONObject, path: str) -> FailureCount:
    def optional(key: str) -> str:
        return reader.text(source, key, path, required=False)

    return FailureCount(
        Failure(
            result_type=reader.text(source, "result-type", path),
            sending_mta_ip=reader.address(source, "sending-mta-ip", path),
            receiving_mx_hostname=optional("receiving-mx-hostname"),
            receiving_mx_helo=optional("receiving-mx-helo"),
            receiving_ip=reader.address(source, "receiving-ip", path),
            additional_information=optional("additional-information"),
            failure_reason_code=optional("failure-reason-code"),
        ),
        reader.count(source, "failed-session-count", path),
    )


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "\ufffd" for each in text)
