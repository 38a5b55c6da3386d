"""Mail as tasks of Celery: composed where it is asked for, sent by a worker, tried again by it.

::

    mail = MailTasks(app, MailerSettings(url="smtp://ada@mail.example.com", password_from="..."))
    mail.send_later(message)

A message travels as JSON with all that it was composed of, and its Message-ID with it: sent twice
after a worker was killed, it is recognised as one. Credentials do not travel: each worker has them
from its own configuration.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypedDict

from postseal.errors import MailError
from postseal.frameworks.extras import missing_framework
from postseal.frameworks.settings import MailerSettings
from postseal.frameworks.sharing import shared_mailer
from postseal.mail.message import Message
from postseal.send.results import Delivery
from postseal.send.retrying import RetryPolicy

try:
    from celery import Celery, Task
except ModuleNotFoundError as error:
    raise missing_framework(error, extra="celery") from error

if TYPE_CHECKING:
    from celery.result import AsyncResult

__all__ = ["MailTasks", "TaskResult"]

_NAME: Final = "postseal.send"
_PATIENT: Final = RetryPolicy(attempts=8, first_delay=30.0, max_delay=3600.0)


class TaskResult(TypedDict):
    """What a task gives: who gets the message, and the server's word to all others."""

    message_id: str
    accepted: list[str]
    refused: dict[str, str]


class MailTasks:
    """A task that sends mail, registered with an application.

    The worker processes share nothing: one that was forked opens connections of its own, and keeps
    them for its next tasks. `retry` says when a temporary failure is tried again, by Celery, so
    that no worker waits; what may have been taken already is not (`RetryPolicy.allows_after`).

    A task that a killed worker had begun is run again by another one.
    """

    def __init__(
        self,
        app: Celery,
        settings: MailerSettings,
        *,
        retry: RetryPolicy = _PATIENT,
        name: str = _NAME,
        chance: Callable[[], float] = random.random,
    ) -> None:
        @app.task(
            bind=True,
            name=name,
            acks_late=True,
            reject_on_worker_lost=True,
            max_retries=None,
            serializer="json",
        )
        def send(task: Task[[str], TaskResult], message_json: str) -> TaskResult:
            message = Message.from_json(message_json)
            try:
                delivery = shared_mailer(settings).send(message)
            except MailError as error:
                made = (task.request.retries or 0) + 1
                if not retry.allows_after(made, error):
                    raise
                delay = retry.delay(made, chance())
                raise task.retry(exc=error, countdown=delay) from error
            return _result(message, delivery)

        self.task: Task[[str], TaskResult] = send

    def send_later(self, message: Message) -> AsyncResult[TaskResult]:
        """Hand a message to the workers; `task.apply_async` does it with options of Celery.

        Raises `InvalidInput` for attachments that cannot be read here and now.
        """
        return self.task.apply_async((message.to_json(),))


def _result(message: Message, delivery: Delivery) -> TaskResult:
    return TaskResult(
        message_id=message.message_id,
        accepted=[str(one) for one in delivery.accepted],
        refused={str(one.recipient): str(one.reply) for one in delivery.refused},
    )
