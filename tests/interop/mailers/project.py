"""A Django project that mails in the ways it is told: `python project.py WAY...`, by Django 6.1.

The settings are JSON on the standard input. What came of each way is JSON on the standard output:
its `result`, the `error` that ended it, and the `warnings`, with the module they are laid to.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final

import django
from django.conf import settings
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage

from postseal.errors import MailError

SENDER: Final = "shop@example.com"
RECIPIENT: Final = "bob@example.org"


def _message(subject: str) -> EmailMessage:
    return EmailMessage(subject, "text", SENDER, [RECIPIENT])


def by_alias() -> list[object]:
    """Send by objects of `mailers`, as 6.1 has them."""
    with mail.mailers["bulk"] as bulk:
        twice = bulk.send_messages([_message("one"), _message("two")])
    return [twice, mail.mailers.default.send_messages([_message("three")])]


def by_using() -> list[object]:
    """Send by the functions, which take the alias as `using`."""
    data = [(subject, "text", SENDER, [RECIPIENT]) for subject in ("mass", "more")]
    html = "<p>html</p>"
    mail.mail_admins("admins", "text", using="bulk")
    return [
        _message("default").send(),
        _message("message").send(using="bulk"),
        mail.send_mail("function", "", SENDER, [RECIPIENT], html_message=html, using="bulk"),
        mail.send_mass_mail(data, using="bulk"),
        mail.send_mass_mail(data),
    ]


def by_default() -> list[object]:
    """Send as code does that knows no mailers."""
    return [_message("default").send()]


def silently() -> list[object]:
    """Send by a mailer that is silent of itself."""
    return [_message("quiet").send(using="quiet")]


def silently_by_call() -> list[object]:
    """Send with the argument, which Django deprecates."""
    return [mail.send_mail("quiet", "text", SENDER, [RECIPIENT], fail_silently=True)]


def by_connection() -> list[object]:
    """Send by `get_connection`, which Django deprecates, as its settings say and as another user.

    The arguments of `send_mail` come to the same.
    """
    addresses = (SENDER, [RECIPIENT])
    return [
        mail.get_connection().send_messages([_message("as ever")]),
        mail.get_connection(username="bob", password="bobs").send_messages([_message("as bob")]),
        mail.send_mail("as bob", "", *addresses, auth_user="bob", auth_password="bobs"),
    ]


def by_odd_connection() -> list[object]:
    """Ask `get_connection` for what this backend does not have."""
    return [mail.get_connection(ssl_certfile="client.pem").send_messages([_message("odd")])]


def by_odd_mailer() -> list[object]:
    """Send by a mailer with a slip in its options."""
    return [_message("odd").send(using="odd")]


def by_unknown_mailer() -> list[object]:
    """Send by a mailer that nobody has set."""
    return [_message("none").send(using="nobody")]


WAYS: Final[dict[str, Callable[[], list[object]]]] = {
    way.__name__: way
    for way in (
        by_alias,
        by_using,
        by_default,
        silently,
        silently_by_call,
        by_connection,
        by_odd_connection,
        by_odd_mailer,
        by_unknown_mailer,
    )
}


def _told(way: str) -> dict[str, object]:
    told: dict[str, object] = {"result": None, "error": None}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            told["result"] = WAYS[way]()
        except (MailError, ImproperlyConfigured) as error:
            told["error"] = [type(error).__name__, str(error)]
    return told | {
        "warnings": [
            [one.category.__name__, Path(one.filename).name, str(one.message)] for one in warned
        ]
    }


def main() -> None:
    """Send in the ways that are the arguments."""
    settings.configure(SECRET_KEY="of tests", ADMINS=[RECIPIENT], **json.load(sys.stdin))
    django.setup()
    json.dump([_told(way) for way in sys.argv[1:]], sys.stdout)


if __name__ == "__main__":
    main()
