"""Explanations over a DNS and a network in memory: what is asked, decided and concluded."""

from __future__ import annotations

import json
from ipaddress import IPv4Address

import pytest

from postseal.dns import MX, Lookup, NameDoesNotExist
from postseal.errors import ConnectError, MailError, MissingExtra, PermanentlyRejected
from postseal.send.explanation.explained import Action, ExplainedDestination, Verdict
from postseal.send.explanation.explained_json import explained_json, record_text
from postseal.send.explanation.explaining import Depth, explain_destination
from postseal.send.networks.blocking import run
from postseal.send.session.connection import ConnectionOptions
from postseal.testing import MemoryNetwork, MemoryResolver
from postseal.tls import PeerProof, TLSLevel
from postseal.tls.ladder import Defer, Deliver, Statement
from postseal.tls.statements import configuration_statement
from postseal.tls.tlsa import TLSA
from tests.unit.send.dialogues import greeting

DOMAIN, FIRST, SECOND = "example.org", "a.example.org", "b.example.org"
RECORD = TLSA(3, 1, 1, bytes(32))
BYE = "C: QUIT\nS: 221 bye\nS: <end>\n"


@pytest.fixture
def resolver() -> MemoryResolver:
    resolver = MemoryResolver()
    resolver.add(DOMAIN, MX(20, SECOND), MX(10, FIRST))
    resolver.add(FIRST, IPv4Address("192.0.2.1"))
    resolver.add(SECOND, IPv4Address("192.0.2.2"))
    return resolver


def explain(
    resolver: MemoryResolver,
    *scripts: str | MailError,
    local: tuple[Statement, ...] = (),
    can_validate: bool = True,
) -> ExplainedDestination:
    return run(
        explain_destination(
            DOMAIN,
            network=MemoryNetwork(*scripts),
            resolver=resolver,
            options=ConnectionOptions(),
            depth=Depth.CONNECTION if scripts else Depth.POLICY,
            local=local,
            can_validate=can_validate,
        )
    )


def test_the_servers_come_in_the_order_in_which_they_are_tried(resolver: MemoryResolver) -> None:
    explained = explain(resolver)
    assert [(one.host, one.preference) for one in explained.servers] == [(FIRST, 10), (SECOND, 20)]
    assert (explained.action, explained.verdict) == (Action.DELIVER, Verdict.CLEAN)
    assert [one.lookup for one in explained.lookups] == [Lookup.MX, Lookup.TXT]
    for server in explained.servers:
        assert [one.lookup for one in server.lookups] == [Lookup.ADDRESSES, Lookup.TLSA]
        assert server.trial is None


def test_a_server_of_which_nothing_is_believed_does_not_hold_up_the_others(
    resolver: MemoryResolver,
) -> None:
    resolver.bogus(f"_25._tcp.{FIRST}")
    explained = explain(resolver, greeting("SIZE") + BYE)
    first, second = explained.servers
    assert isinstance(first.decision, Defer)
    assert first.trial is None
    assert second.trial is not None
    assert (first.action, second.action) == (Action.DEFER, Action.DELIVER)
    # It is delivered, and yet not as it should be.
    assert (explained.action, explained.verdict) == (Action.DELIVER, Verdict.FALLS_SHORT)


def test_a_domain_without_mx_is_its_own_server() -> None:
    resolver = MemoryResolver()
    resolver.add(DOMAIN, IPv4Address("192.0.2.1"))
    resolver.add(f"_25._tcp.{DOMAIN}", RECORD)
    (server,) = explain(resolver).servers
    assert (server.host, server.preference) == (DOMAIN, None)
    assert isinstance(server.decision, Deliver)
    assert server.decision.policy.proofs == {PeerProof.DANE}


def test_a_domain_that_takes_no_mail_is_refused() -> None:
    resolver = MemoryResolver()
    resolver.add(DOMAIN, MX(0, ""))
    explained = explain(resolver)
    assert isinstance(explained.problem, PermanentlyRejected)
    assert (explained.action, explained.verdict) == (Action.REFUSE, Verdict.FALLS_SHORT)


def test_a_domain_that_does_not_exist_is_refused() -> None:
    explained = explain(MemoryResolver())
    assert isinstance(explained.problem, NameDoesNotExist)
    assert (explained.action, explained.verdict) == (Action.REFUSE, Verdict.FALLS_SHORT)
    assert explained.servers == ()


