from __future__ import annotations

import os
import sys
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

import pytest
from celery import Celery

from postseal import Attachment, Message, RetryPolicy
from postseal.errors import DeliveryUnknown, PermanentlyRejected, Phase, TemporarilyRejected
from postseal.frameworks.celery import MailTasks
from postseal.frameworks.settings import MailerSettings
from postseal.frameworks.sharing import close_shared_mailers
from postseal.testing import Fault, SMTPServer
from tests.parts.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
WORKER = (sys.executable, "-m", "celery", "--app", "examples.celery_app", "worker")
MESSAGE = Message(
    from_="a@example.com",
    to="ada@example.org",
    bcc=["bob@example.org"],
    subject="Invoice",
    text="Attached.",
    attachments=[Attachment.from_bytes(b"%PDF-", filename="invoice.pdf")],
)


def tasks(server: SMTPServer) -> MailTasks:
    app = Celery("test", set_as_current=False)
    app.conf.update(task_always_eager=True)
    settings = MailerSettings(url=server.url, ca_file=str(server.ca_file))
    return MailTasks(
        app, settings, retry=RetryPolicy(attempts=3, first_delay=0.0), chance=lambda: 0.0
    )


def test_a_message_travels_whole() -> None:
    with SMTPServer() as server:
        result = tasks(server).send_later(MESSAGE).get()
        close_shared_mailers()
    assert result["message_id"] == MESSAGE.message_id
    assert result["accepted"] == ["ada@example.org", "bob@example.org"]
    stored = server.outbox.assert_sent(to="bob@example.org", subject="Invoice")
    assert stored.message.message_id == MESSAGE.message_id
    assert [one.filename for one in stored.message.attachments] == ["invoice.pdf"]


def test_what_is_temporary_is_tried_again() -> None:
    later = Fault.answer(Phase.MAIL, "451 4.3.0 later", times=2)
    with SMTPServer(faults=[later]) as server:
        tasks(server).send_later(MESSAGE).get()
        close_shared_mailers()
    server.outbox.assert_sent(times=1)


def test_what_stays_temporary_ends_with_its_error() -> None:
    with SMTPServer(faults=[Fault.answer(Phase.MAIL, "451 4.3.0 later")]) as server:
        with pytest.raises(TemporarilyRejected, match="later"):
            tasks(server).send_later(MESSAGE).get()
        close_shared_mailers()
    said = [line for one in server.sessions for line in one.dialogue if line.startswith("C: MAIL")]
    assert len(said) == 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.answer(Phase.BODY, "554 5.6.0 no"), PermanentlyRejected),
        # It may have been taken.
        (Fault.drop(Phase.BODY), DeliveryUnknown),
    ],
)
def test_what_is_final_is_not_tried_again(fault: Fault, error: type[Exception]) -> None:
    with SMTPServer(faults=[fault]) as server:
        with pytest.raises(error):
            tasks(server).send_later(MESSAGE).get()
        close_shared_mailers()
    bodies = [one for seen in server.sessions for one in seen.dialogue if "octets of a" in one]
    assert len(bodies) == 1


def test_forked_workers_of_the_example_send_and_try_again(tmp_path: Path) -> None:
    folder = tmp_path / "queue"
    folder.mkdir()
    broker = {"data_folder_in": str(folder), "data_folder_out": str(folder)}
    client = Celery("client", broker="filesystem://", set_as_current=False)
    client.conf.broker_transport_options = broker
    with SMTPServer(faults=[Fault.answer(Phase.MAIL, "451 4.3.0 later", times=1)]) as server:
        environment = {
            **os.environ,
            "MAIL_URL": server.url,
            "MAIL_CA_FILE": str(server.ca_file),
            "MAIL_RETRY_SECONDS": "0.1",
            "CELERY_BROKER_URL": "filesystem://",
            "CELERY_FOLDER": str(folder),
            "PYTHONPATH": str(ROOT),
            "C_FORCE_ROOT": "1",
        }
        worker = Popen(
            [*WORKER, "--concurrency", "1", "--without-mingle", "--without-gossip"],
            cwd=tmp_path,
            env=environment,
            stdout=PIPE,
            stderr=STDOUT,
            text=True,
        )
        try:
            for subject in ("one", "two", "three"):
                message = Message(
                    from_="a@example.com", to="ada@example.org", subject=subject, text="Hello"
                )
                client.send_task("postseal.send", (message.to_json(),))
            wait_until(lambda: len(server.outbox) >= 3, within=60, what="three messages")
        finally:
            worker.terminate()
            output, _ = worker.communicate(timeout=30)
    assert {one.message.subject for one in server.outbox} == {"one", "two", "three"}, output
    assert len(server.outbox) == 3
