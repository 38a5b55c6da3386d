"""One message from `postseal send` through `postseal serve` to a real Postfix, and who saw what.

Proxies on both hops record every byte, as somebody on the path would. Where Postfix cannot prove
that it is Postfix, it must learn nothing.
"""

from __future__ import annotations

import email
import email.policy
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parts.canaries import Canary, find_canaries
from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.postfix import Postfix
from tests.parts.postseal_process import Platform, run_send
from tests.parts.queue_view import DeliveryRow, read_deliveries
from tests.parts.recording_proxy import Conversation, RecordingProxy
from tests.parts.recording_proxy import Path as NetworkPath
from tests.parts.tls_records import RecordType, split_at_tls
from tests.parts.waiting import wait_until

pytestmark = [pytest.mark.needs("postfix"), pytest.mark.timeout(300)]

SENDER = "ada-canary@example.com"
RECIPIENT = "bob-canary@example.org"
SUBJECT = "Subject canary: the invoice"
# Lines that begin with dots, "From " and a lone dot: what transports are tempted to change.
TEXT = (
    "Hello Bob, text canary.\n"
    ".one dot in front\n..two\n.\nFrom the beginning of a line\n"
    "A long line: " + "word " * 300 + "\n"
)
HTML = "<p>Grüße, κανάρι, 金丝雀 — HTML canary.</p>\n" * 40
_RANDOM = random.Random(20260301)
ATTACHMENTS = {
    "canary-invoice.bin": _RANDOM.randbytes(1_150_000),
    "canary-terms.bin": _RANDOM.randbytes(1_150_001),
}
# With the line structure of base64 the message is a little over 3 MB.
LEAST_SIZE = 3_000_000


@dataclass(frozen=True, slots=True)
class Scene:
    """postseal send -> `inbound` -> the platform -> `outbound` -> Postfix."""

    inbound: RecordingProxy
    platform: Platform
    outbound: RecordingProxy
    postfix: Postfix
    folder: Path

    def send(self) -> str:
        """Send the message by the command; return what it printed."""
        files: list[str | Path] = []
        for name, content in ATTACHMENTS.items():
            (self.folder / name).write_bytes(content)
            files += ["--attach", self.folder / name]
        login = self.platform.credential
        done = run_send(
            f"smtp://{login.username}@localhost:{self.inbound.port}",
            *("--from", SENDER, "--to", RECIPIENT, "--subject", SUBJECT),
            *("--text", TEXT, "--html", HTML, *files),
            *("--ca-file", self.platform.authority),
            password=login.password,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def delivery(self) -> DeliveryRow:
        """The one delivery that there is."""
        [row] = read_deliveries(self.platform.data_directory)
        return row

    def wait_for_state(self, state: str, *, attempts: int = 1) -> DeliveryRow:
        """Wait until the delivery is in `state` after at least so many attempts."""

        def reached() -> DeliveryRow | None:
            row = self.delivery()
            return row if row.state == state and len(row.attempts) >= attempts else None

        return wait_until(
            reached,
            within=20,
            what=f"state {state} after {attempts} attempts",
            state=lambda: f"{self.delivery()}\n{self.platform.output}\n{self.postfix.log[-3000:]}",
        )

    def canaries(self) -> list[Canary]:
        """Everything that belongs to sender and recipient alone."""
        login = self.platform.credential
        pieces = {
            f"{name} at {position}": content[position : position + 48]
            for name, content in ATTACHMENTS.items()
            for position in (0, 500_000, len(content) - 48)
        }
        texts = {
            "sender": SENDER,
            "recipient": RECIPIENT,
            "subject": SUBJECT,
            "text": "text canary",
            "HTML": "HTML canary",
            "non-ASCII HTML": "Grüße, κανάρι, 金丝雀",
            "file name": "canary-invoice",
            "username": login.username,
            "password": login.password,
            # As AUTH PLAIN puts them together (RFC 4616).
            "both": f"\0{login.username}\0{login.password}",
        }
        encoded = {name: text.encode() for name, text in texts.items()}
        return [Canary(name, data) for name, data in (encoded | pieces).items()]


@contextmanager
def make_scene(
    folder: Path, certificate: ServerCertificate | None, ca_file: Path
) -> Iterator[Scene]:
    with (
        Postfix(certificate=certificate) as postfix,
        RecordingProxy(postfix.port) as outbound,
    ):
        configuration = f"""
[delivery]
mode = "live"
retry_first = 0.3
retry_cap = 1

[delivery.routes]
"example.org" = {{ url = "smtp://localhost:{outbound.port}", ca_file = "{ca_file}" }}
"""
        with Platform(folder / "platform", configuration=configuration) as platform:
            platform.start()
            with RecordingProxy(platform.port("submission")) as inbound:
                inbound.start()
                yield Scene(inbound, platform, outbound, postfix, folder)
                assert platform.stop() == 0, platform.output


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Scene]:
    """Postfix as it should be, not yet started."""
    certificate = issue_certificate(tmp_path / "certificates", "localhost")
    with make_scene(tmp_path, certificate, certificate.ca_file) as scene:
        yield scene


