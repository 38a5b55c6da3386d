"""An authority for web servers, and contexts with what it issued."""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trustme

from postseal.tls import Trust

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WebAuthority:
    """One authority, and how to trust it."""

    authority: trustme.CA
    trust: Trust

    @classmethod
    def create(cls, directory: Path) -> Self:
        """Make one whose certificate is kept in `directory`."""
        authority = trustme.CA()
        ca_file = directory / "authority.pem"
        authority.cert_pem.write_to_path(ca_file)
        return cls(authority, Trust.only(ca_file))

    def context(self, name: str, *, age: int = 0) -> ssl.SSLContext:
        """A server's context, with a certificate in the middle of its two days `age` days ago."""
        now = datetime.datetime.now(datetime.UTC)
        leaf = self.authority.issue_cert(
            name, not_before=now - _DAY * (age + 1), not_after=now + _DAY * (1 - age)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        return context
