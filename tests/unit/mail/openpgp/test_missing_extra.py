"""Without the extra, what needs it says how to get it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from postseal.errors import MissingExtra
from postseal.mail.openpgp import Certificate, SecretKey, decrypt, encrypt, sign, verify
from tests.parts.openpgp_people import ADA, letter, secret_key


@pytest.mark.parametrize("package", ["pysequoia", "cryptography"])
@pytest.mark.parametrize(
    "use",
    [
        lambda _: Certificate.from_bytes(b""),
        lambda _: SecretKey.from_bytes(b""),
        lambda _: verify(b"", ()),
        lambda key: decrypt(b"", key),
        lambda key: encrypt(letter(), [key.certificate]),
        lambda key: sign(letter(), key),
    ],
    ids=["certificate", "secret key", "verify", "decrypt", "encrypt", "sign"],
)
def test_the_error_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, package: str, use: Callable[[SecretKey], object]
) -> None:
    key = secret_key(ADA)
    modules = {"pysequoia": "pysequoia", "cryptography": "cryptography.hazmat.decrepit.ciphers"}
    monkeypatch.setitem(sys.modules, modules[package], None)
    with pytest.raises(MissingExtra, match=f"needs the package {package}.*postseal.openpgp"):
        use(key)


def test_importing_it_takes_nothing_of_the_extra() -> None:
    told = subprocess.run(
        (
            sys.executable,
            "-c",
            "import sys, postseal.mail.openpgp; print(*sys.modules, sep='\\n')",
        ),
        capture_output=True,
        text=True,
        check=True,
    )
    roots = {name.partition(".")[0] for name in told.stdout.split()}
    assert not roots & {"asyncio", "cryptography", "pysequoia", "ssl"}