def canonical(text: object) -> bytes:
    """Give text the line ends of RFC 2046 4.1.1, which Postfix stores as LF outside of base64."""
    assert isinstance(text, bytes)
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def assert_arrived_whole(stored: bytes, printed: str) -> None:
    """Compare what Postfix stored with what was composed, part by part, byte for byte."""
    assert len(stored) > LEAST_SIZE
    message = email.message_from_bytes(stored, policy=email.policy.default)
    assert message["Subject"] == SUBJECT
    assert message["Return-Path"] == f"<{SENDER}>"
    assert message["Delivered-To"] == RECIPIENT
    parts = [part for part in message.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts[:2]] == ["text/plain", "text/html"]
    contents = [part.get_payload(decode=True) for part in parts]
    assert canonical(contents[0]) == canonical(TEXT.encode())
    assert canonical(contents[1]) == canonical(HTML.encode())
    names = [part.get_filename() for part in parts[2:]]
    assert dict(zip(names, contents[2:], strict=True)) == ATTACHMENTS
    assert message.defects == []

    theirs, ours = (" ".join(str(line).split()) for line in message.get_all("Received", []))
    assert "by postfix.test (Postfix) with ESMTPS id" in theirs
    assert " with ESMTPSA " in ours
    # The line says of the first hop what the sender saw of it.
    [cipher] = set(re.findall(r"TLS_[A-Z0-9_]+", printed))
    assert re.search(r"TLS ?v?1\.3", ours)
    assert cipher in ours


def assert_nothing_in_clear(scene: Scene) -> None:
    """Search both hops; and see that there was something to search."""
    for proxy in (scene.inbound, scene.outbound):
        assert find_canaries(proxy.recorded(), scene.canaries()) == set()
    [submission] = scene.inbound.conversations
    clear, records = split_at_tls(submission.from_client)
    assert re.fullmatch(rb"EHLO \S+\r\nSTARTTLS\r\n", clear)
    assert sum(size for _, size in records) > LEAST_SIZE


def encrypted_bytes(talk: Conversation) -> int:
    """How much the client said that an onlooker cannot read."""
    _, records = split_at_tls(talk.from_client)
    return sum(size for kind, size in records if kind is RecordType.APPLICATION_DATA)


def assert_postfix_learnt_nothing(scene: Scene) -> None:
    """See in Postfix's own log that no connection came as far as MAIL or AUTH."""
    summaries = re.findall(r"disconnect from \S+ (.*)$", scene.postfix.log, re.MULTILINE)
    assert len(summaries) >= 2
    for summary in summaries:
        assert not {"mail", "rcpt", "data", "bdat", "auth"} & set(re.findall(r"(\w+)=", summary))
    assert scene.postfix.stored() == []


