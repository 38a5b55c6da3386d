"""A keeper of one secret that tests turn: it counts, waits, fails and rotates as they say."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime

from postseal.errors import MailError
from postseal.secrets import Need, Secret, SecretReference, SecretVersion


@dataclass(slots=True)
class Keeper:
    """A provider whose secret is `value`, as version 1, 2 and so on.

    What is in `failures` is raised first, one for each call. Where `gate` is given, a call waits
    until it is set, and `entered` tells that it waits.
    """

    value: str
    number: int = 1
    created: datetime | None = None
    expires: datetime | None = None
    failures: deque[Exception] = field(default_factory=deque)
    gate: threading.Event | None = None
    entered: threading.Event = field(default_factory=threading.Event)
    needs: list[Need] = field(default_factory=list)

    def rotate(self, value: str) -> None:
        """Keep another secret from now on."""
        self.value, self.number = value, self.number + 1

    def fetch(
        self, reference: SecretReference, *, deadline: float, need: Need = Need.CURRENT
    ) -> SecretVersion:
        """Give the secret."""
        self.needs.append(need)
        self.entered.set()
        if self.gate is not None:
            assert self.gate.wait(20)
        if self.failures:
            failure = self.failures.popleft()
            if isinstance(failure, MailError):
                raise failure
            raise failure from ValueError(self.value)
        return replace(
            SecretVersion(Secret(self.value), str(self.number)),
            created=self.created,
            expires=self.expires,
        )
