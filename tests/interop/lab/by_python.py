"""One message by a library of Python's, set as its name says: `python by_python.py NAME`.

What to send and to whom is in the environment, as the attack lab puts it there. The exit status is
0 where the library says that the message was taken.
"""

from __future__ import annotations

import asyncio
import os
import smtplib
import ssl
import sys
from collections.abc import Callable
from email.message import EmailMessage
from importlib import import_module
from typing import Final

# Less than the lab waits for a client, so that one which gives up is not taken for one that hangs.
_TIMEOUT: Final = 2.0


def _told(name: str) -> str:
    return os.environ[f"POSTSEAL_LAB_{name.upper()}"]


HOST: Final = _told("host")
PORT: Final = int(_told("port"))
USER: Final = _told("user")
PASSWORD: Final = _told("password")
SENDER: Final = _told("from")
RECIPIENT: Final = _told("to")
IS_IMPLICIT: Final = _told("mode") == "implicit"

# What libraries trust that take no authority for an argument (OpenSSL's own variable).
os.environ["SSL_CERT_FILE"] = _told("ca_file")


def _message() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = SENDER, RECIPIENT
    message["Subject"] = _told("subject")
    message.set_content(_told("body"))
    return message


def _by_smtplib(context: ssl.SSLContext | None) -> None:
    connection: smtplib.SMTP
    if IS_IMPLICIT:
        connection = smtplib.SMTP_SSL(HOST, PORT, timeout=_TIMEOUT, context=context)
    else:
        connection = smtplib.SMTP(HOST, PORT, timeout=_TIMEOUT)
    with connection:
        if not IS_IMPLICIT:
            connection.starttls(context=context)
        connection.login(USER, PASSWORD)
        connection.send_message(_message())


def with_smtplib() -> None:
    _by_smtplib(None)


def with_smtplib_and_context() -> None:
    _by_smtplib(ssl.create_default_context())


def _by_aiosmtplib(*, starttls: bool | None) -> None:
    library = import_module("aiosmtplib")
    asyncio.run(
        library.send(
            _message(),
            hostname=HOST,
            port=PORT,
            username=USER,
            password=PASSWORD,
            timeout=_TIMEOUT,
            use_tls=IS_IMPLICIT,
            start_tls=False if IS_IMPLICIT else starttls,
        )
    )


def with_aiosmtplib() -> None:
    _by_aiosmtplib(starttls=True)


def with_aiosmtplib_by_default() -> None:
    _by_aiosmtplib(starttls=None)


def with_smtpproto() -> None:
    client = import_module("smtpproto.client").AsyncSMTPClient(
        HOST,
        PORT,
        timeout=_TIMEOUT,
        ssl_context=ssl.create_default_context(),
        authenticator=import_module("smtpproto.auth").PlainAuthenticator(USER, PASSWORD),
    )
    asyncio.run(client.send_message(_message()))


def with_django() -> None:
    import_module("django.conf").settings.configure(
        EMAIL_HOST=HOST,
        EMAIL_PORT=PORT,
        EMAIL_HOST_USER=USER,
        EMAIL_HOST_PASSWORD=PASSWORD,
        EMAIL_USE_TLS=not IS_IMPLICIT,
        EMAIL_USE_SSL=IS_IMPLICIT,
        EMAIL_TIMEOUT=_TIMEOUT,
    )
    import_module("django.core.mail").send_mail(
        _told("subject"), _told("body"), SENDER, [RECIPIENT]
    )


def with_redmail() -> None:
    sender = import_module("redmail").EmailSender(
        host=HOST,
        port=PORT,
        username=USER,
        password=PASSWORD,
        use_starttls=not IS_IMPLICIT,
        cls_smtp=smtplib.SMTP_SSL if IS_IMPLICIT else smtplib.SMTP,
        timeout=_TIMEOUT,
    )
    sender.send(subject=_told("subject"), sender=SENDER, receivers=[RECIPIENT], text=_told("body"))


def with_emails() -> None:
    message = import_module("emails").Message(
        subject=_told("subject"), text=_told("body"), mail_from=SENDER, mail_to=RECIPIENT
    )
    transport = {
        "host": HOST,
        "port": PORT,
        "user": USER,
        "password": PASSWORD,
        "tls": not IS_IMPLICIT,
        "ssl": IS_IMPLICIT,
        "timeout": _TIMEOUT,
        "local_hostname": "client.example",
    }
    response = message.send(smtp=transport)
    if response is None or not response.success:
        sys.exit(f"not sent: {response and response.error}")


SENDERS: Final[dict[str, Callable[[], None]]] = {
    "smtplib": with_smtplib,
    "smtplib-context": with_smtplib_and_context,
    "aiosmtplib": with_aiosmtplib,
    "aiosmtplib-default": with_aiosmtplib_by_default,
    "smtpproto": with_smtpproto,
    "django": with_django,
    "redmail": with_redmail,
    "emails": with_emails,
}

if __name__ == "__main__":
    SENDERS[sys.argv[1]]()
