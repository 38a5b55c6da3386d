"""Whom a client trusts, and the TLS settings that follow from it (RFC 9325)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from postseal.errors import InvalidSetting
from postseal.tls.levels import TLSLevel

__all__ = ["Trust", "client_context", "server_context"]

# RFC 9325 4.2 for TLS 1.2: forward secrecy and AEAD only. TLS 1.3 has nothing else.
_SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True, slots=True)
class Trust:
    """The authorities that may vouch for a server: those of the system, or those of one file."""

    ca_file: str | None = None

    @classmethod
    def system(cls) -> Trust:
        """Trust what the operating system trusts."""
        return cls()

    @classmethod
    def only(cls, ca_file: str | Path) -> Trust:
        """Trust the authorities in a PEM file, and no others."""
        return cls(str(ca_file))

    def __str__(self) -> str:
        return f"authorities in {self.ca_file}" if self.ca_file else "system authorities"


@lru_cache(maxsize=64)
def client_context(trust: Trust, level: TLSLevel) -> ssl.SSLContext:
    """The context for connections to servers, verifying the peer when `level` is AUTHENTICATED.

    Raises `InvalidSetting` when the CA file cannot be read. Contexts are cached: a changed CA
    file is seen by new processes.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    if level < TLSLevel.AUTHENTICATED:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    # What Python 3.13 does by itself: RFC 5280 to the letter, and a pinned intermediate suffices.
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    # RFC 9525 6.3: the subject alternative names count, the common name never.
    context.hostname_checks_common_name = False
    if trust.ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return context
    try:
        context.load_verify_locations(cafile=trust.ca_file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidSetting(
            f"the CA file {trust.ca_file} cannot be used: {reason}",
            hint="It must be a readable PEM file with at least one certificate.",
        ) from None
    return context


def server_context(certificate_file: str | Path, key_file: str | Path) -> ssl.SSLContext:
    """The context for listeners, with a certificate chain and its private key in PEM files.

    Raises `InvalidSetting` when they cannot be read or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    try:
        context.load_cert_chain(certificate_file, key_file, password=_refuse_encrypted_key)
    except (OSError, ValueError) as error:
        raise InvalidSetting(
            f"the certificate {certificate_file} with the key {key_file} cannot be used: {error}",
            hint="Both must be readable PEM files, the key unencrypted and that of the "
            "certificate.",
        ) from None
    return context


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION


def _refuse_encrypted_key() -> str:
    # Without this, OpenSSL asks for a passphrase on the terminal and the process hangs.
    raise ValueError("the private key is encrypted")
