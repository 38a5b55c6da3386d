"""What the providers of managers share."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import SecretError, SecretMalformed, SecretNotFound
from postseal.secrets.managers import told, value_among, value_in
from postseal.secrets.provider import SecretReference
from postseal.secrets.sdk import hushed

REFERENCE = SecretReference.parse("gcp-sm:project/secret")


@given(st.text())
def test_what_a_server_says_is_one_bounded_line(text: str) -> None:
    line = told(text)
    assert line.isprintable()
    assert len(line) <= 403


@given(st.binary(), st.none() | st.text())
def test_any_octets_give_a_value_or_an_error_without_it(kept: bytes, key: str | None) -> None:
    try:
        found = value_in(REFERENCE, kept, key)
    except SecretError:
        return
    assert found.reveal()
    assert (
        found.reveal() in kept.decode() if key is None else found.reveal() == json.loads(kept)[key]
    )


@given(st.dictionaries(st.text(), st.text(min_size=1), min_size=1), st.data())
def test_each_value_is_found_under_its_key(values: dict[str, str], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(values)))
    kept = json.dumps(values).encode()
    if any("\ud800" <= letter <= "\udfff" for letter in values[key]):
        with pytest.raises(SecretMalformed):
            value_in(REFERENCE, kept, key)
    else:
        assert value_in(REFERENCE, kept, key).reveal() == values[key]


def test_the_only_value_needs_no_key() -> None:
    assert value_among(REFERENCE, {"password": "x"}, None).reveal() == "x"
    with pytest.raises(SecretMalformed, match="0 values"):
        value_among(REFERENCE, {}, None)
    with pytest.raises(SecretMalformed, match="2 values"):
        value_among(REFERENCE, {"a": "x", "b": "y"}, None)
    with pytest.raises(SecretNotFound, match="'c'"):
        value_among(REFERENCE, {"a": "x", "b": "y"}, "c")


def test_a_client_is_made_once_in_each_process() -> None:
    program = """
import os
from postseal.secrets.sdk import Clients

made = []
clients = Clients(lambda kind: made.append(kind) or object())
first = clients.get("a")
assert clients.get("a") is first
assert clients.get("b") is not first
assert made == ["a", "b"]
child = os.fork()
if child == 0:
    os._exit(0 if clients.get("a") is not first else 1)
assert os.waitpid(child, 0) == (child, 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], timeout=60, check=False, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_only_the_thread_that_fetches_is_kept_from_logging(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    log = logging.getLogger("postseal.test.client")
    with hushed(log.name):
        log.debug("of ours")
        other = threading.Thread(target=lambda: log.debug("of another"))
        other.start()
        other.join()
    log.debug("later")
    assert [record.getMessage() for record in caplog.records] == ["of another", "later"]


@pytest.mark.parametrize(
    ("reference", "package", "extra"),
    [
        ("vault:kv/mail", "hvac", "vault"),
        ("aws-sm:mail", "boto3", "aws"),
        ("azure-kv:my-vault/mail", "azure", "azure"),
        ("gcp-sm:project/mail", "google", "gcp"),
    ],
)
def test_what_is_missing_is_named(reference: str, package: str, extra: str) -> None:
    program = f"""
import sys, time
sys.modules[{package!r}] = None
from postseal.errors import MissingExtra
from postseal.secrets.provider import SecretReference, provider_of
reference = SecretReference.parse({reference!r})
provider = provider_of(reference.scheme)
loaded = {{name.partition(".")[0] for name in sys.modules}}
assert not loaded & {{"azure", "boto3", "google", "hvac", "requests"}} - {{{package!r}}}, loaded
try:
    provider.fetch(reference, deadline=time.monotonic() + 5)
except MissingExtra as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "VAULT_ADDR": "https://vault.test"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert f"pip install 'postseal[{extra}]'" in ran.stdout
