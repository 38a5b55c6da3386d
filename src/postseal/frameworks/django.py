"""An email backend for Django: TLS by default, and one pool of connections for all requests.

::

    MAILERS = {
        "default": {
            "BACKEND": "postseal.frameworks.django.EmailBackend",
            "OPTIONS": {"url": "smtp://ada@mail.example.com", "password_from": "env:SMTP_PASSWORD"},
        }
    }

Before Django 6.1, `EMAIL_BACKEND` names it, and `POSTSEAL_MAILER` holds the options; without that
setting, `EMAIL_HOST` and its like do. Options are those of `MailerSettings.read`.
"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from postseal.errors import InvalidSetting, MailError
from postseal.frameworks.extras import missing_framework
from postseal.frameworks.labels import take_metadata, take_tags
from postseal.frameworks.settings import MailerSettings
from postseal.frameworks.sharing import shared_mailer
from postseal.mail.envelope import Envelope
from postseal.mail.mailbox import Mailbox
from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage

try:
    from django.conf import settings
    from django.core.mail.backends.base import BaseEmailBackend
except ModuleNotFoundError as error:
    raise missing_framework(error, extra="django") from error

if TYPE_CHECKING:
    from django.core.mail import EmailMessage

__all__ = ["EmailBackend"]

_SETTING: Final = "POSTSEAL_MAILER"
_CLASSIC: Final = {
    "host": "EMAIL_HOST",
    "port": "EMAIL_PORT",
    "username": "EMAIL_HOST_USER",
    "password": "EMAIL_HOST_PASSWORD",
    "use_tls": "EMAIL_USE_TLS",
    "use_ssl": "EMAIL_USE_SSL",
    "timeout": "EMAIL_TIMEOUT",
}


class EmailBackend(BaseEmailBackend):
    """Hands messages of Django to the process's mailer; raises `MailError`s.

    What anybody of a message's recipients gets counts as sent, and `delivery` is then put on the
    message, with who was refused. Its `tags`, `metadata` and `envelope_sender`, where an
    application has set them, are heeded.
    """

    def __init__(
        self,
        fail_silently: bool = False,  # noqa: FBT001, FBT002  # as Django calls it
        *,
        alias: str | None = None,
        **options: object,
    ) -> None:
        # The names that a call of `get_connection` brought, for Django to ignore the unknown among
        # them. Here nothing is ignored: another password counts, what is unknown is refused.
        options.pop("_ignore_unknown_kwargs", None)
        if alias is None:
            super().__init__()
            self._settings = MailerSettings.read({**_configured(), **_given(options)})
        else:
            super().__init__(alias=alias)
            self._settings = _mailer_settings(alias, options)
        self.fail_silently = fail_silently

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send them in their order; the first that cannot be sent stops the others.

        With `fail_silently`, it does not. What is no message raises `InvalidInput` in any case.
        """
        messages = [message for message in email_messages or () if message.recipients()]
        composed = [_composed(message) for message in messages]
        count = 0
        mailer = shared_mailer(self._settings)
        for message, ready in zip(messages, composed, strict=True):
            try:
                delivery = mailer.send(ready)
            except MailError:
                if not self.fail_silently:
                    raise
            else:
                vars(message)["delivery"] = delivery
                count += 1
        return count


def _mailer_settings(alias: str, options: Mapping[str, object]) -> MailerSettings:
    try:
        return MailerSettings.read(options)
    except InvalidSetting as error:
        raise InvalidSetting(f"MAILERS[{alias!a}]: {error.text}", hint=error.hint) from None


def _configured() -> Mapping[str, object]:
    chosen = getattr(settings, _SETTING, None)
    if chosen is None:
        return {option: getattr(settings, name, None) for option, name in _CLASSIC.items()}
    if not isinstance(chosen, Mapping):
        raise InvalidSetting(f"{_SETTING} is a dictionary of options")
    return chosen


def _given(options: Mapping[str, object]) -> Mapping[str, object]:
    # `get_connection` and `send_mail` hand on what was not said as None.
    return {name: value for name, value in options.items() if value is not None}


def _composed(django: EmailMessage) -> Message | PreparedMessage:
    octets = django.message().as_bytes()
    read = email.message_from_bytes(octets, policy=email.policy.default)
    if django.bcc:
        read["Bcc"] = ", ".join(django.bcc)
    tags: Iterable[str] = getattr(django, "tags", ())
    metadata: Mapping[str, object] = getattr(django, "metadata", {})
    message = Message.from_email(
        read,
        tags=dict.fromkeys((*take_tags(read), *tags)),
        metadata={**take_metadata(read), **{name: str(value) for name, value in metadata.items()}},
    )
    sender = getattr(django, "envelope_sender", None) or django.from_email
    envelope = Envelope(
        Mailbox.parse(sender).address,
        tuple(Mailbox.parse(recipient).address for recipient in django.recipients()),
    )
    if message.envelope == envelope:
        return message
    # Django lets the header say something else than the envelope, as lists do.
    return PreparedMessage(envelope, bytes(message), is_internationalized=message.needs_smtputf8)
