"""What the doctor finds at real servers on loopback, and what it says is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from postseal.dns import MX, SRV
from postseal.send.autoconfig import (
    AccountSettings,
    Health,
    ServerSettings,
    Service,
    write_client_config,
)
from postseal.send.autoconfig.candidates import Origin, Voucher
from postseal.send.doctor.diagnosis import Ailment
from postseal.tls import Opening
from tests.integration.send.scripts import PASSWORD, greet, take_quit
from tests.parts.hostile_server import Talk
from tests.parts.street import (
    AUTH,
    AUTOCONFIG,
    DOMAIN,
    ELSEWHERE,
    HERE,
    HOST,
    IMPATIENT,
    SMTP,
    Street,
    ailments,
    in_clear,
    logging_in,
)
from tests.parts.web_authority import WebAuthority
from tests.parts.web_scripts import answering, response
from tests.parts.worlds import World, in_each_world

# -- finding --------------------------------------------------------------------------------------


@in_each_world
def test_the_server_that_a_record_names_is_used_and_nobody_else_is_tried(
    street: Street, world: World
) -> None:
    street.world = world
    street.resolver.add(f"_submissions._tcp.{DOMAIN}", SRV(0, 1, 4650, HOST))
    street.serve(HOST, 4650, street.implicit(AUTH, then=take_quit))
    found = street.examine()
    assert found.health is Health.WORKS
    assert found.best is not None
    assert found.best.candidate.url == "smtps://ada%40example.com@mail.example.com:4650"
    assert (found.best.candidate.origin, found.best.candidate.voucher) == (
        Origin.SRV,
        Voucher.DOMAIN,
    )
    assert (found.best.mechanisms, found.best.mechanism) == (("LOGIN", "PLAIN"), "PLAIN")
    assert found.best.tls is not None
    assert [place for place in street.reached if place[1] != 443] == [(HOST, 4650)]


def test_the_records_are_tried_by_priority_and_tls_first_goes_before_starttls(
    street: Street,
) -> None:
    street.resolver.add(f"_submission._tcp.{DOMAIN}", SRV(0, 1, 587, HOST))
    street.resolver.add(f"_submissions._tcp.{DOMAIN}", SRV(9, 1, 465, HOST), SRV(1, 1, 465, SMTP))
    street.serve(HOST, 465, street.implicit(AUTH))
    street.serve(SMTP, 465, street.implicit(AUTH))
    street.serve(HOST, 587, street.starttls(AUTH))
    found = street.examine()
    assert list(ailments(found)) == [(SMTP, 465), (HOST, 465), (HOST, 587)]
    assert set(ailments(found).values()) == {None}
    assert found.best is not None
    assert found.best.candidate.url == "smtps://ada%40example.com@smtp.example.com"


@in_each_world
def test_the_file_of_settings_says_what_the_user_is_called(street: Street, world: World) -> None:
    street.world = world
    settings = AccountSettings(
        domain=DOMAIN,
        name="Example",
        servers=(
            ServerSettings(
                service=Service.SUBMISSION,
                host=ELSEWHERE,
                port=587,
                opening=Opening.STARTTLS,
                username="%EMAILLOCALPART%",
            ),
        ),
    )
    body = response(write_client_config(settings), content_type="text/xml")
    web = street.serve(AUTOCONFIG, 443, answering(street.context, body))
    # Once to look, once to log in.
    street.serve(ELSEWHERE, 587, street.starttls(AUTH), street.starttls(AUTH, then=logging_in))
    found = street.examine(password=PASSWORD)
    assert found.best is not None
    assert found.best.candidate.url == "smtp://ada@mail.example.net"
    # The domain's own web server vouches for a host elsewhere.
    assert found.best.candidate.voucher is Voucher.HTTPS
    assert found.login is not None
    assert found.login.diagnosis is None
    assert found.health is Health.WORKS
    assert bytes(web.talks[0].received).startswith(b"GET /mail/config-v1.1.xml HTTP/1.1\r\n")
    assert b"ada" not in web.received


def test_guesses_end_at_the_first_host_that_works(street: Street) -> None:
    street.serve(SMTP, 587, street.starttls(AUTH))
    street.serve(HOST, 465, street.implicit(AUTH))
    found = street.examine()
    assert found.health is Health.WORKS
    assert found.best is not None
    assert found.best.candidate.url == "smtp://ada%40example.com@smtp.example.com"
    assert ailments(found) == {
        (SMTP, 465): Ailment.REFUSED,
        (SMTP, 587): None,
        (SMTP, 2525): Ailment.REFUSED,
        (SMTP, 25): Ailment.REFUSED,
    }


def test_a_large_provider_is_known_by_its_exchangers(street: Street) -> None:
    street.resolver.add(DOMAIN, MX(1, "aspmx.l.google.com"))
    street.resolver.add("smtp.gmail.com", HERE)
    street.examine()
    assert [host for host, port in street.reached if port == 465] == ["smtp.gmail.com"]


def test_a_host_that_is_named_is_looked_at_first(street: Street) -> None:
    street.serve(HOST, 465, street.implicit(AUTH))
    found = street.examine(HOST)
    assert found.best is not None
    assert (found.best.candidate.url, found.best.candidate.voucher) == (
        "smtps://mail.example.com",
        Voucher.CALLER,
    )


def test_a_port_that_is_named_is_the_only_one_looked_at(street: Street) -> None:
    street.serve(HOST, 2465, street.starttls(AUTH))
    found = street.examine(f"{HOST}:2465")
    assert found.health is Health.WORKS
    assert street.reached == [(HOST, 2465)]
    assert [lookup.name for lookup in found.lookups] == [HOST]


# -- what is wrong --------------------------------------------------------------------------------


@in_each_world
def test_a_port_that_speaks_tls_is_told_from_one_that_is_silent(
    street: Street, world: World
) -> None:
    street.world = world

    def only_tls(talk: Talk) -> None:
        # Whoever does not say a ClientHello is waited for.
        street.implicit(AUTH)(talk)

    street.serve(HOST, 587, only_tls)
    found = street.examine(f"smtp://{HOST}", timeout=IMPATIENT)
    (server,) = found.servers
    assert server.diagnosis is not None
    assert server.diagnosis.ailment is Ailment.SPEAKS_TLS
    assert server.diagnosis.remedy == "Use smtps://mail.example.com:587."
    # There is a way, but the URL that was given is wrong.
    assert found.best is not None
    assert found.health is Health.FAULTY


def test_a_silent_port_is_called_silent(street: Street) -> None:
    street.serve(HOST, 587, Talk.stall)
    found = street.examine(HOST, port=587, timeout=IMPATIENT)
    assert ailments(found) == {(HOST, 587): Ailment.SILENT}
    assert found.health is Health.INCONCLUSIVE


@in_each_world
def test_a_port_that_speaks_plaintext_is_told_from_broken_tls(street: Street, world: World) -> None:
    street.world = world
    street.serve(HOST, 465, street.starttls(AUTH))
    found = street.examine(f"smtps://{HOST}")
    (server,) = found.servers
    assert server.diagnosis is not None
    assert server.diagnosis.ailment is Ailment.SPEAKS_PLAINTEXT
    assert server.diagnosis.remedy == "Use smtp://mail.example.com:465."
    assert found.best is not None


def test_something_else_than_smtp_is_called_so(street: Street) -> None:
    def web(talk: Talk) -> None:
        talk.say("HTTP/1.1 400 Bad Request")
        talk.take_all()

    street.serve(HOST, 587, web)
    assert ailments(street.examine(HOST, port=587)) == {(HOST, 587): Ailment.NOT_SMTP}


@pytest.mark.parametrize(
    ("greeting", "ailment", "health"),
    [
        ("554 no service for you", Ailment.TURNED_AWAY, Health.FAULTY),
        ("421 too many connections", Ailment.BUSY, Health.INCONCLUSIVE),
        ("450 come back later", Ailment.BUSY, Health.INCONCLUSIVE),
    ],
)
def test_a_server_that_turns_us_away_is_heard(
    street: Street, greeting: str, ailment: Ailment, health: Health
) -> None:
    def turn_away(talk: Talk) -> None:
        talk.say(greeting)
        talk.end()

    street.serve(HOST, 587, turn_away)
    found = street.examine(HOST, port=587)
    assert ailments(found) == {(HOST, 587): ailment}
    assert found.health is health


def test_a_certificate_for_another_name_tells_the_names_it_has(street: Street) -> None:
    street.serve("other.example.com", 465, street.implicit(AUTH))
    found = street.examine("other.example.com", port=465)
    diagnosis = found.servers[0].diagnosis
    assert diagnosis is not None
    assert diagnosis.ailment is Ailment.CERTIFICATE_FOR_ANOTHER_NAME
    assert HOST in diagnosis.names
    assert HOST in diagnosis.remedy
    assert found.health is Health.FAULTY


def test_a_certificate_that_is_over_is_called_expired(street: Street, tmp_path: Path) -> None:
    authority = WebAuthority.create(tmp_path)
    street.context, street.trust = authority.context(HOST, age=30), authority.trust
    street.serve(HOST, 465, street.implicit(AUTH))
    found = street.examine(HOST, port=465)
    assert ailments(found) == {(HOST, 465): Ailment.CERTIFICATE_EXPIRED}


def test_a_private_authority_is_called_an_unknown_issuer(street: Street, tmp_path: Path) -> None:
    street.context = WebAuthority.create(tmp_path).context(HOST)
    street.serve(HOST, 465, street.implicit(AUTH))
    found = street.examine(HOST, port=465)
    assert ailments(found) == {(HOST, 465): Ailment.CERTIFICATE_UNKNOWN_ISSUER}


def test_a_port_without_starttls_is_no_stripping_where_nobody_promised_it(street: Street) -> None:
    street.serve(HOST, 587, in_clear(AUTH))
    assert ailments(street.examine(HOST, port=587)) == {(HOST, 587): Ailment.NO_STARTTLS}


def test_a_port_without_starttls_beside_one_with_tls_is_pointed_out(street: Street) -> None:
    street.serve(HOST, 587, in_clear(AUTH))
    street.serve(HOST, 465, street.implicit(AUTH))
    found = street.examine(HOST)
    diagnosis = found.servers[1].diagnosis
    assert diagnosis is not None
    assert diagnosis.ailment is Ailment.NO_STARTTLS
    assert "the same host has TLS at port 465" in diagnosis.text
    assert found.health is Health.WORKS


def test_starttls_that_a_record_promises_was_stripped(street: Street) -> None:
    street.resolver.add(f"_submission._tcp.{DOMAIN}", SRV(0, 1, 587, HOST))
    street.serve(HOST, 587, in_clear(AUTH))
    found = street.examine()
    assert ailments(found)[HOST, 587] is Ailment.STARTTLS_STRIPPED
    assert found.health is Health.FAULTY


@pytest.mark.parametrize("mask", ["XXXXXXXA", "XXXXXXXX"])
def test_a_firewall_that_writes_over_starttls_is_known_by_its_mark(
    street: Street, mask: str
) -> None:
    street.serve(HOST, 587, in_clear("SIZE 1000", mask))
    (server,) = street.examine(HOST, port=587).servers
    assert server.probe.masked == (mask,)
    assert server.diagnosis is not None
    assert server.diagnosis.ailment is Ailment.STARTTLS_STRIPPED
    assert mask in server.diagnosis.text


def test_data_behind_starttls_is_called_an_injection(street: Street) -> None:
    def inject(talk: Talk) -> None:
        greet(talk, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go ahead", "250-injected", "250 AUTH PLAIN")
        talk.take_all()

    street.serve(HOST, 587, inject)
    assert ailments(street.examine(HOST, port=587)) == {(HOST, 587): Ailment.STARTTLS_INJECTED}


def test_a_port_for_servers_offers_no_login(street: Street) -> None:
    street.serve(HOST, 25, street.starttls("SIZE"))
    found = street.examine(HOST, port=25)
    diagnosis = found.servers[0].diagnosis
    assert diagnosis is not None
    assert diagnosis.ailment is Ailment.NO_LOGIN
    assert "port 25 is for mail between servers" in diagnosis.text
    assert (found.best, found.health) == (None, Health.FAULTY)


def test_a_server_for_tokens_alone_works_but_not_with_a_password(street: Street) -> None:
    street.serve(HOST, 465, street.implicit("AUTH XOAUTH2 OAUTHBEARER"))
    found = street.examine(HOST, port=465)
    assert ailments(found) == {(HOST, 465): Ailment.TOKENS_ONLY}
    assert found.health is Health.WORKS
    found = street.examine(HOST, port=465, username="ada", password=PASSWORD)
    assert found.login is not None
    assert found.login.diagnosis is not None
    assert found.login.diagnosis.ailment is Ailment.TOKENS_ONLY
    assert found.health is Health.FAULTY
    assert b"AUTH XOAUTH2" not in street.servers[HOST, 465].received


def test_a_filtered_port_that_is_published_does_not_outweigh_one_that_works(
    street: Street,
) -> None:
    street.resolver.add(f"_submissions._tcp.{DOMAIN}", SRV(0, 1, 465, HOST))
    street.resolver.add(f"_submission._tcp.{DOMAIN}", SRV(0, 1, 587, HOST))
    street.filtered = [(HOST, 465)]
    street.serve(HOST, 587, street.starttls(AUTH))
    found = street.examine()
    assert ailments(found) == {(HOST, 465): Ailment.FILTERED, (HOST, 587): None}
    assert found.health is Health.WORKS


def test_where_everything_is_filtered_nothing_is_concluded(street: Street) -> None:
    street.resolver.add(SMTP, HERE)
    street.filtered = [(SMTP, port) for port in (465, 587, 2525, 25)]
    found = street.examine()
    assert set(ailments(found).values()) == {Ailment.FILTERED}
    assert (found.best, found.health) == (None, Health.INCONCLUSIVE)
