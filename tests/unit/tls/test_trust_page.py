"""What the page on trust says is what the code does."""

from __future__ import annotations

import re

from postseal.errors import CertificateReason, CertificateRejected
from postseal.tls import Profile, Trust
from postseal.tls.profiles import PROFILES
from tests.parts.page_tables import DOCS, table


def test_every_reason_is_explained_with_its_word_of_RFC_8460() -> None:
    rows = table("trust.md", "Certificate failures")
    assert [reason for reason, _, _ in rows] == [str(reason) for reason in CertificateReason]
    for reason, word, _ in rows:
        error = CertificateRejected("x", reason=CertificateReason(reason))
        assert error.result_type == word


def test_every_profile_is_described_as_it_is() -> None:
    rows = table("trust.md", "Profiles")
    assert [name for name, *_ in rows] == list(PROFILES)
    for name, versions, exchange, ciphers in rows:
        profile = Profile.named(name)
        assert versions.startswith(
            profile.minimum_version.name.removeprefix("TLSv").replace("_", ".")
        )
        if name == "modern":
            assert (exchange, ciphers) == ("none", "none")
            continue
        exchanges = {suite.partition("-")[0] for suite in profile.suites}
        exchanges = {"RSA" if part.startswith("AES") else part for part in exchanges}
        assert exchanges == set(exchange.split(", "))
        kinds = {_kind(suite) for suite in profile.suites}
        assert kinds == set(ciphers.split(", "))


def _kind(suite: str) -> str:
    if "GCM" in suite:
        return "AES-GCM"
    return "ChaCha20-Poly1305" if "CHACHA20" in suite else "AES-CBC"


def test_the_page_has_every_call_that_makes_a_trust() -> None:
    text = (DOCS / "trust.md").read_text(encoding="utf-8")
    calls = set(re.findall(r"(?:Trust|\| `)\.([a-z_0-9]+)\(", text))
    made = {
        name
        for name in vars(Trust)
        if not name.startswith("_") and name != "load_into" and callable(getattr(Trust, name))
    }
    assert calls == made
