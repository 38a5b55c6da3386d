"""Whom the doctor believes about names and settings, and to whom it gives a password."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from postseal.dns import SRV
from postseal.send.autoconfig import (
    AccountSettings,
    Health,
    ServerSettings,
    Service,
    write_client_config,
)
from postseal.send.autoconfig.candidates import Voucher
from postseal.send.doctor.diagnosis import Ailment
from postseal.tls import Opening
from tests.integration.send.scripts import PASSWORD, greet
from tests.parts.hostile_server import Script, Talk
from tests.parts.street import (
    AUTH,
    AUTOCONFIG,
    DOMAIN,
    ELSEWHERE,
    HOST,
    IMPATIENT,
    SMTP,
    Street,
    in_clear,
    logging_in,
    refusing_login,
)
from tests.parts.web_authority import WebAuthority
from tests.parts.web_scripts import answering, response
from tests.parts.worlds import World, in_each_world

# -- what the DNS and the web say -----------------------------------------------------------------


def test_a_domain_that_does_not_exist_is_a_fault_and_nobody_is_connected_to(
    street: Street,
) -> None:
    found = street.examine("ada@nowhere.example")
    assert [one.ailment for one in found.diagnoses] == [Ailment.NAME_MISSING]
    assert (found.health, street.reached) == (Health.FAULTY, [])


def test_a_dns_that_does_not_answer_is_asked_one_question(street: Street) -> None:
    street.resolver.time_out(DOMAIN)
    found = street.examine()
    assert [one.ailment for one in found.diagnoses] == [Ailment.DNS_FAILED]
    assert (found.health, len(found.lookups)) == (Health.INCONCLUSIVE, 1)


def test_a_domain_that_publishes_nothing_and_has_no_usual_names_is_told_so(street: Street) -> None:
    found = street.examine()
    (diagnosis,) = found.diagnoses
    assert diagnosis.ailment is Ailment.NOTHING_FOUND
    assert SMTP in diagnosis.text
    assert found.health is Health.FAULTY


def test_a_host_whose_address_cannot_be_had_does_not_hold_up_the_others(street: Street) -> None:
    street.resolver.bogus(SMTP)
    street.serve(HOST, 465, street.implicit(AUTH))
    found = street.examine()
    assert [one.ailment for one in found.diagnoses] == [Ailment.DNS_FAILED]
    assert found.best is not None
    assert found.health is Health.WORKS


def test_a_service_that_is_declined_is_a_finding_and_guesses_follow(street: Street) -> None:
    street.resolver.add(f"_submission._tcp.{DOMAIN}", SRV(0, 0, 0, ""))
    street.serve(SMTP, 465, street.implicit(AUTH))
    found = street.examine()
    assert [one.ailment for one in found.diagnoses] == [Ailment.DECLINED]
    assert found.best is not None
    assert found.health is Health.FAULTY


def test_declining_starttls_beside_tls_from_the_first_octet_is_as_it_should_be(
    street: Street,
) -> None:
    street.resolver.add(f"_submission._tcp.{DOMAIN}", SRV(0, 0, 0, ""))
    street.resolver.add(f"_submissions._tcp.{DOMAIN}", SRV(0, 1, 465, HOST))
    street.serve(HOST, 465, street.implicit(AUTH))
    found = street.examine()
    assert (found.diagnoses, found.health) == ((), Health.WORKS)


def test_settings_for_use_in_clear_are_a_finding_and_are_not_followed(street: Street) -> None:
    settings = AccountSettings(
        domain=DOMAIN,
        name="Example",
        servers=(ServerSettings(service=Service.SUBMISSION, host=HOST, port=2500, opening=None),),
    )
    body = response(write_client_config(settings), content_type="text/xml")
    street.serve(AUTOCONFIG, 443, answering(street.context, body))
    found = street.examine()
    assert Ailment.PUBLISHED_IN_CLEAR in [one.ailment for one in found.diagnoses]
    assert (HOST, 2500) not in street.reached
    assert found.health is Health.FAULTY


@pytest.mark.parametrize(
    "body",
    [b"<html><body>hello</body></html>", b"no XML", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
    ids=["HTML", "rubbish", "entities"],
)
def test_a_file_that_is_none_is_shown_and_passed_over(street: Street, body: bytes) -> None:
    street.serve(AUTOCONFIG, 443, answering(street.context, response(body)))
    street.serve(SMTP, 465, street.implicit(AUTH))
    found = street.examine()
    assert found.files[0].problem is not None
    assert "the file cannot be used" in found.files[0].problem.text
    assert found.health is Health.WORKS


def test_a_file_of_a_web_server_that_is_not_proven_is_not_read(
    street: Street, tmp_path: Path
) -> None:
    settings = AccountSettings(
        domain=DOMAIN,
        name="Example",
        servers=(
            ServerSettings(
                service=Service.SUBMISSION, host="evil.test", port=465, opening=Opening.IMPLICIT
            ),
        ),
    )
    impostor = WebAuthority.create(tmp_path).context(AUTOCONFIG)
    body = response(write_client_config(settings), content_type="text/xml")
    street.serve(AUTOCONFIG, 443, answering(impostor, body))
    found = street.examine()
    assert (found.files[0].settings, found.files[0].problem is not None) == (None, True)
    assert "evil.test" not in [host for host, _ in street.reached]


# -- the password ---------------------------------------------------------------------------------


@in_each_world
def test_a_password_is_used_once_at_the_best_server(street: Street, world: World) -> None:
    street.world = world
    street.serve(SMTP, 465, street.implicit(AUTH), street.implicit(AUTH, then=logging_in))
    street.serve(SMTP, 587, street.starttls(AUTH))
    found = street.examine(password=PASSWORD)
    assert found.login is not None
    assert (found.login.diagnosis, found.health) == (None, Health.WORKS)
    # Only PLAIN carries it: base64 of user and password.
    assert street.servers[SMTP, 465].received.count(b"AUTH PLAIN ") == 1
    assert b"AUTH " not in street.servers[SMTP, 587].received


@pytest.mark.parametrize(
    ("reply", "ailment", "health"),
    [
        ("535 5.7.8 no", Ailment.CREDENTIALS_WRONG, Health.FAULTY),
        (
            "534 5.7.9 Application-specific password required.",
            Ailment.APP_PASSWORD_NEEDED,
            Health.FAULTY,
        ),
        ("454 4.7.0 later", Ailment.LOGIN_LATER, Health.INCONCLUSIVE),
    ],
)
def test_a_refused_login_is_explained_and_not_repeated(
    street: Street, reply: str, ailment: Ailment, health: Health
) -> None:
    street.serve(
        SMTP, 465, street.implicit(AUTH), street.implicit(AUTH, then=refusing_login(reply))
    )
    found = street.examine(password=PASSWORD)
    assert found.login is not None
    assert found.login.diagnosis is not None
    assert found.login.diagnosis.ailment is ailment
    assert found.health is health
    assert street.servers[SMTP, 465].received.count(b"AUTH ") == 1
    assert PASSWORD not in repr(found)


def test_a_host_elsewhere_that_only_the_dns_names_gets_no_password(street: Street) -> None:
    street.resolver.add(f"_submissions._tcp.{DOMAIN}", SRV(0, 1, 465, ELSEWHERE))
    street.serve(ELSEWHERE, 465, street.implicit(AUTH))
    found = street.examine(password=PASSWORD)
    assert found.login is not None
    assert found.login.diagnosis is not None
    assert found.login.diagnosis.ailment is Ailment.NOT_VOUCHED_FOR
    assert found.login.diagnosis.remedy.endswith(
        "postseal doctor mail.example.net --user ada@example.com."
    )
    assert found.health is Health.INCONCLUSIVE
    assert b"AUTH " not in street.servers[ELSEWHERE, 465].received


def test_a_host_elsewhere_that_dnssec_vouches_for_gets_it(street: Street) -> None:
    street.resolver.add(f"_submissions._tcp.{DOMAIN}", SRV(0, 1, 465, ELSEWHERE), authentic=True)
    street.serve(ELSEWHERE, 465, street.implicit(AUTH), street.implicit(AUTH, then=logging_in))
    found = street.examine(password=PASSWORD)
    assert found.best is not None
    assert found.best.candidate.voucher is Voucher.DNSSEC
    assert found.health is Health.WORKS


Wrecks = Mapping[str, Callable[[Street], Script]]
WRECKED: Wrecks = {
    "no TLS": lambda _: in_clear(AUTH),
    "a greeting and no more": lambda _: lambda talk: talk.say("220 hello"),
    "STARTTLS refused": lambda _: starttls_refused,
    "silence": lambda _: Talk.stall,
}


def starttls_refused(talk: Talk) -> None:
    greet(talk, "STARTTLS", AUTH)
    if talk.hear() == "STARTTLS":
        talk.say("454 not now")
        talk.take_all()


@pytest.mark.parametrize("wreck", WRECKED)
def test_nothing_of_a_password_leaves_without_tls(street: Street, wreck: str) -> None:
    server = street.serve(SMTP, 587, WRECKED[wreck](street))
    found = street.examine(password=PASSWORD, timeout=IMPATIENT)
    assert (found.best, found.login) == (None, None)
    assert found.health is not Health.WORKS
    assert b"AUTH " not in server.received
    assert PASSWORD.encode() not in server.received
