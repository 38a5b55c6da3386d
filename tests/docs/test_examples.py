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
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import keyring
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask

from postseal.errors import CertificateRejected, StartTLSStripped
from tests.parts.doc_blocks import examples_of_page, languages_of_page, run_examples
from tests.parts.mapped_mail import PASSWORD, MappedMail, mapped_mail
from tests.parts.own_keyring import own_keyring
from tests.parts.ruby_examples import run_ruby_examples

DOCS = Path(__file__).resolve().parents[2] / "docs"
SEALED = "TLSv1.3"
SECRETS = ("MAIL_PASSWORD", "APP_PASSWORD", "SES_SMTP_PASSWORD", "CLIENT_SECRET", "REFRESH_TOKEN")


@dataclass(frozen=True, slots=True)
class Told:
    """What a page leads to: the subjects and files that arrive, and what is printed.

    Of lines that are printed these are parts.
    """

    subjects: tuple[str, ...] = ()
    printed: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


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
    "migrate-from-flask-mail.md": Told(("Come", "Come"), ("sent", "sent")),
    "migrate-from-yagmail.md": Told(("Before", "After"), files=("invoice.pdf", "invoice.pdf")),
    "migrate-from-red-mail.md": Told(("Hello Bob", "Hello Bob"), files=("data.csv", "data.csv")),
    "migrate-from-lettre.md": Told(("After",)),
    "migrate-from-mail-gem.md": Told(
        ("Before", "After"),
        ("Invoice", "Hello Bob.", "invoice.pdf 8") * 2,
        files=("invoice.pdf", "invoice.pdf"),
    ),
}


INVOICE = b"%PDF-1.7"
BEFORE, AFTER = slice(1), slice(1, 2)

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
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: str) -> Iterator[Path]:
    """A directory with the files of the pages, and what keeps the secrets: environment, keyring."""
    # aiosmtpd warns that clients log in without TLS where we said that they may.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    monkeypatch.chdir(tmp_path)
    for name in SECRETS:
        monkeypatch.setenv(name, PASSWORD)
    file = tmp_path / "robot.json"
    file.touch(mode=0o600)
    file.write_text(account)
    (tmp_path / "invoice.pdf").write_bytes(INVOICE)
    (tmp_path / "letter.eml").write_bytes(_letter().as_bytes(policy=SMTP))
    with own_keyring(tmp_path / "keyring"):
        keyring.set_password("yagmail", "ada@gmail.com", PASSWORD)
        yield tmp_path


def _letter() -> EmailMessage:
    letter = EmailMessage()
    letter["Subject"] = "Invoice"
    letter.set_content("Hello Bob.")
    letter.add_attachment(INVOICE, "application", "pdf", filename="invoice.pdf")
    return letter


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """What the examples of a page see of each other."""
    # An error of a view is for the test, rather than a page of its own.
    raising = {**Flask.default_config, "PROPAGATE_EXCEPTIONS": True}
    monkeypatch.setattr(Flask, "default_config", raising)
    names: dict[str, object] = {"__name__": "page"}
    yield names
    # An application has its mailer until the process ends.
    if isinstance(app := names.get("app"), Flask) and "postseal" in app.extensions:
        app.extensions["postseal"].close()


@pytest.fixture
def mail(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MappedMail]:
    with mapped_mail(place, monkeypatch) as mail:
        yield mail


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_run(
    page: str,
    mail: MappedMail,
    names: dict[str, object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    names["CA_FILE"] = mail.ca_file
    printed = run_ruby_examples(page, mail)
    with warnings.catch_warnings():
        if page in LEAVE_SOCKETS:
            warnings.simplefilter("ignore", ResourceWarning)
        run_examples(page, names)
        gc.collect()
    # Several connections send at the same time, and what they print comes as it is known.
    assert sorted(mail.subjects) == sorted(PAGES[page].subjects)
    assert sorted(map(str, mail.files)) == sorted(PAGES[page].files)
    lines = list(filter(None, (printed + capsys.readouterr().out).splitlines()))
    for part in PAGES[page].printed:
        lines.remove(next(line for line in lines if part in line))
    assert not lines


def test_a_page_of_ours_is_not_forgotten() -> None:
    ours = {path.name for path in DOCS.glob("migrate-from-*.md")}
    assert ours <= set(PAGES)
    assert all(examples_of_page(page) for page in PAGES)
    assert all(languages_of_page(page) <= {"python", "ruby"} for page in ours)


@pytest.mark.parametrize("client", ["smtplib", "flask-mail", "yagmail", "red-mail"])
def test_an_impostor_gets_the_password_before_and_not_after(
    client: str, place: Path, names: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"migrate-from-{client}.md"
    with mapped_mail(place, monkeypatch, is_trusted=False) as impostor:
        run_examples(page, names, only=BEFORE)
        assert (impostor.shown, len(impostor.messages)) == ([PASSWORD], 1)
        with pytest.raises(CertificateRejected):
            run_examples(page, names, only=AFTER)
        assert (impostor.shown, len(impostor.messages)) == ([PASSWORD], 1)


def test_a_stripped_offer_costs_the_password_before_and_not_after(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = "migrate-from-mail-gem.md"
    with mapped_mail(place, monkeypatch, is_stripped=True) as stripped:
        run_ruby_examples(page, stripped, only=BEFORE)
        assert (stripped.shown, stripped.subjects) == ([PASSWORD], ["Before"])
        with pytest.raises(StartTLSStripped):
            run_examples(page, {}, only=slice(1))
        assert (stripped.shown, stripped.subjects) == ([PASSWORD], ["Before"])
