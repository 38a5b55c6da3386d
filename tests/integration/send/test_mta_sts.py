"""Finding MTA-STS policies (RFC 8461 3, 5.1) at real web servers, with a DNS in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from postseal.errors import CertificateReason, CertificateRejected, TimedOut, TLSResultType
from postseal.send.mx.mta_sts import DiscoveredPolicy
from postseal.send.mx.policy_cache import CachedPolicy, MemoryPolicyCache
from postseal.send.networks.aio import AsyncioNetwork
from postseal.send.networks.blocking import BlockingNetwork, run
from postseal.tls.mta_sts import MAX_POLICY_SIZE, MTAStsMode, MTAStsPolicy
from tests.parts.hostile_server import Talk
from tests.parts.policy_house import DOMAIN, HOST, RECORD, PolicyHouse
from tests.parts.routed_network import RoutedNetwork
from tests.parts.web_authority import WebAuthority
from tests.parts.web_scripts import answering, chunked, cutting, dripping, response
from tests.parts.worlds import World, in_each_world

DAY = 86_400.0
POLICY = MTAStsPolicy(MTAStsMode.ENFORCE, ("mx.example.com",), 7 * 86_400)
OTHER = MTAStsPolicy(MTAStsMode.TESTING, ("*.example.com",), 7 * 86_400)
BODY = POLICY.write()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> WebAuthority:
    return WebAuthority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def house(world: World, authority: WebAuthority) -> Iterator[PolicyHouse]:
    house = PolicyHouse(world, authority.trust, authority.context(HOST))
    yield house
    house.close()


# -- fetching (RFC 8461 3.3) ----------------------------------------------------------------------


@in_each_world
def test_an_announced_policy_is_fetched_once(house: PolicyHouse) -> None:
    house.announce()
    server = house.serve(BODY)
    assert house.find() == DiscoveredPolicy(DOMAIN, POLICY)
    assert house.find() == DiscoveredPolicy(DOMAIN, POLICY)
    assert house.network.asked == [(HOST, 443)]
    request = bytes(server.talks[0].received)
    assert request.startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\n")


@in_each_world
@pytest.mark.parametrize(
    "answer",
    [
        response(BODY, content_type="Text/Plain; charset=utf-8"),
        response(BODY, content_type="text/plain;x=y"),
        response(BODY, length=None),
        response(b"", "Transfer-Encoding: chunked", length=None) + chunked([BODY[:9], BODY[9:]]),
        response(BODY.replace(b"\r", b"")),
        response(BODY + b"x: " + b"a" * (MAX_POLICY_SIZE - len(BODY) - 3)),
    ],
    ids=["charset", "parameter", "no length", "chunked", "bare LF", "64 KiB"],
)
def test_a_policy_may_come_in_several_ways(house: PolicyHouse, answer: bytes) -> None:
    house.announce()
    house.serve(answering(house.context, answer))
    assert house.find() == DiscoveredPolicy(DOMAIN, POLICY)


FETCH = TLSResultType.STS_POLICY_FETCH_ERROR
INVALID = TLSResultType.STS_POLICY_INVALID
FAULTS = {
    "301": (response(BODY, f"Location: https://{HOST}/x", status="301 Moved"), FETCH, "301"),
    "302": (response(BODY, "Location: /x", status="302 Found"), FETCH, "302"),
    "404": (response(BODY, status="404 Not Found"), FETCH, "404"),
    "204": (response(b"", status="204 No Content"), FETCH, "204"),
    "206": (response(BODY, status="206 Partial Content"), FETCH, "206"),
    "500": (response(BODY, status="500 Oops"), FETCH, "500"),
    "html": (response(BODY, content_type="text/html"), FETCH, "text/html"),
    "no type": (response(BODY, content_type=None), FETCH, "text/plain"),
    "two types": (response(BODY, "Content-Type: text/html"), FETCH, "text/html"),
    "gzip": (response(BODY, "Content-Encoding: gzip"), FETCH, "encoded"),
    "too large": (response(b"a" * (MAX_POLICY_SIZE + 1)), FETCH, "65536"),
    "garbage": (b"\x16\x03\x01\xff\r\n\r\n", FETCH, "HTTP"),
    "nothing": (b"", FETCH, "closed"),
    "no policy": (response(b"<html></html>"), INVALID, "line 1"),
    "empty": (response(b""), INVALID, "version"),
    "no mx": (response(BODY.replace(b"mx: mx.example.com\r\n", b"")), INVALID, "mx"),
}


@in_each_world
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_policy_is_none_and_is_not_kept(house: PolicyHouse, fault: str) -> None:
    answer, result_type, words = FAULTS[fault]
    house.announce()
    house.serve(answering(house.context, answer))
    found = house.find()
    assert found.policy is None
    assert found.problem is not None
    assert found.problem.result_type is result_type
    assert words in str(found.problem)
    assert str(found.problem).isprintable()
    assert run(house.cache.domains()) == ()


@in_each_world
@pytest.mark.parametrize(
    ("name", "age", "reason"),
    [
        ("www.example.com", 0, CertificateReason.WRONG_NAME),
        (DOMAIN, 0, CertificateReason.WRONG_NAME),
        (HOST, 2, CertificateReason.EXPIRED),
    ],
)
def test_a_web_server_must_prove_who_it_is(
    house: PolicyHouse, authority: WebAuthority, name: str, age: int, reason: CertificateReason
) -> None:
    house.announce()
    house.serve(answering(authority.context(name, age=age), response(BODY)))
    found = house.find()
    assert found.policy is None
    assert found.problem is not None
    assert found.problem.result_type is TLSResultType.STS_WEBPKI_INVALID
    cause = found.problem.__cause__
    assert isinstance(cause, CertificateRejected)
    assert cause.reason is reason


@in_each_world
def test_a_slow_server_does_not_hold_up_the_mail(house: PolicyHouse) -> None:
    house.announce()
    house.timeout = 0.4
    house.serve(dripping(house.context, response(BODY)))
    found = house.find()
    assert found.policy is None
    assert found.problem is not None
    assert isinstance(found.problem.__cause__, TimedOut)


@in_each_world
def test_a_policy_that_was_cut_short_is_none(house: PolicyHouse) -> None:
    # Without its last mx it would be another policy.
    house.announce()
    house.serve(cutting(house.context, response(BODY, length=None)))
    found = house.find()
    assert (found.policy, found.problem and found.problem.result_type) == (None, FETCH)


# -- the record (RFC 8461 3.1) --------------------------------------------------------------------


@in_each_world
@pytest.mark.parametrize(
    ("texts", "result_type"),
    [
        (None, None),
        ((), None),
        (("v=spf1 -all",), None),
        (("v=STSv1; id=1;", "v=STSv1; id=2;"), INVALID),
        (("v=STSv1;",), INVALID),
        (("v=STSv1; id=not-an-id",), INVALID),
    ],
)
def test_without_one_good_record_no_policy_is_fetched(
    house: PolicyHouse, texts: tuple[str, ...] | None, result_type: TLSResultType | None
) -> None:
    if texts is not None:
        house.resolver.add(RECORD, *texts)
    house.serve(BODY)
    found = house.find()
    assert found.policy is None
    assert (found.problem and found.problem.result_type) == result_type
    assert house.fetches == 0


@in_each_world
def test_a_domain_is_asked_for_in_a_labels_and_a_parent_never(house: PolicyHouse) -> None:
    house.announce()
    house.serve(BODY)
    assert house.find("Sub.Example.COM").policy is None
    assert house.find("B\u00fccher.example").policy is None
    assert house.find("[192.0.2.1]").policy is None
    assert [name for _, name in house.resolver.asked] == [
        "_mta-sts.sub.example.com",
        "_mta-sts.xn--bcher-kva.example",
    ]
    assert house.find("EXAMPLE.com").policy == POLICY


# -- what is kept, and for how long (RFC 8461 3.3, 5.1) -------------------------------------------


@in_each_world
@pytest.mark.parametrize("lost", ["record", "answer", "forged answer", "several", "web server"])
def test_a_policy_outlives_what_an_attacker_can_suppress(house: PolicyHouse, lost: str) -> None:
    house.announce()
    house.serve(BODY)
    house.find()
    match lost:
        case "record":
            house.resolver.remove(RECORD)
        case "answer":
            house.resolver.time_out(RECORD)
        case "forged answer":
            house.resolver.bogus(RECORD)
        case "several":
            house.resolver.add(RECORD, "v=STSv1; id=2;")
        case _:
            house.take_down()
            house.announce("2")
    for day in range(1, 7):
        house.now += DAY
        found = house.find()
        assert found.policy == POLICY, day
        assert (found.problem is None) is (lost == "record")
    house.now += DAY
    assert house.find().policy is None
    assert run(house.cache.domains()) == ()


@in_each_world
def test_another_id_brings_another_policy(house: PolicyHouse) -> None:
    house.announce("1")
    house.serve(BODY)
    house.find()
    house.announce("2")
    house.serve(OTHER.write())
    assert house.find() == DiscoveredPolicy(DOMAIN, OTHER)
    assert house.find().policy == OTHER
    assert house.fetches == 2


@in_each_world
def test_the_same_id_is_fetched_again_once_a_day(house: PolicyHouse) -> None:
    house.announce()
    house.serve(BODY)
    for _ in range(3):
        assert house.find().policy == POLICY
        house.now += DAY - 1
        assert house.find().policy == POLICY
        house.now += 1
    assert house.fetches == 3


@in_each_world
def test_a_short_policy_is_fetched_again_at_half_of_its_time(house: PolicyHouse) -> None:
    house.announce()
    house.serve(BODY.replace(b"604800", b"600"))
    house.find()
    house.now += 299
    house.find()
    assert house.fetches == 1
    house.now += 1
    house.find()
    assert house.fetches == 2


@in_each_world
def test_refreshing_renews_what_is_due_without_any_mail(house: PolicyHouse) -> None:
    house.announce()
    house.serve(BODY)
    house.find()
    assert house.refresh() == ()
    for _ in range(30):
        house.now += DAY
        assert house.refresh() == (DiscoveredPolicy(DOMAIN, POLICY),)
    # Never asked for in a month, and still protected when its web server is lost.
    house.take_down()
    house.now += DAY
    (found,) = house.refresh()
    assert found.policy == POLICY
    assert found.problem is not None
    assert house.find().policy == POLICY


@in_each_world
def test_a_policy_of_no_time_holds_for_the_mail_at_hand(house: PolicyHouse) -> None:
    house.announce()
    house.serve(BODY.replace(b"604800", b"0"))
    policy = house.find().policy
    assert policy is not None
    assert policy.mode is MTAStsMode.ENFORCE
    house.take_down()
    assert house.find().policy is None


@in_each_world
def test_the_mode_none_takes_the_place_of_what_was_enforced(house: PolicyHouse) -> None:
    house.announce("1")
    house.serve(BODY)
    house.find()
    house.announce("2")
    house.serve(b"version: STSv1\nmode: none\nmax_age: 86400\n")
    policy = house.find().policy
    assert policy is not None
    assert (policy.mode, policy.mx) == (MTAStsMode.NONE, ())


@in_each_world
def test_a_failure_is_remembered_for_five_minutes_and_one_id(house: PolicyHouse) -> None:
    # RFC 8461 3.3: for each id.
    house.announce("1")
    house.serve(b"no policy")
    first = house.find()
    house.now += 299
    assert house.find() == first
    assert house.fetches == 1
    house.now += 1
    house.find()
    assert house.fetches == 2
    house.announce("2")
    house.serve(BODY)
    assert house.find().policy == POLICY
    assert house.fetches == 3


@in_each_world
def test_a_lookup_that_failed_is_not_waited_for_again_for_five_minutes(house: PolicyHouse) -> None:
    house.resolver.time_out(RECORD)
    found = house.find()
    assert found.problem is not None
    assert found.problem.result_type is FETCH
    assert house.find() == found
    house.announce()
    house.serve(BODY)
    assert house.find() == found
    house.now += 300
    assert house.find().policy == POLICY


@in_each_world
def test_a_failed_refresh_keeps_the_policy_and_says_so(house: PolicyHouse) -> None:
    house.announce("1")
    house.serve(BODY)
    house.find()
    house.announce("2")
    house.serve(b"no policy")
    found = house.find()
    assert found.policy == POLICY
    assert found.problem is not None
    assert found.problem.result_type is INVALID


# -- one at a time --------------------------------------------------------------------------------


async def test_tasks_share_one_fetch(authority: WebAuthority) -> None:
    house = PolicyHouse(World.ASYNCIO, authority.trust, authority.context(HOST))
    house._network = RoutedNetwork(AsyncioNetwork(), {})
    house.announce()
    house.serve(BODY)
    deadline = house.network.now() + 30
    found = await asyncio.gather(*(house.finder.find(DOMAIN, deadline=deadline) for _ in range(50)))
    assert found == [DiscoveredPolicy(DOMAIN, POLICY)] * 50
    assert house.fetches == 1
    # A server sees its client go when the loop runs.
    await asyncio.to_thread(house.close)


def test_threads_share_one_fetch(authority: WebAuthority) -> None:
    house = PolicyHouse(World.BLOCKING, authority.trust, authority.context(HOST))
    house._network = RoutedNetwork(BlockingNetwork(), {})
    house.announce()
    house.serve(BODY)
    found: list[DiscoveredPolicy] = []
    ready = threading.Barrier(8)
    finder = house.finder

    def ask() -> None:
        ready.wait()
        found.append(run(finder.find(DOMAIN, deadline=house.network.now() + 30)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [DiscoveredPolicy(DOMAIN, POLICY)] * 8
    assert house.fetches == 1
    house.close()


async def test_who_waits_for_another_waits_until_its_own_deadline(authority: WebAuthority) -> None:
    house = PolicyHouse(World.ASYNCIO, authority.trust, authority.context(HOST))
    house._network = RoutedNetwork(AsyncioNetwork(), {})
    house.announce()
    house.serve(Talk.stall)
    now = house.network.now()
    patient = asyncio.create_task(house.finder.find(DOMAIN, deadline=now + 5))
    await asyncio.sleep(0)
    with pytest.raises(TimedOut):
        await house.finder.find(DOMAIN, deadline=now + 0.1)
    patient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await patient
    # What was cancelled left its place to the next.
    house.serve(BODY)
    assert (await house.finder.find(DOMAIN, deadline=now + 30)).policy == POLICY
    await asyncio.to_thread(house.close)


# -- the cache ------------------------------------------------------------------------------------


def test_a_full_cache_gives_up_what_would_expire_first() -> None:
    cache = MemoryPolicyCache(max_domains=2)
    for domain, fetched_at in (("a", 300.0), ("b", 100.0), ("c", 200.0)):
        run(cache.put(domain, CachedPolicy("1", POLICY, fetched_at)))
    assert run(cache.domains()) == ("a", "c")
    assert run(cache.get("b")) is None
    run(cache.remove("b"))
    run(cache.remove("a"))
    assert run(cache.domains()) == ("c",)
