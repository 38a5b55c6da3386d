"""What a client sends mail by, and the remedy that speaks of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.audit.lab.case import Mode
from postseal.audit.lab.catalogue import CATALOGUE
from postseal.audit.lab.drivers import driver_client
from postseal.audit.lab.remedies import MailLibrary, recognise, remedy_for
from postseal.audit.lab.run import Lab, LabOptions
from tests.parts.mutant_client import MutantClient
from tests.parts.weaknesses import Weakness


@pytest.mark.parametrize(
    ("command", "library"),
    [
        ("swaks --server {host}", MailLibrary.SWAKS),
        ("/usr/bin/msmtp --host={host}", MailLibrary.MSMTP),
        ("sh -c 'echo hello | msmtp {to}'", MailLibrary.MSMTP),
        ("curl --ssl smtp://{host}:{port}", MailLibrary.CURL),
        ("node lab.js nodemailer-9.0.2", MailLibrary.NODEMAILER),
        ("npx nodemailer@9.0.2", MailLibrary.NODEMAILER),
        ("python manage.py sendtestemail {to}", MailLibrary.DJANGO),
        ("postseal send --to {to}", MailLibrary.POSTSEAL),
        # What merely sounds like one.
        ("./my-swaks", None),
        ("python curl/send.py", None),
        ("python send_emails.py", None),
        ("swaksify", None),
    ],
)
def test_the_words_of_a_command_name_the_library(
    command: str, library: MailLibrary | None, tmp_path: Path
) -> None:
    assert recognise(command.split(), tmp_path) is library


@pytest.mark.parametrize(
    ("driver", "library"),
    [
        ("aiosmtplib", MailLibrary.AIOSMTPLIB),
        ("mail", MailLibrary.MAIL_GEM),
        ("net-smtp", MailLibrary.NET_SMTP),
        ("nodemailer", MailLibrary.NODEMAILER),
        ("smtplib", MailLibrary.SMTPLIB),
    ],
)
def test_a_driver_of_the_lab_sends_by_its_library(driver: str, library: MailLibrary) -> None:
    client = driver_client(driver, interpreter=["/opt/postseal/bin/interpreter"])
    assert recognise((client.name, *client.arguments)) is library


@pytest.mark.parametrize(
    ("source", "library"),
    [
        ("import os\nimport smtplib\n", MailLibrary.SMTPLIB),
        ("from smtplib import SMTP\n", MailLibrary.SMTPLIB),
        # It is built on smtplib, which is loaded for a constant here.
        ("import smtplib\nfrom redmail import EmailSender\n", MailLibrary.RED_MAIL),
        ("def send():\n    from django.core.mail import send_mail\n", MailLibrary.DJANGO),
        ("const { createTransport } = require('nodemailer');\n", MailLibrary.NODEMAILER),
        ('import nodemailer from "nodemailer";\n', MailLibrary.NODEMAILER),
        ("require 'mail'\n", MailLibrary.MAIL_GEM),
        ("require 'net/smtp'\n", MailLibrary.NET_SMTP),
        ("use PHPMailer\\PHPMailer\\PHPMailer;\n", MailLibrary.PHPMAILER),
        ('import (\n\t"net/smtp"\n)\n', MailLibrary.GO_NET_SMTP),
        ("#!/bin/sh\nswaks --to $1\n", MailLibrary.SWAKS),
        ("#!/bin/sh\n# swaks --to was here before\n", None),
        ("import smtplibrary\n", None),
    ],
)
def test_the_text_of_a_program_names_the_library(
    source: str, library: MailLibrary | None, tmp_path: Path
) -> None:
    (tmp_path / "program").write_text(source, encoding="utf-8")
    assert recognise(["interpreter", "program", "{host}"], tmp_path) is library


def test_what_is_no_text_or_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\nimport smtplib\n")
    (tmp_path / "directory").mkdir()
    assert recognise(["binary", "directory", "a\0b", "x" * 5000], tmp_path) is None


@given(st.lists(st.text(), max_size=4))
def test_any_command_is_taken(command: list[str]) -> None:
    assert recognise(command) in (None, *MailLibrary)


@pytest.mark.parametrize("library", MailLibrary)
def test_each_library_has_a_remedy_against_stripping_and_for_verification(
    library: MailLibrary,
) -> None:
    stripping = remedy_for(library, (319, 757))
    verifying = remedy_for(library, (295,))
    assert stripping
    assert verifying
    assert stripping != verifying


def test_a_remedy_of_the_library_is_told_only_where_it_has_one() -> None:
    injection = remedy_for(MailLibrary.AIOSMTPLIB, (77, 345))
    assert injection == "Update aiosmtplib to 5.1.2 or later."
    assert remedy_for(MailLibrary.DJANGO, (77, 345)) is None
    assert remedy_for(MailLibrary.DJANGO, (400,)) is None


async def test_a_finding_carries_the_remedy_for_the_client_at_hand(tmp_path: Path) -> None:
    cases = [case for case in CATALOGUE if case.id == "N01"]
    client = MutantClient(frozenset({Weakness.GOES_ON_UNOFFERED}))
    options = LabOptions(mode=Mode.STARTTLS)
    _, general = await Lab(client, tmp_path, options).run(cases)
    _, own = await Lab(client, tmp_path, options, library=MailLibrary.NODEMAILER).run(cases)
    assert general.remedy == cases[0].remedy
    assert own.remedy.startswith("Set requireTLS: true")
