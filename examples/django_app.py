"""A Django project in one file that confirms orders by mail.

`MAIL_URL` and `MAIL_CA_FILE` say where the mail goes. Start it with
``python examples/django_app.py runserver``, then open /order?to=ada@example.org.
"""

from __future__ import annotations

import os
import sys

import django
from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse
from django.urls import path

OPTIONS = {
    "url": os.environ.get("MAIL_URL", "console:"),
    "ca_file": os.environ.get("MAIL_CA_FILE", ""),
}
BACKEND = "postseal.frameworks.django.EmailBackend"

if not settings.configured:
    mail = (
        {"MAILERS": {"default": {"BACKEND": BACKEND, "OPTIONS": OPTIONS}}}
        if django.VERSION >= (6, 1)
        else {"EMAIL_BACKEND": BACKEND, "POSTSEAL_MAILER": OPTIONS}
    )
    settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["127.0.0.1", "localhost", "testserver"],
        SECRET_KEY=os.urandom(32).hex(),
        DEFAULT_FROM_EMAIL="Shop <shop@example.com>",
        **mail,
    )
    django.setup()


def order(request: HttpRequest) -> HttpResponse:
    """Confirm an order."""
    message = EmailMessage(
        subject="Your order",
        body="Thank you. It is on its way.",
        to=[request.GET["to"]],
        bcc=["orders@example.com"],
        headers={"X-Tags": "order, first"},
    )
    message.attach("terms.txt", "All sales are final.", "text/plain")
    message.send()
    return HttpResponse("A confirmation was sent.")


urlpatterns = [path("order", order)]

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
