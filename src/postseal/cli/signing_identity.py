"""The options by which a command is told who signs, and the reading of what they name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from postseal.errors import InvalidInput
from postseal.secrets.opaque import Secret
from postseal.secrets.source import SecretSource

if TYPE_CHECKING:
    from postseal.mail.smime.identity import Identity

__all__ = [
    "SigningCertificateOption",
    "SigningKeyOption",
    "SigningPasswordOption",
    "read_identity",
]

SigningCertificateOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--signing-certificate",
        help="Sign the Apple profile with this chain (PEM), the signer's certificate first.",
    ),
]
SigningKeyOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--signing-key", help="Its key, where it is in a file of its own."),
]
SigningPasswordOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--signing-password-from",
        metavar="REFERENCE",
        help="Where the password of the key is kept, such as env:KEY_PASSWORD.",
        show_default="it is asked for",
    ),
]

_MAX_FILE_OCTETS: Final = 256 * 1024
# In PKCS #8 and in the form before it; the header is never encrypted.
_ENCRYPTED: Final = b"ENCRYPTED"
_KEY: Final = b"PRIVATE KEY-----"


def read_identity(
    certificate: Path | None, key: Path | None, password_from: str | None
) -> Identity | None:
    """Read a chain and its key; None where no certificate is named.

    Raises `InvalidInput`, which names the files, for what cannot be read or does not belong
    together, `SecretError` for a password that cannot be had, and `MissingExtra`.
    """
    if certificate is None:
        for option, value in (("key", key), ("password-from", password_from)):
            if value is not None:
                raise InvalidInput(f"--signing-{option} needs --signing-certificate")
        return None
    from postseal.mail.smime.identity import Identity

    chain = _read(certificate)
    private = chain if key is None else _read(key)
    if _KEY not in private:
        raise InvalidInput(
            f"{key or certificate} holds no private key in PEM", hint="Name one by --signing-key."
        )
    password = _password(key or certificate, password_from) if _ENCRYPTED in private else None
    try:
        return Identity.from_pem(
            private, chain, password=None if password is None else password.reveal().encode()
        )
    except InvalidInput as error:
        raise InvalidInput(
            f"{certificate} with the key in {key or certificate} signs nothing: {error.text}",
            hint=error.hint,
        ) from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE_OCTETS)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from None


def _password(key: Path, reference: str | None) -> Secret:
    if reference is not None:
        return SecretSource(reference).get().secret
    if not sys.stdin.isatty():
        raise InvalidInput(
            f"the key in {key} is encrypted, and nobody is there to type its password",
            hint="Say where the password is kept: --signing-password-from env:KEY_PASSWORD.",
        )
    asked: str = typer.prompt(f"Password of the key in {key}", hide_input=True, err=True)
    return Secret(asked)
