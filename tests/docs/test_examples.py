"""The examples of the pages that people begin with, run in their order against real servers.

Each is found on loopback by the name that the page gives it; see `tests.parts.mapped_mail`.
"""

from __future__ import annotations

import gc
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask

from postseal.errors import CertificateRejected
from tests.parts.doc_blocks import examples_of_page, run_examples
from tests.parts.mapped_mail import PASSWORD, MappedMail, mapped_mail

DOCS = Path(__file__).resolve().parents[2] / "docs"
SEALED = "TLSv1.3"
SECRETS = ("MAIL_PASSWORD", "APP_PASSWORD", "SES_SMTP_PASSWORD", "CLIENT_SECRET", "REFRESH_TOKEN")


@dataclass(frozen=True, slots=True)
class Told:
    """What a page leads to: the subjects that arrive, and what is printed, as parts of lines."""

    subjects: tuple[str, ...] = ()
    printed: tuple[str, ...] = ()


PAGES = {
    "quickstart.md": Told(
        ("Your invoice", "For bob", "For carol"),
        (SEALED, "For bob sent", "For carol sent", "not logged in: 535"),
    ),
    "sending.md": Told(
        ("One", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "One"), (SEALED,)
    ),
    "gmail.md": Told(("By app password", "By token", "By robot")),
    "microsoft-365.md": Told(("As an application", "For a user")),
    "ses.md": Told(("By SES",)),
    "own-relay.md": Told(("Inside", "Inside"), ("relay.example.com",)),
    "security.md": Told(
        printed=(
            "stripped: nothing was sent",
            "certificate: wrong name",
            "injection: the session was ended",
            "refused",
            "refused",
            "no password in a URL",
            "no password without TLS",
        )
    ),
    "migrate-from-smtplib.md": Told(("Before", "After", "As it was", "Octets", "Another import")),
    "migrate-from-aiosmtplib.md": Told(("Before", "After")),
    "migrate-from-flask-mail.md": Told(("Come",), ("sent",)),
    "migrate-from-yagmail.md": Told(("After",)),
    "migrate-from-red-mail.md": Told(("Hello Bob",)),
    "migrate-from-lettre.md": Told(("After",)),
    "migrate-from-mail-gem.md": Told(("After",), ("After Hello Bob.", "", "invoice.pdf 8")),
}


# The loop ends before aiosmtplib's connection does, which is then the garbage collector's.
LEAVE_SOCKETS = {"migrate-from-aiosmtplib.md"}


@pytest.fixture(scope="module")
def account() -> str:
    """The key file of a service account."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    robot = {"client_email": "robot@app.test", "private_key_id": "k1", "private_key": pem}
    return json.dumps(robot)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: str) -> Path:
    """A directory of its own to be in, and an environment that keeps the secrets."""
    # aiosmtpd warns that clients log in without TLS where we said that they may.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    monkeypatch.chdir(tmp_path)
    for name in SECRETS:
        monkeypatch.setenv(name, PASSWORD)
    file = tmp_path / "robot.json"
    file.touch(mode=0o600)
    file.write_text(account)
    return tmp_path


@pytest.fixture
def mail(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MappedMail]:
    with mapped_mail(place, monkeypatch) as mail:
        yield mail


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_run(page: str, mail: MappedMail, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": page, "CA_FILE": mail.ca_file}
    try:
        with warnings.catch_warnings():
            if page in LEAVE_SOCKETS:
                warnings.simplefilter("ignore", ResourceWarning)
            run_examples(page, names)
            gc.collect()
    finally:
        # An application has its mailer until the process ends.
        if isinstance(app := names.get("app"), Flask):
            app.extensions["postseal"].close()
    # Several connections send at the same time, and what they print comes as it is known.
    assert sorted(mail.subjects) == sorted(PAGES[page].subjects)
    lines = capsys.readouterr().out.splitlines()
    for part in PAGES[page].printed:
        lines.remove(next(line for line in lines if part in line))
    assert not lines


def test_a_page_of_ours_is_not_forgotten() -> None:
    ours = {path.name for path in DOCS.glob("migrate-from-*.md")}
    assert ours <= set(PAGES)
    assert all(examples_of_page(page) for page in PAGES)


def test_an_impostor_gets_the_password_before_and_not_after(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: dict[str, object] = {}
    with mapped_mail(place, monkeypatch, is_trusted=False) as impostor:
        run_examples("migrate-from-smtplib.md", names, only=slice(1))
        assert (impostor.shown, impostor.subjects) == ([PASSWORD], ["Before"])
        with pytest.raises(CertificateRejected):
            run_examples("migrate-from-smtplib.md", names, only=slice(1, 2))
        assert len(impostor.shown) == 1