@pytest.mark.parametrize("trouble", ["missing", "without addresses"])
def test_a_host_without_addresses_is_not_connected_to(
    resolver: MemoryResolver, trouble: str
) -> None:
    resolver.remove(FIRST)
    if trouble == "without addresses":
        resolver.add(FIRST)
    explained = explain(resolver, greeting() + BYE)
    first, second = explained.servers
    assert isinstance(first.problem, NameDoesNotExist if trouble == "missing" else ConnectError)
    assert first.trial is None
    assert second.trial is not None
    assert explained.action is Action.DELIVER
    assert explained.verdict is not Verdict.CLEAN


def test_silence_is_not_clean(resolver: MemoryResolver) -> None:
    resolver.remove(SECOND)
    resolver.remove(DOMAIN)
    resolver.add(DOMAIN, MX(10, FIRST))
    network_that_refuses: tuple[str, ...] = ()
    explained = run(
        explain_destination(
            DOMAIN,
            network=MemoryNetwork(*network_that_refuses),
            resolver=resolver,
            options=ConnectionOptions(),
            depth=Depth.CONNECTION,
        )
    )
    assert (explained.action, explained.verdict) == (Action.DEFER, Verdict.INCONCLUSIVE)


def test_a_server_without_tls_falls_short_of_what_is_configured(resolver: MemoryResolver) -> None:
    required = configuration_statement(TLSLevel.ENCRYPTED, setting="a setting")
    explained = explain(resolver, greeting(), greeting(), local=(required,))
    assert (explained.action, explained.verdict) == (Action.DEFER, Verdict.FALLS_SHORT)
    without = explain(resolver, greeting() + BYE, greeting() + BYE)
    assert (without.action, without.verdict) == (Action.DELIVER, Verdict.CLEAN)


def test_what_cannot_be_validated_is_not_clean(resolver: MemoryResolver) -> None:
    explained = explain(resolver, can_validate=False)
    assert (explained.action, explained.verdict) == (Action.DELIVER, Verdict.INCONCLUSIVE)


def test_a_package_that_is_missing_here_is_not_held_against_the_server(
    resolver: MemoryResolver,
) -> None:
    with pytest.raises(MissingExtra):
        explain(resolver, MissingExtra("a package is missing"))


def test_dozens_of_servers_are_not_all_examined(resolver: MemoryResolver) -> None:
    resolver.add(DOMAIN, *(MX(30, f"{number}.example.org") for number in range(40)))
    explained = explain(resolver)
    assert (len(explained.servers), explained.left_out) == (10, 32)


def test_the_json_has_all_members_whatever_is_known(resolver: MemoryResolver) -> None:
    resolver.add(f"_25._tcp.{FIRST}", RECORD)
    resolver.bogus(f"_25._tcp.{SECOND}")
    resolver.add(f"_mta-sts.{DOMAIN}", "v=STSv1; id=;")
    known = explained_json(explain(resolver))
    unknown = explained_json(explain(MemoryResolver()))
    assert known.keys() == unknown.keys()
    read = json.loads(json.dumps(known))
    assert read["version"] == 1
    assert (read["action"], read["verdict"]) == ("deliver", "falls short")
    assert read["mta_sts"]["error"]["result_type"] == "sts-policy-invalid"
    first, second = read["servers"]
    assert first.keys() == second.keys()
    assert first["decision"]["policy"] == {"level": "authenticated", "proofs": ["DANE"]}
    assert first["decision"]["rule"]["source"] == "DANE"
    assert first["lookups"][1] == {
        "type": "TLSA",
        "name": f"_25._tcp.{FIRST}",
        "records": ["3 1 1 " + "00" * 32],
        "found_at": f"_25._tcp.{FIRST}",
        "authentic": True,
        "error": None,
    }
    assert second["decision"]["policy"] is None
    assert second["decision"]["rule"]["stance"] == "defers"
    assert second["lookups"][1]["error"]["kind"] == "BogusAnswer"


def test_the_json_tells_the_outcome_of_connections(resolver: MemoryResolver) -> None:
    read = json.loads(json.dumps(explained_json(explain(resolver, greeting() + BYE))))
    first, second = read["servers"]
    assert first["connection"]["tls"]["level"] == "none"
    assert first["connection"]["error"] is None
    assert second["connection"]["tls"] is None
    assert second["connection"]["error"]["kind"] == "ConnectError"
    assert read["verdict"] == "inconclusive"


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (MX(10, FIRST), f"10 {FIRST}"),
        (MX(0, ""), "0 ."),
        (RECORD, "3 1 1 " + "00" * 32),
        (IPv4Address("192.0.2.1"), "192.0.2.1"),
        ("v=STSv1; id=1;", "v=STSv1; id=1;"),
    ],
)
def test_records_are_written_as_master_files_have_them(
    record: MX | TLSA | IPv4Address | str, text: str
) -> None:
    assert record_text(record) == text
