"""The envelope that a client builds with MAIL and RCPT, held to the limits of a transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from postseal.address import Address, ascii_domain
from postseal.smtp.events import RecipientReceived, Transaction
from postseal.smtp.reply import Reply
from postseal.smtp.rules import ServerRules

__all__ = ["ServerEnvelope"]

_NO_TRANSACTION: Final = Transaction(None)


class ServerEnvelope:
    """The transaction as far as it was accepted, and how many recipients were not."""

    def __init__(self, rules: ServerRules) -> None:
        self._rules = rules
        self.forget()

    def forget(self) -> None:
        """Go back to no transaction."""
        self.begin(_NO_TRANSACTION)

    def begin(self, transaction: Transaction) -> None:
        """Start with what MAIL gave."""
        self.transaction = transaction
        self._domains: set[str] = set()
        self._refused = 0
        self._excess = 0

    def limit_reached(self, recipient: Address) -> Reply | None:
        """Tell a client that it brings more than we take; None where there is room for one more."""
        rules = self._rules
        domain = ascii_domain(recipient.domain)
        if len(self.transaction.recipients) >= rules.max_recipients:
            text = "too many recipients"
        elif (
            rules.max_recipient_domains is not None
            and domain not in self._domains
            and len(self._domains) >= rules.max_recipient_domains
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
        transaction, request = self.transaction, event.notification_request
        self._domains.add(ascii_domain(event.recipient.domain))
        self.transaction = replace(
            transaction,
            recipients=(*transaction.recipients, event.recipient),
            notification_requests=(
                transaction.notification_requests
                if request is None
                else (*transaction.notification_requests, request)
            ),
        )

    def refuse(self) -> None:
        """Count a recipient that was not accepted."""
        self._refused += 1

    @property
    def is_flooded(self) -> bool:
        """True when no honest client would still go on with this list of recipients.

        Those above `max_recipients` are refused whoever they are, so an honest client may bring
        as many again before it has read the first `452`.
        """
        rules = self._rules
        return self._refused > rules.max_refused_recipients or self._excess > rules.max_recipients
