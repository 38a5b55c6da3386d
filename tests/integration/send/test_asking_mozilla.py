"""Mozilla's database: asked by the doctor only where somebody wants that, and believed little.

Whoever writes there, or answers in its place, may name any server; that must neither collect a
password nor talk anybody out of TLS.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from postseal.dns import SRV
from postseal.send.autoconfig import (
    AccountSettings,
    Examination,
    Health,
    ServerSettings,
    Service,
    write_client_config,
)
from postseal.send.autoconfig.candidates import Origin, Voucher
from postseal.send.autoconfig.mozilla import MAX_CONFIG_SIZE
from postseal.send.autoconfig.published import PublishedFile
from postseal.send.doctor.diagnosis import Ailment
from postseal.tls import Opening
from tests.integration.send.scripts import PASSWORD
from tests.parts.hostile_server import HostileServer
from tests.parts.street import (
    AUTH,
    AUTOCONFIG,
    DOMAIN,
    ELSEWHERE,
    HOST,
    MOZILLA,
    SMTP,
    Street,
    ailments,
    in_clear,
    logging_in,
)
from tests.parts.web_authority import WebAuthority
from tests.parts.web_scripts import answering, chunked, response
from tests.parts.worlds import World, in_each_world

URL = f"https://{MOZILLA}/v1.1/{DOMAIN}"


def entry(*servers: tuple[str, int, Opening | None], domain: str = DOMAIN) -> bytes:
    """An answer of the database, with servers for submission."""
    settings = AccountSettings(
        domain=domain,
        name="Example",
        servers=tuple(
            ServerSettings(
                service=Service.SUBMISSION,
                host=host,
                port=port,
                opening=opening,
                username="%EMAILADDRESS%",
            )
            for host, port, opening in servers
        ),
    )
    return response(write_client_config(settings), content_type="text/xml")


SEALED = (HOST, 4650, Opening.IMPLICIT)


def mozilla(street: Street, answer: bytes) -> HostileServer:
    return street.serve(MOZILLA, 443, answering(street.context, answer))


def from_mozilla(found: Examination) -> PublishedFile:
    (file,) = (one for one in found.files if one.place.origin is Origin.DATABASE)
    return file


# -- whether it is asked --------------------------------------------------------------------------


def test_nobody_is_told_the_domain_unless_that_is_wanted(street: Street) -> None:
    web = mozilla(street, entry(SEALED))
    street.serve(HOST, 4650, street.implicit(AUTH))
    found = street.examine()
    assert MOZILLA not in [host for host, _ in street.reached]
    assert MOZILLA not in [lookup.name for lookup in found.lookups]
    assert (web.received, found.best) == (b"", None)


@in_each_world
def test_it_is_told_the_domain_and_nothing_else(street: Street, world: World) -> None:
    street.world = world
    web = mozilla(street, entry(SEALED))
    street.serve(HOST, 4650, street.implicit(AUTH))
    found = street.examine(ask_mozilla=True)
    (request,) = web.talks
    assert bytes(request.received).startswith(b"GET /v1.1/example.com HTTP/1.1\r\n")
    assert b"\r\nHost: autoconfig.thunderbird.net\r\n" in request.received
    assert b"ada" not in web.received
    assert from_mozilla(found).url == URL
    assert found.best is not None
    assert found.best.candidate.url == "smtps://ada%40example.com@mail.example.com:4650"
    assert found.best.candidate.origin is Origin.DATABASE
    assert found.health is Health.WORKS


def test_it_is_asked_after_what_the_domain_publishes_and_only_where_none_of_that_works(
    street: Street,
) -> None:
    street.resolver.add(f"_submissions._tcp.{DOMAIN}", SRV(0, 1, 465, HOST))
    mozilla(street, entry(SEALED))
    street.serve(HOST, 4650, street.implicit(AUTH))
    found = street.examine(ask_mozilla=True)
    assert list(ailments(found)) == [(HOST, 465), (HOST, 4650)]
    assert street.reached.index((HOST, 465)) < street.reached.index((MOZILLA, 443))
    street.serve(HOST, 465, street.implicit(AUTH))
    assert street.examine(ask_mozilla=True).best is not None
    assert (MOZILLA, 443) not in street.reached


def test_its_servers_come_before_guesses(street: Street) -> None:
    mozilla(street, entry(SEALED))
    street.serve(HOST, 4650, street.implicit(AUTH))
    street.serve(SMTP, 465, street.implicit(AUTH))
    assert list(ailments(street.examine(ask_mozilla=True))) == [(HOST, 4650)]


@pytest.mark.parametrize("subject", [f"smtps://{HOST}", f"{HOST}:465", "127.0.0.1"])
def test_it_is_not_asked_about_a_server(street: Street, subject: str) -> None:
    web = mozilla(street, entry(SEALED))
    street.examine(subject, ask_mozilla=True)
    assert MOZILLA not in [host for host, _ in street.reached]
    assert web.received == b""


# -- what it says ---------------------------------------------------------------------------------


def test_a_domain_that_it_does_not_know_is_no_trouble(street: Street) -> None:
    mozilla(street, response(b"not here", status="404 Not Found"))
    street.serve(SMTP, 465, street.implicit(AUTH))
    found = street.examine(ask_mozilla=True)
    assert (from_mozilla(found).settings, from_mozilla(found).problem) == (None, None)
    assert found.health is Health.WORKS


EVIL = ("evil.test", 465, Opening.IMPLICIT)
ANSWERS = {
    "HTML": (response(b"<html><body>hello</body></html>"), "no clientConfig"),
    "rubbish": (response(b"\x00\xff no XML"), "no well-formed XML"),
    "entities": (response(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), "document type"),
    "oversized": (response(b" " * (MAX_CONFIG_SIZE + 1)), "octets"),
    "oversized in chunks": (
        response(
            chunked([b" " * 4096] * 17),
            "Transfer-Encoding: chunked",
            content_type=None,
            length=None,
        ),
        "octets",
    ),
    "redirect": (
        response(b"", "Location: https://evil.test/", status="302 Found"),
        "status 302",
    ),
    "trouble": (response(b"", status="503 Service Unavailable"), "status 503"),
    "another domain": (entry(EVIL, domain="example.net"), "not for example.com"),
    "a domain below": (entry(EVIL, domain="a.example.com"), "not for example.com"),
    "no HTTP": (b"220 mail.example.com ESMTP\r\n", "before it had answered"),
}


@pytest.mark.parametrize(("answer", "told"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_none_is_shown_and_passed_over(
    street: Street, answer: bytes, told: str
) -> None:
    mozilla(street, answer)
    street.serve(SMTP, 465, street.implicit(AUTH))
    found = street.examine(ask_mozilla=True)
    file = from_mozilla(found)
    assert file.settings is None
    assert file.problem is not None
    assert told in file.problem.text
    assert "evil.test" not in [host for host, _ in street.reached]
    # Guesses go on, and a third party's trouble is none of the domain's.
    assert (found.diagnoses, found.health) == ((), Health.WORKS)


def test_one_of_several_domains_of_a_provider_is_enough(street: Street) -> None:
    written = entry(SEALED, domain="example.net").partition(b"\r\n\r\n")[2]
    several = written.replace(
        b"<domain>example.net</domain>",
        b"<domain>example.net</domain><domain> EXAMPLE.com </domain>",
    )
    mozilla(street, response(several))
    street.serve(HOST, 4650, street.implicit(AUTH))
    assert street.examine(ask_mozilla=True).best is not None


def test_a_database_that_cannot_be_reached_is_not_taken_for_one_without_the_domain(
    street: Street,
) -> None:
    street.serve(SMTP, 465, street.implicit(AUTH))
    assert from_mozilla(street.examine(ask_mozilla=True)).problem is not None


def test_somebody_in_its_place_is_not_believed(street: Street, tmp_path: Path) -> None:
    impostor = WebAuthority.create(tmp_path).context(MOZILLA)
    street.serve(MOZILLA, 443, answering(impostor, entry(EVIL)))
    found = street.examine(ask_mozilla=True)
    assert from_mozilla(found).problem is not None
    assert "evil.test" not in [host for host, _ in street.reached]


# -- how far it is believed -----------------------------------------------------------------------


def test_a_host_elsewhere_that_only_it_names_gets_no_password(street: Street) -> None:
    mozilla(street, entry((ELSEWHERE, 465, Opening.IMPLICIT)))
    street.serve(ELSEWHERE, 465, street.implicit(AUTH))
    found = street.examine(password=PASSWORD, ask_mozilla=True)
    assert found.best is not None
    assert found.best.candidate.voucher is Voucher.THIRD_PARTY
    assert found.login is not None
    assert found.login.diagnosis is not None
    assert found.login.diagnosis.ailment is Ailment.NOT_VOUCHED_FOR
    assert found.login.diagnosis.text.startswith("Mozilla's database says")
    assert found.login.diagnosis.remedy.endswith(
        "postseal doctor mail.example.net --user ada@example.com."
    )
    assert found.health is Health.INCONCLUSIVE
    assert b"AUTH " not in street.servers[ELSEWHERE, 465].received


@in_each_world
def test_a_host_of_the_domain_gets_it(street: Street, world: World) -> None:
    street.world = world
    mozilla(street, entry(SEALED))
    street.serve(HOST, 4650, street.implicit(AUTH), street.implicit(AUTH, then=logging_in))
    found = street.examine(password=PASSWORD, ask_mozilla=True)
    assert found.best is not None
    assert found.best.candidate.voucher is Voucher.DOMAIN
    assert found.login is not None
    assert found.login.diagnosis is None


def test_a_server_in_clear_is_a_finding_and_is_not_connected_to(street: Street) -> None:
    mozilla(street, entry((HOST, 2500, None), SEALED))
    in_the_open = street.serve(HOST, 2500, in_clear(AUTH))
    street.serve(HOST, 4650, street.implicit(AUTH), street.implicit(AUTH, then=logging_in))
    found = street.examine(password=PASSWORD, ask_mozilla=True)
    (diagnosis,) = found.diagnoses
    assert diagnosis.ailment is Ailment.PUBLISHED_IN_CLEAR
    assert diagnosis.text.startswith(URL)
    assert "https://github.com/thunderbird/autoconfig" in diagnosis.remedy
    assert ((HOST, 2500) in street.reached, in_the_open.received) == (False, b"")
    assert found.best is not None
    assert found.best.tls is not None
    assert found.health is Health.FAULTY


def test_a_server_that_has_no_tls_where_it_promises_some_gets_nothing(street: Street) -> None:
    mozilla(street, entry((HOST, 5870, Opening.STARTTLS)))
    server = street.serve(HOST, 5870, in_clear(AUTH))
    found = street.examine(password=PASSWORD, ask_mozilla=True)
    assert ailments(found)[HOST, 5870] is Ailment.STARTTLS_STRIPPED
    assert (found.best, found.login) == (None, None)
    assert b"AUTH " not in server.received


def test_the_domains_own_file_for_a_host_elsewhere_still_vouches_for_it(street: Street) -> None:
    own = answering(street.context, entry((ELSEWHERE, 465, Opening.IMPLICIT)))
    street.serve(AUTOCONFIG, 443, own)
    street.serve(ELSEWHERE, 465, street.implicit(AUTH))
    found = street.examine(ask_mozilla=True)
    assert found.best is not None
    assert found.best.candidate.voucher is Voucher.HTTPS
