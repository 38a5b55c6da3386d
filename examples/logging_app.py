"""A program that mails its errors to whoever has to know.

Start it with ``MAIL_URL=smtp://... python examples/logging_app.py``.
"""

from __future__ import annotations

import logging
import os

from postseal import Mailer
from postseal.frameworks.logging_handler import MailHandler


def main(mailer: Mailer) -> None:
    """Do the day's work, and say what went wrong."""
    handler = MailHandler(
        mailer, from_="jobs@example.com", to="ops@example.org", subject="Nightly job"
    )
    log = logging.getLogger("shop.nightly")
    log.addHandler(handler)
    try:
        for order in (3, 0, 5):
            try:
                log.info("a share of %d", 15 // order)
            except ZeroDivisionError:
                log.exception("order %d cannot be shared", order)
    finally:
        log.removeHandler(handler)
        handler.close()


if __name__ == "__main__":
    with Mailer(os.environ.get("MAIL_URL", "console:")) as mailer:
        main(mailer)
