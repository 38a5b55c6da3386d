"""Mailboxes of a real Dovecot: read, searched, marked and deleted from, by each way in."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from postseal import Message, Secret, Timeouts
from postseal.errors import AuthError, CertificateReason, CertificateRejected, InvalidSetting
from postseal.mail.headers import Header
from postseal.retrieve import (
    Afterwards,
    Criteria,
    Flag,
    MaildirFolder,
    MessageTooLarge,
    RetrievalRefused,
    Retriever,
)
from postseal.tls import Trust
from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.doc_blocks import block_of_page
from tests.parts.dovecot import PASSWORD, Dovecot

pytestmark = pytest.mark.needs("dovecot")

IMAP = ("imap", "imaps")
POP3 = ("pop3", "pop3s")
ALL = (*IMAP, *POP3)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return issue_certificate(tmp_path_factory.mktemp("dovecot"), "localhost")


@pytest.fixture(scope="module")
def running(certificate: ServerCertificate) -> Iterator[Dovecot]:
    with Dovecot(certificate, mechanisms=("plain", "login", "scram-sha-256")) as dovecot:
        yield dovecot


@pytest.fixture
def dovecot(running: Dovecot) -> Dovecot:
    running.begin()
    return running


def letter(number: int, subject: str = "") -> bytes:
    return bytes(
        Message(
            from_="Ada Lovelace <ada@example.org>" if number % 2 else "bob@example.org",
            to="ada@example.com",
            subject=subject or f"letter {number}",
            text=f"This is letter {number}.\n.\n..\nFrom here to there.\n" + "x" * 100 * number,
            date=datetime.datetime(2026, 3, number, 12, tzinfo=datetime.UTC),
        )
    )


def mailbox_of(dovecot: Dovecot, certificate: ServerCertificate, scheme: str) -> Retriever:
    return Retriever(dovecot.url(scheme), password=PASSWORD, trust=Trust.only(certificate.ca_file))


@pytest.mark.parametrize("scheme", ALL)
def test_each_way_in_gives_the_messages_as_they_were_delivered(
    scheme: str, dovecot: Dovecot, certificate: ServerCertificate
) -> None:
    letters = [letter(number) for number in range(1, 5)]
    for one in letters:
        dovecot.deliver(one)
    with mailbox_of(dovecot, certificate, scheme) as mailbox:
        assert mailbox.tls.authenticated_by
        assert mailbox.tls.version == "TLSv1.3"
        assert [bytes(one.message) for one in mailbox.all()] == letters
        assert [bytes(one.message) for one in mailbox.first()] == letters[:1]
        assert [bytes(one.message) for one in mailbox.last(2)] == letters[-2:]
        assert [bytes(one.message) for one in mailbox.last(9)] == letters
        assert len({one.key for one in mailbox.all()}) == 4
    with mailbox_of(dovecot, certificate, scheme) as mailbox:
        # Reading leaves no trace.
        assert all(not one.flags for one in mailbox.all())


@pytest.mark.parametrize("scheme", ALL)
def test_an_empty_mailbox(scheme: str, dovecot: Dovecot, certificate: ServerCertificate) -> None:
    with mailbox_of(dovecot, certificate, scheme) as mailbox:
        assert mailbox.select() == 0
        assert list(mailbox.all()) == list(mailbox.first()) == list(mailbox.last(3)) == []


@pytest.mark.parametrize("scheme", ALL)
def test_what_was_handled_is_deleted_and_what_failed_is_not(
    scheme: str, dovecot: Dovecot, certificate: ServerCertificate
) -> None:
    for number in range(1, 5):
        dovecot.deliver(letter(number))

    def handle(mailbox: Retriever) -> None:
        for one in mailbox.all(afterwards=Afterwards.DELETE):
            if one.message.subject == "letter 3":
                raise KeyError("the database is away")

    with (
        pytest.raises(KeyError),
        mailbox_of(dovecot, certificate, scheme) as mailbox,
    ):
        handle(mailbox)
    with mailbox_of(dovecot, certificate, scheme) as mailbox:
        left = [one.message.subject for one in mailbox.all()]
    assert left == ["letter 3", "letter 4"]


@pytest.mark.parametrize("scheme", ALL)
def test_a_wrong_password(scheme: str, dovecot: Dovecot, certificate: ServerCertificate) -> None:
    mailbox = Retriever(
        dovecot.url(scheme),
        password=Secret("something else"),
        trust=Trust.only(certificate.ca_file),
        timeouts=Timeouts(total=30),
    )
    with pytest.raises(AuthError) as caught, mailbox:
        raise AssertionError("it was opened")
    assert caught.value.host == "localhost"
    assert caught.value.hint is not None
    assert "something else" not in str(caught.value)


@pytest.mark.parametrize("scheme", ALL)
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256"])
def test_each_mechanism(
    mechanism: str, scheme: str, dovecot: Dovecot, certificate: ServerCertificate
) -> None:
    with Retriever(
        dovecot.url(scheme),
        password=PASSWORD,
        mechanisms=[mechanism],
        trust=Trust.only(certificate.ca_file),
    ) as mailbox:
        assert mailbox.select() == 0
    assert f"method={mechanism}" in dovecot.log


@pytest.mark.parametrize("scheme", ALL)
def test_an_authority_that_is_not_trusted(
    scheme: str, dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = issue_certificate(tmp_path_factory.mktemp("other"), "localhost")
    with (
        pytest.raises(CertificateRejected) as caught,
        mailbox_of(dovecot, other, scheme),
    ):
        raise AssertionError("it was opened")
    assert caught.value.reason is CertificateReason.UNKNOWN_ISSUER


@pytest.mark.parametrize("scheme", IMAP)
def test_messages_are_found(scheme: str, dovecot: Dovecot, certificate: ServerCertificate) -> None:
    dovecot.deliver(letter(1, "plain"))
    dovecot.deliver(letter(2, "Zażółć gęślą jaźń"))
    dovecot.deliver(letter(3, 'a "quoted" \\ word'))
    # Dovecot has it since then; deliver says so to the file.
    day = datetime.date(2020, 9, 13)

    with mailbox_of(dovecot, certificate, scheme) as mailbox:

        def found(criteria: Criteria) -> list[str]:
            return [one.key for one in mailbox.find(criteria)]

        assert found(Criteria()) == ["1", "2", "3"]
        assert found(Criteria(subject="plain")) == ["1"]
        assert found(Criteria(subject="gęślą")) == ["2"]
        assert found(Criteria(subject="gęślą", text="jaźń", from_="bob")) == ["2"]
        assert found(Criteria(subject="gęślą", from_="Lovelace")) == []
        assert found(Criteria(subject='"quoted" \\')) == ["3"]
        assert found(Criteria(from_="Ada", to="example.com")) == ["1", "3"]
        assert found(Criteria(body="letter 2")) == ["2"]
        assert found(Criteria(header=Header("Message-ID", ""))) == ["1", "2", "3"]
        assert found(Criteria(header=Header("X-Nowhere", ""))) == []
        assert found(Criteria(header=Header("Subject", "gęślą"))) == ["2"]
        assert found(Criteria(sent_since=datetime.date(2026, 3, 2))) == ["2", "3"]
        assert found(Criteria(sent_before=datetime.date(2026, 3, 2))) == ["1"]
        assert found(Criteria(since=day - datetime.timedelta(1))) == ["1", "2", "3"]
        assert found(Criteria(before=day - datetime.timedelta(1))) == []
        assert found(Criteria(larger=100, smaller=200)) == []
        assert found(Criteria(seen=True)) == []

        for _ in mailbox.first(2, afterwards=Afterwards.MARK_SEEN):
            assert found(Criteria(subject="plain")) == ["1"]
        assert found(Criteria(seen=True)) == ["1", "2"]
        assert found(Criteria(seen=False)) == ["3"]
        (one,) = mailbox.find(Criteria(seen=True, subject="plain"))
        assert one.flags == {Flag.SEEN}
        assert one.received == datetime.datetime(2020, 9, 13, 12, 26, 41, tzinfo=datetime.UTC)


@pytest.mark.parametrize("scheme", IMAP)
def test_folders(scheme: str, dovecot: Dovecot, certificate: ServerCertificate) -> None:
    dovecot.deliver(letter(1))
    # Maildir++: what begins with a dot is a folder, its name in IMAP's UTF-7.
    dovecot.make_folder("Zam&APM-wienia & co".replace(" & ", " &- "))
    with mailbox_of(dovecot, certificate, scheme) as mailbox:
        assert set(mailbox.folders()) == {"INBOX", "Zamówienia & co"}
        assert mailbox.select("Zamówienia & co", read_only=True) == 0
        with pytest.raises(InvalidSetting, match="read_only"):
            mailbox.all(afterwards=Afterwards.DELETE)
        with pytest.raises(RetrievalRefused):
            mailbox.select("No such folder")
        assert mailbox.select() == 1
        assert [one.key for one in mailbox.all()] == ["1"]


@pytest.mark.parametrize("scheme", POP3)
def test_what_pop3_cannot(scheme: str, dovecot: Dovecot, certificate: ServerCertificate) -> None:
    with mailbox_of(dovecot, certificate, scheme) as mailbox:
        assert mailbox.folders() == ("INBOX",)
        with pytest.raises(InvalidSetting):
            mailbox.find(Criteria(subject="x"))
        with pytest.raises(InvalidSetting):
            mailbox.all(afterwards=Afterwards.MARK_SEEN)
        with pytest.raises(InvalidSetting):
            mailbox.select("Sent")


@pytest.mark.parametrize("scheme", ALL)
def test_a_message_that_is_too_large(
    scheme: str, dovecot: Dovecot, certificate: ServerCertificate
) -> None:
    dovecot.deliver(letter(1))
    dovecot.deliver(letter(30))
    with Retriever(
        dovecot.url(scheme),
        password=PASSWORD,
        trust=Trust.only(certificate.ca_file),
        max_message_octets=1500,
    ) as mailbox:
        messages = mailbox.all()
        assert next(messages).message.subject == "letter 1"
        with pytest.raises(MessageTooLarge):
            next(messages)
        # The session goes on.
        assert [one.message.subject for one in mailbox.first()] == ["letter 1"]


def test_the_example_of_the_documentation(
    dovecot: Dovecot,
    certificate: ServerCertificate,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number in range(1, 4):
        dovecot.deliver(letter(number))
    archive = MaildirFolder.create(tmp_path / "archive")
    example = block_of_page("retrieve.md", "reading")
    for theirs, ours in (
        ('"imaps://ada%40example.com@mail.example.com"', "url"),
        ("password=password", "password=password, trust=trust"),
    ):
        assert theirs in example
        example = example.replace(theirs, ours)
    exec(
        example,
        {
            "url": dovecot.url("imaps"),
            "password": PASSWORD,
            "trust": Trust.only(certificate.ca_file),
            "archive": archive,
        },
    )
    assert capsys.readouterr().out == "letter 2 2020-09-13 12:26:42+00:00\n"
    assert {kept.message.subject for kept in archive.messages()} == {
        f"letter {number}" for number in range(1, 4)
    }
    with mailbox_of(dovecot, certificate, "imaps") as mailbox:
        assert list(mailbox.all()) == []
