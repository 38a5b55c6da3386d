from __future__ import annotations

import json
from pathlib import Path

import pytest

from postseal.errors import InvalidSetting, PolicyUnavailable
from postseal.send.mx.policy_cache import CachedPolicy
from postseal.send.mx.policy_files import DirectoryPolicyCache
from postseal.send.networks.blocking import run
from postseal.tls.mta_sts import MTAStsMode, MTAStsPolicy

POLICY = MTAStsPolicy(MTAStsMode.ENFORCE, ("mx.example.com", "*.example.net"), 86_400)
CACHED = CachedPolicy("20260601", POLICY, 1_800_000_000.25)


def test_what_is_put_outlives_the_process(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "there yet"
    run(DirectoryPolicyCache(directory).put("example.com", CACHED))
    anew = DirectoryPolicyCache(directory)
    assert run(anew.get("example.com")) == CACHED
    assert run(anew.domains()) == ("example.com",)
    assert directory.stat().st_mode & 0o777 == 0o700
    (file,) = directory.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_newer_policy_takes_the_place_and_what_is_removed_is_gone(tmp_path: Path) -> None:
    cache = DirectoryPolicyCache(tmp_path)
    newer = CachedPolicy("2", POLICY, CACHED.fetched_at + 1)
    run(cache.put("example.com", CACHED))
    run(cache.put("example.com", newer))
    assert run(DirectoryPolicyCache(tmp_path).get("example.com")) == newer
    run(cache.remove("example.com"))
    run(cache.remove("example.com"))
    assert run(DirectoryPolicyCache(tmp_path).domains()) == ()
    assert list(tmp_path.iterdir()) == []


def test_when_it_is_full_files_make_room_too(tmp_path: Path) -> None:
    cache = DirectoryPolicyCache(tmp_path, max_domains=2)
    for domain, fetched_at in (("a", 300.0), ("b", 100.0), ("c", 200.0)):
        run(cache.put(domain, CachedPolicy("1", POLICY, fetched_at)))
    assert sorted(run(DirectoryPolicyCache(tmp_path).domains())) == ["a", "c"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        json.dumps({"id": "1", "fetched_at": "soon", "policy": POLICY.write().decode()}).encode(),
        json.dumps({"id": "1", "fetched_at": 1.0, "policy": "mode: enforce"}).encode(),
        json.dumps({"id": "1", "fetched_at": 1.0, "policy": 7}).encode(),
    ],
)
def test_a_file_that_makes_no_sense_counts_for_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "example.com.json").write_bytes(content)
    cache = DirectoryPolicyCache(tmp_path)
    assert run(cache.domains()) == ()
    run(cache.put("example.com", CACHED))
    assert run(DirectoryPolicyCache(tmp_path).get("example.com")) == CACHED


@pytest.mark.parametrize(
    "domain", ["../evil", "a/b", "", ".", "..", ".hidden", "a\0b", "A.example", "x" * 250]
)
def test_a_domain_that_is_no_file_name_is_refused(tmp_path: Path, domain: str) -> None:
    cache = DirectoryPolicyCache(tmp_path)
    with pytest.raises(InvalidSetting):
        run(cache.put(domain, CACHED))
    assert run(cache.get(domain)) is None
    run(cache.remove(domain))
    assert list(tmp_path.parent.glob("evil*")) == []


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidSetting, match="file cannot be used"):
        DirectoryPolicyCache(tmp_path / "file")


def test_a_directory_that_is_lost_is_a_matter_of_waiting(tmp_path: Path) -> None:
    directory = tmp_path / "policies"
    cache = DirectoryPolicyCache(directory)
    directory.rmdir()
    with pytest.raises(PolicyUnavailable) as caught:
        run(cache.put("example.com", CACHED))
    assert caught.value.is_temporary
    directory.mkdir()
    run(cache.put("example.com", CACHED))
    assert run(DirectoryPolicyCache(directory).get("example.com")) == CACHED
