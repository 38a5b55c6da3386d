"""The envelope that a client builds with MAIL and RCPT, held to the limits of a transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from postseal.address import Address, ascii_domain
from postseal.smtp.envelope_values import NotificationRequest
from postseal.smtp.events import RecipientReceived, Transaction
from postseal.smtp.reply import Reply
from postseal.smtp.rules import ServerRules

__all__ = ["ServerEnvelope"]

_NO_TRANSACTION: Final = Transaction(None)


class ServerEnvelope:
    """The transaction as far as it was accepted, and how many recipients were not.

    `terms` is what MAIL gave, `recipients` who was accepted since.
    """

    def __init__(self, rules: ServerRules) -> None:
        self._rules = rules
        self._refused = 0
        self.forget()

    def forget(self) -> None:
        """Go back to no transaction."""
        self.begin(_NO_TRANSACTION)

    def begin(self, transaction: Transaction) -> None:
        """Start with what MAIL gave."""
        self.terms = transaction
        self.recipients: list[Address] = []
        self._requests: list[NotificationRequest] = []
        self._domains: set[str] = set()
        self._excess = 0

    def limit_reached(self, recipient: Address) -> Reply | None:
        """Tell a client that it brings more than we take; None where there is room for one more."""
        rules = self._rules
        if len(self.recipients) >= rules.max_recipients:
            text = "too many recipients"
        elif (
            rules.max_recipient_domains is not None
            and len(self._domains) >= rules.max_recipient_domains
            and ascii_domain(recipient.domain) not in self._domains
        ):
            # RFC 9422 4: RCPTDOMAINMAX
            text = "recipients in too many domains"
        else:
            return None
        self._excess += 1
        # RFC 5321 4.5.3.1.10: 452, so that the client brings the others in another message.
        return Reply(452, (text,), "4.5.3")

    def take(self, event: RecipientReceived) -> None:
        """Add a recipient that the platform accepted."""
        self.recipients.append(event.recipient)
        if self._rules.max_recipient_domains is not None:
            self._domains.add(ascii_domain(event.recipient.domain))
        if event.notification_request is not None:
            self._requests.append(event.notification_request)

    def transaction(self) -> Transaction:
        """Give the whole of it, once nothing more will be added."""
        return replace(
            self.terms,
            recipients=tuple(self.recipients),
            notification_requests=tuple(self._requests),
        )

    def refuse(self) -> None:
        """Count a recipient that was not accepted, in whichever transaction."""
        self._refused += 1

    def forgive(self) -> None:
        """Count anew: who brings a message is not only trying out addresses."""
        self._refused = 0

    @property
    def is_flooded(self) -> bool:
        """True when no honest client would still go on with its lists of recipients.

        Those above `max_recipients` are refused whoever they are, so an honest client may bring
        as many again before it has read the first `452`.
        """
        rules = self._rules
        return self._refused > rules.max_refused_recipients or self._excess > rules.max_recipients
