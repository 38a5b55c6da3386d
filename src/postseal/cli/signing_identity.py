"""The options by which a command is told who signs, and the reading of what they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from postseal.cli.given import ask_secret, read_pem_file
from postseal.errors import InvalidInput
from postseal.secrets.source import SecretSource

if TYPE_CHECKING:
    from postseal.mail.smime.identity import Identity
    from postseal.secrets.opaque import Secret

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

    chain = read_pem_file(certificate)
    private = chain if key is None else read_pem_file(key)
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


def _password(key: Path, reference: str | None) -> Secret:
    if reference is not None:
        return SecretSource(reference).get().secret
    unanswered = InvalidInput(
        f"the key in {key} is encrypted, and nobody is there to type its password",
        hint="Say where the password is kept: --signing-password-from env:KEY_PASSWORD.",
    )
    return ask_secret(f"Password of the key in {key}", otherwise=unanswered)
