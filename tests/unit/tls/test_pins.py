"""Pins of public keys: read, written, and the same as everybody else computes."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.audit.lab.flawed_certificates import Spec, issue
from postseal.errors import InvalidSetting
from postseal.tls.pins import Pin

DIGESTS = st.binary(min_size=32, max_size=32)


@given(DIGESTS)
def test_a_pin_is_read_as_it_is_written(digest: bytes) -> None:
    pin = Pin(digest)
    encoded = base64.b64encode(digest).decode()
    for text in (str(pin), f"sha256/{encoded}", f"sha256//{encoded}", f'pin-sha256="{encoded}"'):
        assert Pin.parse(text) == pin


ENCODED = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        ENCODED,
        f"sha1/{ENCODED}",
        f"SHA256/{ENCODED}",
        f"sha256/{ENCODED[:-1]}",
        f"sha256/{ENCODED}=",
        f"sha256/{ENCODED}\n",
        f"sha256/ {ENCODED}",
        f"sha256/{'-' * 43}=",
        # The last character says more than 256 bits: two texts would be one pin.
        f"sha256/{'A' * 42}B=",
        f'pin-sha256="{ENCODED}',
        "sha256/" + "00" * 32,
        "x" * 100_000,
    ],
)
def test_what_is_no_pin_is_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(InvalidSetting, match="not a pin") as caught:
        Pin.parse(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("kind", ["P-256", "P-384", "RSA-2048", "Ed25519"])
def test_openssl_computes_the_same(
    kind: str, tmp_path: Path, program: Callable[[str], Path]
) -> None:
    issued = issue(Spec(key=kind), None)
    (tmp_path / "leaf.pem").write_bytes(issued.pem)
    openssl = str(program("openssl"))
    key = subprocess.run(
        [openssl, "x509", "-in", tmp_path / "leaf.pem", "-pubkey", "-noout"],
        capture_output=True,
        check=True,
    ).stdout
    der = subprocess.run(
        [openssl, "pkey", "-pubin", "-outform", "der"], input=key, capture_output=True, check=True
    ).stdout
    digest = subprocess.run(
        [openssl, "dgst", "-sha256", "-binary"], input=der, capture_output=True, check=True
    ).stdout
    assert Pin.of_certificate(issued.der) == Pin(digest)