def test_a_large_message_arrives_whole_and_sealed(sealed: Scene) -> None:
    sealed.postfix.start()
    sealed.outbound.start()
    printed = sealed.send()
    assert RECIPIENT in printed
    assert re.search(r"TLS ?v?1\.3", printed)
    [stored] = sealed.postfix.wait_for_messages(1)
    assert_arrived_whole(stored, printed)
    row = sealed.wait_for_state("sent")
    [attempt] = row.attempts
    assert (row.recipient, attempt.outcome, attempt.tls_version) == (RECIPIENT, "sent", "TLSv1.3")
    assert attempt.authenticated_by
    assert_nothing_in_clear(sealed)
    [delivery] = sealed.outbound.conversations
    assert re.fullmatch(rb"EHLO \S+\r\nSTARTTLS\r\n", split_at_tls(delivery.from_client)[0])
    assert encrypted_bytes(delivery) > LEAST_SIZE


def test_a_server_with_the_certificate_of_another_gets_nothing(tmp_path: Path) -> None:
    certificate = issue_certificate(tmp_path / "certificates", "mail.elsewhere.test")
    with make_scene(tmp_path, certificate, certificate.ca_file) as scene:
        scene.postfix.start()
        scene.outbound.start()
        scene.send()
        row = scene.wait_for_state("deferred", attempts=2)
        assert re.search(r"certificate", row.reason)
        assert re.search(r"name|localhost", row.reason)
        assert_nothing_in_clear(scene)
        for talk in list(scene.outbound.conversations):
            clear, records = split_at_tls(talk.from_client)
            assert re.fullmatch(rb"EHLO \S+\r\nSTARTTLS\r\n", clear)
            assert records[0][0] is RecordType.HANDSHAKE
            # Room for an encrypted alert, or for Finished and one: not for a command.
            assert encrypted_bytes(talk) <= 100
        assert_postfix_learnt_nothing(scene)


def test_a_server_of_an_unknown_authority_gets_nothing(tmp_path: Path) -> None:
    certificate = issue_certificate(tmp_path / "certificates", "localhost")
    other = issue_certificate(tmp_path / "others", "localhost")
    with make_scene(tmp_path, certificate, other.ca_file) as scene:
        scene.postfix.start()
        scene.outbound.start()
        scene.send()
        row = scene.wait_for_state("deferred", attempts=2)
        assert re.search(r"certificate", row.reason)
        assert_nothing_in_clear(scene)
        assert all(encrypted_bytes(talk) <= 100 for talk in list(scene.outbound.conversations))
        assert_postfix_learnt_nothing(scene)


def test_a_server_without_starttls_gets_nothing(tmp_path: Path) -> None:
    trusted = issue_certificate(tmp_path / "certificates", "localhost")
    with make_scene(tmp_path, None, trusted.ca_file) as scene:
        scene.postfix.start()
        scene.outbound.start()
        scene.send()
        row = scene.wait_for_state("deferred", attempts=2)
        assert "STARTTLS" in row.reason
        assert_nothing_in_clear(scene)
        for talk in list(scene.outbound.conversations):
            assert re.fullmatch(rb"EHLO \S+\r\n(QUIT\r\n)?", talk.from_client)
        assert_postfix_learnt_nothing(scene)


def test_a_server_that_is_down_gets_it_when_it_is_up(sealed: Scene) -> None:
    printed = sealed.send()
    row = sealed.wait_for_state("deferred", attempts=2)
    assert "cannot be reached" in row.reason
    assert row.attempts[0].phase == "connect"
    sealed.postfix.start()
    sealed.outbound.start()
    row = sealed.wait_for_state("sent")
    assert [attempt.outcome for attempt in row.attempts[:2]] == ["deferred", "deferred"]
    assert row.attempts[-1].outcome == "sent"
    [stored] = sealed.postfix.wait_for_messages(1)
    assert_arrived_whole(stored, printed)
    assert_nothing_in_clear(sealed)


def test_a_message_cut_on_the_way_arrives_whole_and_once(sealed: Scene) -> None:
    sealed.outbound.path = NetworkPath(cut_after=1_500_000)
    sealed.postfix.start()
    sealed.outbound.start()
    printed = sealed.send()
    row = sealed.wait_for_state("deferred")
    assert row.attempts[0].phase == "body"
    sealed.outbound.path = NetworkPath()
    sealed.wait_for_state("sent")
    [stored] = sealed.postfix.wait_for_messages(1)
    assert_arrived_whole(stored, printed)
    assert_nothing_in_clear(sealed)
