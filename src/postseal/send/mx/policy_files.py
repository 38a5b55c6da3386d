"""MTA-STS policies in files, so that they outlive the process: one for each domain."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Final

from postseal.errors import InvalidSetting, PolicyUnavailable
from postseal.send.mx.policy_cache import CachedPolicy, MemoryPolicyCache, PolicyCache
from postseal.tls.mta_sts import MTAStsPolicy

__all__ = ["DirectoryPolicyCache"]

_SUFFIX: Final = ".json"
# What is a file's name without being a path; no domain that mail can go to is anything else.
_DOMAIN: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\Z")
_MAX_NAME: Final = 240


class DirectoryPolicyCache(PolicyCache):
    """Keeps policies in a directory of its own, which one process uses at a time.

    It is read once, and written whenever a policy is put. Files that cannot be read count for
    nothing, and their policies are fetched anew. At most `max_domains` are kept, as in a
    `MemoryPolicyCache`. Raises `InvalidSetting` for a directory that cannot be used, and later, so
    that mail waits until it can be again, `PolicyUnavailable`.
    """

    def __init__(self, directory: str | Path, *, max_domains: int = 10_000) -> None:
        self._directory = Path(directory)
        self._memory = MemoryPolicyCache(max_domains=max_domains, policies=self._read_all())

    async def get(self, domain: str) -> CachedPolicy | None:
        return await self._memory.get(domain)

    async def put(self, domain: str, cached: CachedPolicy) -> None:
        if not _is_file_name(domain):
            raise InvalidSetting(f"no policy can be kept for {domain[:80]!a}")
        before = set(await self._memory.domains())
        await self._memory.put(domain, cached)
        kept = set(await self._memory.domains())
        try:
            for gone in before - kept:
                self._file(gone).unlink(missing_ok=True)
            if domain in kept:
                self._write(domain, cached)
        except OSError as error:
            raise PolicyUnavailable(self._unusable(error)) from error

    async def remove(self, domain: str) -> None:
        if await self._memory.get(domain) is None:
            return
        await self._memory.remove(domain)
        try:
            self._file(domain).unlink(missing_ok=True)
        except OSError as error:
            raise PolicyUnavailable(self._unusable(error)) from error

    async def domains(self) -> tuple[str, ...]:
        return await self._memory.domains()

    def _read_all(self) -> dict[str, CachedPolicy]:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            files = sorted(self._directory.glob(f"*{_SUFFIX}"))
        except OSError as error:
            raise InvalidSetting(self._unusable(error)) from error
        read = {file.name.removesuffix(_SUFFIX): _read(file) for file in files}
        return {domain: cached for domain, cached in read.items() if cached is not None}

    def _write(self, domain: str, cached: CachedPolicy) -> None:
        content = {
            "id": cached.id,
            "fetched_at": cached.fetched_at,
            "policy": cached.policy.write().decode(),
        }
        # Another name until it is whole: a process that dies leaves the old policy or the new one.
        with tempfile.NamedTemporaryFile(
            "w", dir=self._directory, encoding="utf-8", suffix=".new", delete=False
        ) as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self._file(domain))

    def _file(self, domain: str) -> Path:
        return self._directory / f"{domain}{_SUFFIX}"

    def _unusable(self, error: OSError) -> str:
        return (
            f"the directory of MTA-STS policies {self._directory} cannot be used: {error.strerror}"
        )


def _is_file_name(domain: str) -> bool:
    return len(domain) <= _MAX_NAME and _DOMAIN.match(domain) is not None


def _read(file: Path) -> CachedPolicy | None:
    try:
        content = json.loads(file.read_bytes())
        return CachedPolicy(
            str(content["id"]),
            MTAStsPolicy.parse(content["policy"].encode()),
            float(content["fetched_at"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, PolicyUnavailable):
        return None
