"""The adapter under Django's `MAILERS`: a project of Django 6.1 in a process of a newer Python."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from postseal.testing import Fault, SMTPServer
from tests.conftest import report_lack

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ROOT / ".venv" / "lab" / "lab-newer"
PROJECT: Final = ROOT / "tests" / "interop" / "mailers" / "project.py"
EXAMPLE: Final = ROOT / "examples" / "django_app.py"
BACKEND: Final = "postseal.frameworks.django.EmailBackend"

Options = Mapping[str, object]
Run = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Told:
    """What the project says of a way to send, as JSON has it.

    A warning is its category, the module that it is laid to, and its text.
    """

    result: list[object] | None
    error: list[str] | None
    warnings: list[list[str]]


@dataclass(frozen=True, slots=True)
class Shop:
    """A project with the mailer `default` for one server, and `bulk` for another one's user."""

    run: Run
    server: SMTPServer
    bulk: SMTPServer

    def mail(self, *ways: str, **others: Options) -> list[Told]:
        """Send in ways that the project knows; `others` are options of mailers by their alias."""
        mailers: dict[str, Options] = {
            "default": options_of(self.server),
            "bulk": options_of(self.bulk, password="adas"),
            **others,
        }
        return self.mail_by(
            *ways,
            MAILERS={
                alias: {"BACKEND": BACKEND, "OPTIONS": options}
                for alias, options in mailers.items()
            },
        )

    def mail_by(self, *ways: str, **settings: object) -> list[Told]:
        told = self.run(PROJECT, *ways, given=json.dumps(settings))
        return [Told(**one) for one in json.loads(told)]


def options_of(server: SMTPServer, **others: object) -> Options:
    return {"url": server.url, "ca_file": str(server.ca_file), **others}


def subjects(server: SMTPServer) -> list[str | None]:
    return [stored.message.subject for stored in server.outbox]


