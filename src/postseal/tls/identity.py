"""As whom this side presents itself: a certificate chain and its private key, in PEM files."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from postseal.errors import InvalidSetting

__all__ = ["ClientCertificate", "load_identity"]


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What a client proves its own identity with (RFC 8446 4.4.2).

    `password` gives the passphrase of an encrypted key, when it is needed.
    """

    chain_file: str
    key_file: str
    password: Callable[[], str] | None = field(default=None, repr=False)

    def load_into(self, context: ssl.SSLContext) -> None:
        """Let a context present it; raise `InvalidSetting` when the files cannot be used."""
        load_identity(context, self.chain_file, self.key_file, password=self.password)


def load_identity(
    context: ssl.SSLContext,
    chain_file: str | Path,
    key_file: str | Path,
    *,
    password: Callable[[], str] | None = None,
) -> None:
    """Let a context of either role present what these files hold.

    Raises `InvalidSetting` when they cannot be read or do not belong together, and for an
    encrypted key without its password.
    """
    try:
        context.load_cert_chain(chain_file, key_file, password=password or _no_password)
    except (OSError, ValueError) as error:
        raise InvalidSetting(
            f"the certificate {chain_file} with the key {key_file} cannot be used: {error}",
            hint="Both must be readable PEM files, the key that of the certificate and, without "
            "a password, not encrypted.",
        ) from None


def _no_password() -> str:
    # Without this, OpenSSL asks for a passphrase on the terminal and the process hangs.
    raise ValueError("the private key is encrypted")
