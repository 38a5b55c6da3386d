"""Every response has its meaning, and one that makes no sense has none."""

from __future__ import annotations

from collections.abc import Sequence

import dns.flags
import dns.message
import dns.rrset
import pytest
from dns.edns import EDECode, EDEOption
from dns.exception import DNSException
from dns.flags import Flag
from dns.opcode import Opcode
from dns.rcode import Rcode
from dns.rdatatype import RdataType
from hypothesis import given
from hypothesis import strategies as st

from postseal.dns import NameDoesNotExist, ResolverFailure
from postseal.dns.messages import Checking, make_query, read_response
from postseal.dns.records import exchangers_of, texts_of, tlsa_of
from postseal.dns.wire import Response, parse_response
from postseal.errors import Phase
from postseal.tls.tlsa import TLSA
from tests.parts.name_server import respond

SOA = "example. SOA ns.example. admin.example. 1 2 3 4 60"


def response(
    *records: str,
    rdtype: RdataType = RdataType.MX,
    rcode: Rcode = Rcode.NOERROR,
    authority: Sequence[str] = (SOA,),
    authentic: bool = False,
    name: str = "a.example",
) -> Response:
    query = make_query(name, rdtype)
    said = respond(query, *records, rcode=rcode, authority=authority, authentic=authentic)
    return parsed(query, said)


def parsed(query: dns.message.QueryMessage, said: dns.message.Message) -> Response:
    read = parse_response(query, said.to_wire(max_size=65535))
    assert read is not None
    return read


def test_a_query_asks_for_recursion_and_for_the_verdict_of_dnssec() -> None:
    query = make_query("Example.ORG.", RdataType.TLSA)
    assert str(query.question[0]) == "example.org. IN TLSA"
    assert query.flags == dns.flags.RD | dns.flags.AD
    assert query.ednsflags & dns.flags.DO
    assert query.payload == 1232
    unchecked = make_query("example.org", RdataType.TLSA, checking=Checking.DISABLED)
    assert unchecked.flags & dns.flags.CD


def test_the_id_of_a_query_is_another_each_time() -> None:
    assert len({make_query("example.org", RdataType.MX).id for _ in range(50)}) > 25


def test_a_name_in_letters_of_the_world_is_asked_for_in_a_labels() -> None:
    query = make_query("b\u00fccher.example", RdataType.MX)
    assert str(query.question[0].name) == "xn--bcher-kva.example."


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a..example",
        ".example",
        "a.example..",
        "a b.example",
        "a\\046b.example",
        "a\nb.example",
        "a\0.example",
        "*.example",
        "@",
        "a" * 64 + ".example",
        ".".join(["a" * 60] * 5),
        "stra\u00dfe.example",
        "[192.0.2.1]",
    ],
)
def test_a_name_that_no_host_can_have_does_not_exist(name: str) -> None:
    with pytest.raises(NameDoesNotExist, match="cannot be in the DNS") as failed:
        make_query(name, RdataType.MX)
    assert not failed.value.authentic
    assert str(failed.value).isprintable()


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("authentic", [True, False])
def test_the_verdict_of_dnssec_counts_from_those_who_are_trusted(
    trusted: bool, authentic: bool
) -> None:
    expected = trusted and authentic
    found = response("a.example. MX 5 mx.example.", authentic=authentic)
    assert read_response(found, trusted=trusted).authentic is expected
    nothing = response(authentic=authentic)
    assert read_response(nothing, trusted=trusted).authentic is expected
    missing = response(rcode=Rcode.NXDOMAIN, authentic=authentic)
    with pytest.raises(NameDoesNotExist) as failed:
        read_response(missing, trusted=trusted)
    assert failed.value.authentic is expected


def test_an_alias_shows_and_the_shortest_ttl_counts() -> None:
    query = make_query("a.example", RdataType.MX)
    said = respond(query, "a.example. CNAME B.Example.", "b.example. MX 5 mx.example.")
    said.answer[0].ttl = 20
    answer = read_response(parsed(query, said), trusted=True)
    assert (answer.name, answer.ttl, len(answer.records)) == ("b.example", 20.0, 1)


