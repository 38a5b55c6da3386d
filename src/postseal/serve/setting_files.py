"""The files that settings name: where they are, and whether TLS can use them."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from postseal.errors import InvalidSetting, MailError
from postseal.mail.authentication.keys import SigningKey

__all__ = ["File", "certificate_problem", "key_pair_problem", "signing_key_problem"]


def _read_file(value: Path, info: ValidationInfo) -> Path:
    if "\0" in str(value):
        raise InvalidSetting("a file name cannot hold the character U+0000")
    base = info.context["base"] if info.context else Path.cwd()
    try:
        return Path(base, value.expanduser())
    except RuntimeError as error:
        raise InvalidSetting(f"its ~ cannot be resolved: {error}") from None


File = Annotated[Path, Field(strict=False), AfterValidator(_read_file)]
"""A path, absolute once read: relative ones start at the folder of the configuration file."""


def certificate_problem(path: Path) -> str | None:
    """Say why no CA certificate can be read from the PEM file at `path`, or None."""
    if problem := _file_problem(path):
        return problem
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=path)
    except (ssl.SSLError, OSError):
        return f"{path} holds no certificate in PEM form"
    if not context.cert_store_stats()["x509"]:
        return f"{path} holds no certificate in PEM form"
    return None


def key_pair_problem(certificate: Path, key: Path) -> str | None:
    """Say why a TLS server cannot use these two PEM files, or None."""
    if problem := _file_problem(certificate) or _file_problem(key):
        return problem
    if problem := _exposure(key):
        return problem
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=_refuse_passphrase)
    except _PassphraseNeededError:
        return f"{key} is protected by a passphrase, and nobody is there to type it"
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"{key} is not the key of the certificate in {certificate}"
        return f"{certificate} and {key} are no certificate and private key in PEM form"
    return None


def signing_key_problem(path: Path) -> str | None:
    """Say why DKIM cannot sign with the key in a PEM file, or None."""
    if problem := _file_problem(path) or _exposure(path):
        return problem
    try:
        SigningKey.from_path(path)
    except MailError as error:
        return f"{error.text}"
    return None


def _exposure(key: Path) -> str | None:
    # The key of a server must not be every local user's. A group is left to the administrator:
    # distributions have one for this.
    if (mode := key.stat().st_mode) & 0o007:
        return f"{key} is open to every user (mode {mode & 0o777:04o}); run: chmod o= {key}"
    return None


class _PassphraseNeededError(Exception):
    pass


def _refuse_passphrase() -> str:
    raise _PassphraseNeededError


def _file_problem(path: Path) -> str | None:
    try:
        # Opening a pipe or a device could wait for ever.
        if not path.is_file():
            return f"{path} is no file" if path.exists() else f"{path} does not exist"
        path.open("rb").close()
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return None
