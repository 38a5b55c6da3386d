"""What a message asks of a server, agreed with what the server offers."""

from __future__ import annotations

from postseal.send.outgoing import Outgoing
from postseal.smtp.client_parameters import Demands, Terms, agree_on_terms
from postseal.smtp.extensions import Extensions

__all__ = ["terms_for"]


def terms_for(outgoing: Outgoing, extensions: Extensions) -> Terms:
    """Give the parameters of the envelope; see `agree_on_terms`, also for what it raises."""
    demands = Demands(
        size=outgoing.size,
        is_8bit=outgoing.is_8bit,
        is_binary=outgoing.is_binary,
        is_internationalized=outgoing.is_internationalized or outgoing.envelope.needs_smtputf8,
        is_chunked=outgoing.goes_by_bdat,
        options=outgoing.options,
    )
    return agree_on_terms(extensions, demands)