def test_a_denial_is_kept_as_long_as_its_soa_says() -> None:
    answer = read_response(response(), trusted=True)
    assert (answer.records, answer.name, answer.ttl) == ((), "a.example", 60.0)
    with pytest.raises(NameDoesNotExist) as failed:
        read_response(response(rcode=Rcode.NXDOMAIN), trusted=True)
    assert failed.value.ttl == 60.0
    assert failed.value.phase is Phase.RESOLVE
    assert failed.value.enhanced_code == "5.1.2"


def test_a_denial_without_soa_is_not_kept() -> None:
    # RFC 2308 5
    assert read_response(response(authority=()), trusted=True).ttl == 0.0


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (response(rcode=Rcode.SERVFAIL), "SERVFAIL"),
        (response(rcode=Rcode.REFUSED), "REFUSED"),
        (response(rcode=Rcode.YXDOMAIN), "YXDOMAIN"),
        (response("a.example. MX 5 mx.example.", rcode=Rcode.NXDOMAIN), "NXDOMAIN"),
        (response("a.example. CNAME a.example."), "chain"),
        (response("a.example. CNAME b.example.", "A.example. CNAME c.example."), "several names"),
        (response("a.example. CNAME \\032.example."), "no name of a host"),
        (response(authority=["example. NS ns.example."]), "refers to others"),
        (response(*(f"a.example. MX {n} mx.example." for n in range(257))), "256 records"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_neither_records_nor_a_denial_is_a_failure(
    message: Response, complaint: str
) -> None:
    with pytest.raises(ResolverFailure, match=complaint) as failed:
        read_response(message, trusted=True)
    assert failed.value.is_temporary
    assert str(failed.value).isprintable()


def test_a_chain_of_aliases_has_an_end() -> None:
    links = [f"n{n}.example. CNAME n{n + 1}.example." for n in range(40)]
    with pytest.raises(ResolverFailure, match="chain"):
        read_response(response(*links, name="n0.example"), trusted=True)
    ten = response(*links[:10], "n10.example. MX 5 mx.example.", name="n0.example")
    assert read_response(ten, trusted=True).name == "n10.example"


def test_records_of_other_names_and_types_are_passed_over() -> None:
    message = response("b.example. MX 5 mx.evil.example.", 'a.example. TXT "x"')
    assert read_response(message, trusted=True).records == ()


def test_an_exchanger_without_the_name_of_a_host_is_left_out() -> None:
    message = response(
        "a.example. MX 1 a\\032b.example.",
        "a.example. MX 2 127.0.0.1.",
        # The system's resolver reads all of these as addresses.
        *(f"a.example. MX 2 {one}." for one in ("127.1", "2130706433", "0x7f.0x1")),
        "a.example. MX 3 a\\010b.example.",
        "a.example. MX 4 mx_1.EXAMPLE.",
    )
    answer = exchangers_of(read_response(message, trusted=True))
    assert [record.host for record in answer.records] == ["mx_1.example"]


def test_exchangers_without_any_name_of_a_host_are_not_the_same_as_none() -> None:
    message = response("a.example. MX 1 a\\032b.example.", "a.example. MX 2 127.0.0.1.")
    with pytest.raises(ResolverFailure, match="names a host"):
        exchangers_of(read_response(message, trusted=True))


def test_the_octets_of_a_text_all_arrive() -> None:
    message = response('a.example. TXT "\\000\\127" "\\255"', rdtype=RdataType.TXT)
    assert texts_of(read_response(message, trusted=True)).records == ("\0\x7f\xff",)


@pytest.mark.parametrize(
    ("code", "bogus"),
    [
        (EDECode.DNSSEC_BOGUS, True),
        (EDECode.SIGNATURE_EXPIRED, True),
        (EDECode.DNSKEY_MISSING, True),
        (EDECode.NSEC_MISSING, True),
        (EDECode.OTHER, False),
        (EDECode.NO_REACHABLE_AUTHORITY, False),
    ],
)
def test_a_server_may_say_itself_that_validation_failed(code: EDECode, bogus: bool) -> None:
    query = make_query("a.example", RdataType.MX)
    said = respond(query, rcode=Rcode.SERVFAIL)
    said.use_edns(options=[EDEOption(code, "because")])
    assert parsed(query, said).says_bogus is bogus


def test_odd_tlsa_records_spoil_no_other() -> None:
    # RFC 7672 2.2: records that cannot be used still ask for TLS.
    message = response(
        "a.example. TLSA 3 1 1 abcd", "a.example. TLSA 255 9 7 00", rdtype=RdataType.TLSA
    )
    answer = tlsa_of(read_response(message, trusted=True))
    assert set(answer.records) == {TLSA(3, 1, 1, b"\xab\xcd"), TLSA(255, 9, 7, b"\0")}


def test_a_tlsa_record_without_data_is_none() -> None:
    message = response("a.example. TLSA 3 1 1 ", rdtype=RdataType.TLSA)
    with pytest.raises(ResolverFailure, match="3 octets"):
        tlsa_of(read_response(message, trusted=True))


def test_records_that_nobody_asked_for_may_be_broken() -> None:
    query = make_query("a.example", RdataType.MX)
    said = respond(query, "a.example. MX 5 mx.example.", "a.example. TLSA 3 1 1 ")
    assert len(read_response(parsed(query, said), trusted=True).records) == 1


def test_of_a_message_that_was_cut_off_nothing_is_read() -> None:
    query = make_query("a.example", RdataType.MX)
    said = respond(query, "a.example. MX 5 mx.example.", truncated=True, authentic=True)
    read = parsed(query, said)
    assert (read.is_truncated, read.answer, read.says_authentic) == (True, (), False)
    assert parse_response(query, said.to_wire()[:-30]) == read


@pytest.mark.parametrize("field", ["id", "question", "opcode", "flags"])
def test_a_response_to_another_query_is_none(field: str) -> None:
    query = make_query("a.example", RdataType.MX)
    said = respond(query, "a.example. MX 5 mx.example.")
    if field == "id":
        said.id ^= 1
    elif field == "question":
        said.question = make_query("b.example", RdataType.MX).question
    elif field == "opcode":
        said.set_opcode(Opcode.UPDATE)
    else:
        said.flags &= ~Flag.QR
    assert parse_response(query, said.to_wire()) is None


@pytest.mark.parametrize(
    ("rcode", "believed"),
    [
        (Rcode.SERVFAIL, True),
        (Rcode.REFUSED, True),
        (Rcode.NOERROR, False),
        (Rcode.NXDOMAIN, False),
    ],
)
def test_only_who_fails_may_leave_out_the_question(rcode: Rcode, believed: bool) -> None:
    query = make_query("a.example", RdataType.MX)
    said = respond(query, rcode=rcode)
    said.question = []
    assert (parse_response(query, said.to_wire()) is not None) is believed


@given(st.binary(max_size=200), st.integers(0, 300))
def test_octets_at_random_are_no_message_or_a_response(tail: bytes, kept: int) -> None:
    query = make_query("a.example", RdataType.MX)
    wire = respond(query, "a.example. MX 5 mx.example.", authority=[SOA]).to_wire()
    try:
        read = parse_response(query, wire[:kept] + tail)
    except DNSException:
        return
    assert read is None or read.name == query.question[0].name


def test_a_message_of_thousands_of_records_is_not_read() -> None:
    query = make_query("a.example", RdataType.TXT)
    said = respond(query, *(f'a.example. TXT "{n}"' for n in range(3000)))
    with pytest.raises(DNSException, match="more than 512 records"):
        parse_response(query, said.to_wire(max_size=65535))


def test_a_ttl_that_is_negative_is_none() -> None:
    # RFC 2181 8
    query = make_query("a.example", RdataType.MX)
    said = respond(query, "a.example. MX 5 mx.example.")
    said.answer[0].ttl = 0x7FFFFFFF
    wire = said.to_wire().replace(b"\x7f\xff\xff\xff", b"\x80\x00\x00\x01")
    read = parse_response(query, wire)
    assert read is not None
    assert read_response(read, trusted=True).ttl == 0
