"""Both mailers log in to Postfix, whose users Cyrus SASL checks: a judge of each mechanism.

SCRAM is the one that needs a judge: a client and a server of the same makers can agree on any
mistake.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest

from postseal import Address, Envelope, Secret, Timeouts
from postseal.errors import AuthError, CertificateRejected, Phase
from postseal.tls import TLSLevel
from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.postfix import Postfix, SaslUser
from tests.parts.waiting import wait_until
from tests.parts.worlds import World, in_each_world

ADA = Address.parse("ada@example.com")
ENVELOPE = Envelope(ADA, (Address.parse("bob@example.org"),))
# No mechanism may stumble over what another one uses as a separator or quotes.
PASSWORD = 'correct, "horse"=battery +\\staple'
# From the strongest to the one that our client uses last.
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5")

# A peer that does not answer is a failed test, not a slow one.
SOON = Timeouts(total=30)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return issue_certificate(tmp_path_factory.mktemp("certificates"), "localhost")


@pytest.fixture(scope="module", params=MECHANISMS)
def starttls_postfix(
    request: pytest.FixtureRequest, certificate: ServerCertificate
) -> Iterator[tuple[Postfix, str]]:
    """A Postfix that offers one mechanism, and that."""
    user = SaslUser("ada", PASSWORD, (request.param,))
    with Postfix(certificate=certificate, user=user) as postfix:
        postfix.start()
        yield postfix, request.param


@pytest.fixture(scope="module")
def implicit_postfix(certificate: ServerCertificate) -> Iterator[Postfix]:
    """A Postfix that speaks TLS from the first octet and offers all mechanisms."""
    user = SaslUser("ada", PASSWORD, MECHANISMS)
    with Postfix(certificate=certificate, user=user, implicit_tls=True) as postfix:
        postfix.start()
        yield postfix


def message() -> bytes:
    return (
        b"From: ada@example.com\r\nTo: bob@example.org\r\nSubject: logged in\r\n"
        b"Date: Sun, 1 Mar 2026 12:00:00 +0000\r\nMessage-ID: <%016x@example.com>\r\n\r\n"
        b".one dot\r\n" % random.getrandbits(64)
    )


def logins(postfix: Postfix) -> list[tuple[str, str]]:
    """The mechanism and the user of each message that Postfix logged as authenticated."""
    return re.findall(r"sasl_method=([\w-]+), sasl_username=(\S+)", postfix.log)


@in_each_world
def test_each_mechanism_logs_in(
    world: World, starttls_postfix: tuple[Postfix, str], certificate: ServerCertificate
) -> None:
    postfix, mechanism = starttls_postfix
    before = logins(postfix)
    content = message()
    delivery = world.mail(
        f"smtp://ada@localhost:{postfix.port}",
        lambda mailer: mailer.send_raw(ENVELOPE, [content]),
        password=PASSWORD,
        ca_file=certificate.ca_file,
        timeouts=SOON,
    )
    assert delivery.accepted == ENVELOPE.recipients
    assert delivery.tls.level is TLSLevel.AUTHENTICATED
    postfix.wait_for_messages(len(before) + 1)
    assert logins(postfix) == [*before, (mechanism, "ada@postfix.test")]


@in_each_world
def test_each_mechanism_refuses_another_password(
    world: World, starttls_postfix: tuple[Postfix, str], certificate: ServerCertificate
) -> None:
    postfix, mechanism = starttls_postfix
    before = logins(postfix)
    with pytest.raises(AuthError) as caught:
        world.mail(
            f"smtp://ada@localhost:{postfix.port}",
            lambda mailer: mailer.send_raw(ENVELOPE, [message()]),
            password=Secret("another"),
            ca_file=certificate.ca_file,
            timeouts=SOON,
        )
    assert (caught.value.phase, caught.value.code) == (Phase.AUTH, 535)
    assert logins(postfix) == before
    # Postfix logs through a process of its own, which may be a moment behind.
    wait_until(
        lambda: f"SASL {mechanism} authentication failed" in postfix.log,
        within=10,
        what="Postfix's log of the failure",
        state=lambda: postfix.log,
    )


@in_each_world
def test_the_best_of_all_mechanisms_is_used_under_implicit_tls(
    world: World, implicit_postfix: Postfix, certificate: ServerCertificate
) -> None:
    before = logins(implicit_postfix)
    content = message()
    delivery = world.mail(
        f"smtps://ada@localhost:{implicit_postfix.port}",
        lambda mailer: mailer.send_raw(ENVELOPE, [content]),
        password=PASSWORD,
        ca_file=certificate.ca_file,
        timeouts=SOON,
    )
    assert (delivery.tls.level, delivery.tls.version) == (TLSLevel.AUTHENTICATED, "TLSv1.3")
    stored = implicit_postfix.wait_for_messages(len(before) + 1)
    assert any(one.endswith(content.replace(b"\r\n", b"\n")) for one in stored)
    assert logins(implicit_postfix) == [*before, (MECHANISMS[0], "ada@postfix.test")]


@in_each_world
def test_an_unknown_authority_gets_no_login(world: World, implicit_postfix: Postfix) -> None:
    before = logins(implicit_postfix)
    with pytest.raises(CertificateRejected):
        world.mail(
            f"smtps://ada@localhost:{implicit_postfix.port}",
            lambda mailer: mailer.send_raw(ENVELOPE, [message()]),
            password=PASSWORD,
            timeouts=SOON,
        )
    assert logins(implicit_postfix) == before
