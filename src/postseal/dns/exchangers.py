"""The hosts that take the mail for a domain, from its MX records (RFC 5321 5.1, RFC 7505)."""

from __future__ import annotations

import random
from collections.abc import Callable, MutableSequence
from itertools import groupby

from postseal.dns.answers import MX
from postseal.errors import MailError, PermanentlyRejected, Phase

__all__ = ["exchangers"]


def exchangers(
    domain: str,
    records: tuple[MX, ...],
    *,
    our_name: str = "",
    shuffle: Callable[[MutableSequence[MX]], None] = random.shuffle,
) -> tuple[str, ...]:
    """Give the hosts to try in order, at least one; those of equal preference in random order.

    Without records the domain itself is the host, so it has to have an address. Where `our_name`
    is among the exchangers, only better ones are given (RFC 5321 5.1). Raises
    `PermanentlyRejected` for the null MX, and where the mail would come back to us.
    """
    if not records:
        return (domain,)
    if any(not record.host for record in records):
        # RFC 7505 3 allows no other record beside it; who publishes it wants no mail.
        raise _no_mail(f"the domain {domain} takes no mail (null MX)", "5.1.10")
    hosts: list[str] = []
    ranked = sorted(records, key=lambda record: record.preference)
    for _, equals in groupby(ranked, key=lambda record: record.preference):
        same = list(equals)
        if any(record.host == our_name for record in same):
            break
        shuffle(same)
        hosts += [record.host for record in same]
    if not hosts:
        raise _no_mail(f"the mail for {domain} would come back to us", "5.4.6")
    return tuple(dict.fromkeys(hosts))


def _no_mail(text: str, enhanced_code: str) -> MailError:
    return PermanentlyRejected(text, phase=Phase.RESOLVE, enhanced_code=enhanced_code)
