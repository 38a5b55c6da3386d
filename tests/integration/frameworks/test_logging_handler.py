from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator

import pytest

from examples.logging_app import main
from postseal import Mailer
from postseal.errors import InvalidAddress, InvalidSetting, Phase
from postseal.frameworks.logging_handler import MailHandler
from postseal.testing import Fault, Outbox, SMTPServer

HOURS = 3600.0


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    log = logging.getLogger("tests.logging_handler")
    log.propagate = False
    yield log
    for handler in tuple(log.handlers):
        log.removeHandler(handler)
        handler.close()


def attach(log: logging.Logger, mailer: Mailer, **options: float) -> MailHandler:
    handler = MailHandler(
        mailer,
        from_="app@example.com",
        to=["ops@example.org", "dev@example.org"],
        subject="Shop",
        interval=options.get("interval", HOURS),
        capacity=int(options.get("capacity", 100)),
    )
    log.addHandler(handler)
    return handler


def test_the_example_mails_its_errors_with_the_traceback() -> None:
    outbox = Outbox()
    with Mailer(outbox) as mailer:
        main(mailer)
    outbox.assert_sent(
        to="ops@example.org", subject="Nightly job: ERROR: order 0 cannot be shared", times=1
    )
    outbox.assert_sent(text="ZeroDivisionError")


def test_what_follows_goes_together(outbox: Outbox, log: logging.Logger) -> None:
    handler = attach(log, Mailer(outbox))
    log.error("first")
    handler.flush()
    for number in range(5):
        log.error("number %d", number)
    assert len(outbox) == 1
    handler.flush()
    assert len(outbox) == 2
    stored = outbox.assert_sent(to="dev@example.org", subject="ERROR: number 0 (+4)")
    assert (stored.message.text or "").count("number") == 5
    assert stored.message.header.get("Auto-Submitted") == "auto-generated"


def test_what_does_not_fit_is_counted(outbox: Outbox, log: logging.Logger) -> None:
    handler = attach(log, Mailer(outbox), capacity=3)
    log.error("at once")
    handler.flush()
    for number in range(10):
        log.error("number %d", number)
    handler.flush()
    text = outbox.messages[-1].message.text or ""
    assert text.startswith("7 older records were dropped.")
    assert "number 9" in text
    assert "number 6" not in text


def test_records_below_its_level_are_left_out(outbox: Outbox, log: logging.Logger) -> None:
    handler = attach(log, Mailer(outbox))
    log.warning("not so bad")
    handler.flush()
    assert len(outbox) == 0


def test_what_sending_logs_is_not_mailed(log: logging.Logger) -> None:
    # At DEBUG a mailer logs its whole dialogue, to which the handler of the root would answer.
    root = logging.getLogger()
    with SMTPServer() as server, Mailer(server.url, trust=server.trust) as mailer:
        handler = MailHandler(
            mailer, from_="a@example.com", to="b@example.org", level=logging.DEBUG, interval=0.0
        )
        before = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            logging.getLogger("shop").error("one")
            handler.flush()
            handler.flush()
        finally:
            root.setLevel(before)
            root.removeHandler(handler)
            handler.close()
        server.outbox.assert_sent(subject="ERROR: one", times=1)
        assert len(server.outbox) == 1


def test_a_server_that_is_down_costs_the_program_nothing(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    down = Fault.answer(Phase.MAIL, "451 4.3.0 later", times=1)
    with SMTPServer(faults=[down]) as server, Mailer(server.url, trust=server.trust) as mailer:
        handler = attach(log, mailer)
        log.error("kept")
        handler.flush()
        log.error("later")
        handler.flush()
        server.outbox.assert_sent(text="kept", times=1)
        server.outbox.assert_sent(text="later", times=1)
    assert "TemporarilyRejected" in capsys.readouterr().err


def test_a_record_that_cannot_be_formatted_is_reported_as_by_any_handler(
    outbox: Outbox, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = attach(log, Mailer(outbox))
    # Past the logger, for pytest's own handler would raise.
    handler.handle(log.makeRecord(log.name, logging.ERROR, __file__, 1, "%d", ("one",), None))
    handler.flush()
    assert len(outbox) == 0
    assert "Logging error" in capsys.readouterr().err


def test_control_characters_and_lone_surrogates_are_replaced(
    outbox: Outbox, log: logging.Logger
) -> None:
    handler = attach(log, Mailer(outbox))
    log.error("a\r\nBcc: x@example.org\x00\ud800\nb")
    handler.flush()
    (stored,) = outbox
    assert "\ufffd" in (stored.message.subject or "")
    assert stored.message.header.get("Bcc") is None


def test_a_forked_process_has_a_queue_and_a_thread_of_its_own(
    log: logging.Logger,
) -> None:
    with SMTPServer() as server, Mailer(server.url, trust=server.trust) as mailer:
        handler = attach(log, mailer)
        log.error("parent")
        handler.flush()
        child = os.fork()
        if not child:
            log.error("child")
            handler.flush()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        server.outbox.assert_sent(text="child", times=1)
        server.outbox.assert_sent(text="parent", times=1)


def test_closing_sends_what_is_left_and_ends_the_thread(
    outbox: Outbox, log: logging.Logger
) -> None:
    handler = attach(log, Mailer(outbox))
    log.error("one")
    handler.flush()
    log.error("two")
    handler.close()
    outbox.assert_sent(text="two")
    assert "postseal log" not in {thread.name for thread in threading.enumerate()}


def test_bad_settings_are_told_at_once(outbox: Outbox) -> None:
    with pytest.raises(InvalidAddress):
        MailHandler(Mailer(outbox), from_="nobody", to="a@example.org")
    with pytest.raises(InvalidSetting):
        MailHandler(Mailer(outbox), from_="b@example.org", to="a@example.org", capacity=0)
