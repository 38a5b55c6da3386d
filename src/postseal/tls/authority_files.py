"""What a `Trust` names, read into a context: the system's authorities, or those in files."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Final

from postseal.errors import InvalidSetting, MissingExtra
from postseal.tls.trust import Authorities, CertificateRules, Trust

__all__ = ["load_trust"]

# As people name certificates, and as `openssl rehash` does.
_CERTIFICATE_FILE: Final = re.compile(r".+\.(?:pem|crt|cer)|[0-9a-f]{8}\.\d+")
_MAX_CERTIFICATE_FILES: Final = 1000


def load_trust(trust: Trust, context: ssl.SSLContext) -> None:
    """Let a context verify chains as `Trust.load_into` says, with the errors of that."""
    match trust.authorities:
        case Authorities.SYSTEM:
            _load_system(context)
        case Authorities.CERTIFI:
            _load_file(context, _certifi_file(), "CA file")
        case Authorities.GIVEN:
            for file in _certificate_files(Path(trust.ca_path or "")):
                _load_file(context, file, "CA file")
        case Authorities.NOBODY | Authorities.ANYBODY:
            return
    if trust.rules is CertificateRules.STRICT:
        # What Python 3.13 does by itself, in every version of it.
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    else:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # A given intermediate suffices, as in Python 3.13.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if trust.revocation_list is not None:
        _load_file(context, Path(trust.revocation_list), "revocation list")
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _load_system(context: ssl.SSLContext) -> None:
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if context.cert_store_stats()["x509_ca"]:
        return
    # The files of a directory are read when they are needed.
    directory = ssl.get_default_verify_paths().capath
    if not directory or not any(Path(directory).glob("*.[0-9]")):
        raise InvalidSetting(
            "this system has no certificate authorities where OpenSSL looks for them",
            hint="Install them (Debian: ca-certificates), give a CA file, or use Trust.certifi().",
        )


def _certifi_file() -> Path:
    try:
        where: str = import_module("certifi").where()
    except ModuleNotFoundError:
        raise MissingExtra(
            "the authorities of certifi need the package certifi",
            hint="Install it with: pip install 'postseal[certifi]'.",
        ) from None
    return Path(where)


def _certificate_files(directory: Path) -> Iterable[Path]:
    try:
        if not directory.is_dir():
            return (directory,)
        names = sorted(filter(_CERTIFICATE_FILE.fullmatch, (p.name for p in directory.iterdir())))
    except (OSError, ValueError) as error:
        raise InvalidSetting(
            f"the CA directory {directory} cannot be used: {_words(error)}"
        ) from None
    if not 0 < len(names) <= _MAX_CERTIFICATE_FILES:
        raise InvalidSetting(
            f"the CA directory {directory} has {len(names)} files with certificates",
            hint=f"It needs 1 to {_MAX_CERTIFICATE_FILES}, named *.pem, *.crt or *.cer.",
        )
    return (directory / name for name in names)


def _load_file(context: ssl.SSLContext, path: Path, kind: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except (OSError, ValueError) as error:
        raise InvalidSetting(
            f"the {kind} {path} cannot be used: {_words(error)}",
            hint="It must be a readable PEM file with at least one "
            + ("list." if kind == "revocation list" else "certificate."),
        ) from None


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
