"""npm's mailauth as a process that signs, seals and verifies."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from postseal.mail.authentication import Canonicalization, KeyType, SigningKey
from tests.conftest import report_lack
from tests.parts.node import FOLDER, find_node
from tests.parts.signed_mail import DOMAIN, records, selector_of


@dataclass(frozen=True, slots=True)
class Judged:
    """What mailauth says of each signature and of the ARC chain, in the words of RFC 8601."""

    dkim: tuple[str, ...]
    arc: str


class MailAuth:
    """A running mailauth, which knows the records of `tests.parts.signed_mail`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def verify(self, message: bytes) -> Judged:
        """Judge a message."""
        told = self._ask("verify", message, records=records())
        results = cast(list[dict[str, str]], told["dkim"])
        return Judged(tuple(one["result"] for one in results), cast(str, told["arc"]))

    def sign(
        self,
        message: bytes,
        key: SigningKey,
        *,
        header_form: Canonicalization,
        body_form: Canonicalization,
    ) -> bytes:
        """Give the field for a message."""
        data = {
            "signingDomain": DOMAIN,
            "selector": selector_of(key.type),
            "privateKey": key.to_pem().decode(),
        }
        told = self._ask(
            "sign", message, canonicalization=f"{header_form}/{body_form}", signatures=[data]
        )
        return b64decode(cast(str, told["fields"]))

    def seal(self, message: bytes, key: SigningKey) -> bytes:
        """Give the ARC set for a message."""
        told = self._ask(
            "seal",
            message,
            domain=DOMAIN,
            selector=selector_of(KeyType.RSA),
            key=key.to_pem().decode(),
            records=records(),
        )
        return b64decode(cast(str, told["fields"]))

    def _ask(self, task: str, message: bytes, **more: object) -> dict[str, object]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        request = {"do": task, "message": b64encode(message).decode(), **more}
        stdin.write(f"{json.dumps(request)}\n")
        stdin.flush()
        told = cast(dict[str, object], json.loads(stdout.readline()))
        assert "error" not in told, told["error"]
        return told


@contextmanager
def running_mailauth() -> Iterator[MailAuth]:
    """Run mailauth; without it skip, or fail where CI=true."""
    node = find_node()
    if not (FOLDER / "node_modules" / "mailauth").is_dir():
        report_lack("npm's mailauth is not installed (scripts/node-packages)")
    process = subprocess.Popen(
        [node, FOLDER / "mailauth.js"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield MailAuth(process)
        finally:
            process.kill()