@pytest.fixture(scope="session")
def run() -> Run:
    """Run the newer Python, which sees Django 6.1 and this tree alone; give what it prints.

    No script installs a second Python, so that CI need not have one: without it, the tests are
    skipped there too. With it, CI must have the packages.
    """
    finder = ROOT / "scripts" / "newer-python"
    found = subprocess.run([finder], capture_output=True, text=True, timeout=60, check=False)
    if found.returncode != 0:
        pytest.skip(found.stderr.strip())
    if not PACKAGES.with_suffix(".stamp").exists():
        report_lack("Django 6.1 is not installed (scripts/lab-clients)")
    environment = {
        "HOME": os.devnull,
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(map(str, (PACKAGES, ROOT / "src", ROOT))),
    }

    def run(
        *arguments: str | Path, given: str = "", variables: Mapping[str, str] | None = None
    ) -> str:
        # -S: the packages of that Python stay out of sight.
        done = subprocess.run(
            [found.stdout.strip(), "-S", *arguments],
            input=given,
            env={**environment, **(variables or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


@pytest.fixture
def shop(run: Run) -> Iterator[Shop]:
    with SMTPServer() as server, SMTPServer(users={"ada": "adas", "bob": "bobs"}) as bulk:
        yield Shop(run, server, bulk)


def test_each_mailer_has_settings_and_connections_of_its_own(shop: Shop) -> None:
    assert shop.mail("by_alias") == [Told([2, 1], None, [])]
    assert subjects(shop.server) == ["three"]
    assert subjects(shop.bulk) == ["one", "two"]
    (plain,), (bulk,) = shop.server.sessions, shop.bulk.sessions
    assert plain.tls.version == bulk.tls.version == "TLSv1.3"
    assert (plain.authenticated_as, bulk.authenticated_as) == (None, "ada")


def test_functions_of_django_take_the_alias(shop: Shop) -> None:
    assert shop.mail("by_using") == [Told([1, 1, 1, 2, 2], None, [])]
    assert subjects(shop.server) == ["default", "mass", "more"]
    assert subjects(shop.bulk) == ["[Django] admins", "message", "function", "mass", "more"]
    html = shop.bulk.outbox.assert_sent(subject="function").message.html
    assert html is not None
    assert "<p>html</p>" in html
    # Django makes a backend for each call; they share what is the process's.
    assert len(shop.server.sessions) == len(shop.bulk.sessions) == 1


def test_a_mailer_trusts_its_own_authority_alone(shop: Shop) -> None:
    wrong = options_of(shop.server, ca_file=str(shop.bulk.ca_file))
    (told,) = shop.mail("by_default", default=wrong)
    assert told.error is not None
    assert told.error[0] == "CertificateRejected"
    shop.server.outbox.assert_nothing_sent()


def test_a_mailer_with_a_slip_is_named_and_the_others_go_on(shop: Shop) -> None:
    odd, unknown, default = shop.mail(
        "by_odd_mailer", "by_unknown_mailer", "by_default", odd={"urll": shop.server.url}
    )
    assert odd.error == [
        "InvalidSetting",
        "MAILERS['odd']: 'urll' is no option of a mailer. Did you mean url?",
    ]
    assert unknown.error is not None
    assert unknown.error[0] == "MailerDoesNotExist"
    assert default.result == [1]


def test_a_stripped_server_gets_nothing_also_where_that_is_silent(shop: Shop) -> None:
    shop.server.fault(Fault.strip_starttls())
    quiet = options_of(shop.server, fail_silently=True)
    loud, silent, by_call = shop.mail("by_default", "silently", "silently_by_call", quiet=quiet)
    assert loud.error is not None
    assert loud.error[0] == "StartTLSStripped"
    assert silent == Told([0], None, [])
    assert (by_call.result, by_call.error) == ([0], None)
    assert_deprecated_by_django_alone(by_call, "'fail_silently'")
    shop.server.outbox.assert_nothing_sent()


def test_what_older_functions_are_given_is_heeded_or_refused(shop: Shop) -> None:
    options: Options = {
        "host": shop.bulk.host,
        "port": shop.bulk.port,
        "use_tls": True,
        "ca_file": str(shop.bulk.ca_file),
        "username": "ada",
        "password": "adas",
    }
    told, odd = shop.mail("by_connection", "by_odd_connection", default=options)
    assert (told.result, told.error) == ([1, 1, 1], None)
    assert_deprecated_by_django_alone(told, "get_connection()", "'auth_user'")
    assert [one.authenticated_as for one in shop.bulk.sessions] == ["ada", "bob"]
    assert subjects(shop.bulk) == ["as ever", "as bob", "as bob"]
    # Django would let it pass, and the certificate would never be shown.
    assert odd.error is not None
    assert odd.error[1].startswith("MAILERS['default']: 'ssl_certfile' is no option of a mailer.")


def test_settings_from_before_mailers_still_count(shop: Shop) -> None:
    (told,) = shop.mail_by(
        "by_default", EMAIL_BACKEND=BACKEND, POSTSEAL_MAILER=options_of(shop.server)
    )
    assert (told.result, told.error) == ([1], None)
    assert subjects(shop.server) == ["default"]


def test_the_example_says_its_mailer_by_the_newer_setting(shop: Shop) -> None:
    variables = {"MAIL_URL": shop.server.url, "MAIL_CA_FILE": str(shop.server.ca_file)}
    shop.run(EXAMPLE, "sendtestemail", "ada@example.org", variables=variables)
    visit = """if True:
        from examples import django_app
        from django.conf import settings
        from django.test import Client
        assert Client().get("/order", {"to": "ada@example.org"}).status_code == 200
        print(*settings.MAILERS)
    """
    assert shop.run("-c", visit, variables=variables) == "default\n"
    assert len(shop.server.outbox) == 2
    stored = shop.server.outbox.assert_sent(subject="Your order", from_="shop@example.com")
    assert [str(one) for one in stored.envelope.recipients] == [
        "ada@example.org",
        "orders@example.com",
    ]
    assert b"orders@example.com" not in stored.octets
    assert b"X-Tags" not in stored.octets
    assert [one.filename for one in stored.message.attachments] == ["terms.txt"]


def assert_deprecated_by_django_alone(told: Told, *what: str) -> None:
    """Assert that Django warns of the caller's doing, in `what`, and never of the adapter's."""
    assert {category for category, _, _ in told.warnings} == {"RemovedInDjango2028Warning"}
    assert "django.py" not in {module for _, module, _ in told.warnings}
    texts = " ".join(text for _, _, text in told.warnings)
    assert [part for part in what if part not in texts] == []
