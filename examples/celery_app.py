"""A Celery application whose workers send the mail.

`MAIL_URL` and `MAIL_CA_FILE` say where it goes, `CELERY_BROKER_URL` where tasks wait. Start a
worker with ``celery --app examples.celery_app worker``.
"""

from __future__ import annotations

import os

from celery import Celery

from postseal import RetryPolicy
from postseal.frameworks.celery import MailTasks
from postseal.frameworks.settings import MailerSettings

app = Celery("shop")
app.conf.update(
    broker_url=os.environ.get("CELERY_BROKER_URL", "memory://"),
    broker_transport_options={
        "polling_interval": 0.1,
        "data_folder_in": os.environ.get("CELERY_FOLDER", ""),
        "data_folder_out": os.environ.get("CELERY_FOLDER", ""),
    },
    result_backend=os.environ.get("CELERY_RESULT_BACKEND"),
)
mail = MailTasks(
    app,
    MailerSettings(
        url=os.environ.get("MAIL_URL", "console:"), ca_file=os.environ.get("MAIL_CA_FILE")
    ),
    retry=RetryPolicy(attempts=5, first_delay=float(os.environ.get("MAIL_RETRY_SECONDS", "30"))),
)
