"""Whom a client trusts, and as whom it presents itself (RFC 5280 6.1.1)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, unique
from typing import TYPE_CHECKING, Final, Self

from postseal.errors import InvalidSetting
from postseal.tls.levels import PeerProof

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from postseal.tls.identity import ClientCertificate
    from postseal.tls.pins import Pin

__all__ = ["Authorities", "CertificateRules", "Trust"]

_PINS: Final = "Give one, and another of a key in reserve."


@unique
class Authorities(Enum):
    """Who may vouch for a server."""

    SYSTEM = "system authorities"
    CERTIFI = "authorities of certifi"
    GIVEN = "given authorities"
    NOBODY = "nobody: the pinned key itself"
    ANYBODY = "anybody"


@unique
class CertificateRules(Enum):
    """How closely certificates must follow RFC 5280 to be taken."""

    STRICT = "strict"
    SLOPPY = "sloppy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How a client tells that a server is the one that was meant.

    Make one with `system`, `certifi`, `only` or `pinned`, and refine it with `and_pinned`,
    `with_revocation_list` and `with_client_certificate`, which give another. A value: caches and
    pools tell connections apart by it. `ca_path` is a PEM file or a directory of such files.
    """

    authorities: Authorities = Authorities.SYSTEM
    ca_path: str | None = None
    pins: frozenset[Pin] = frozenset()
    revocation_list: str | None = None
    rules: CertificateRules = CertificateRules.STRICT
    client_certificate: ClientCertificate | None = None

    def __post_init__(self) -> None:
        if (self.authorities is Authorities.GIVEN) is not bool(self.ca_path):
            raise InvalidSetting(
                "authorities are given by the path of a file or directory",
                hint="Use Trust.only(path), or Trust.system().",
            )
        if self.authorities is Authorities.NOBODY and not self.pins:
            raise InvalidSetting("without authorities there must be a pin", hint=_PINS)

    @classmethod
    def system(cls) -> Self:
        """Trust what OpenSSL on this machine trusts (SSL_CERT_FILE and SSL_CERT_DIR say more)."""
        return cls()

    @classmethod
    def certifi(cls) -> Self:
        """Trust what Mozilla trusts, as the package certifi has it."""
        return cls(authorities=Authorities.CERTIFI)

    @classmethod
    def only(cls, ca_path: str | Path) -> Self:
        """Trust the authorities in a PEM file, or in the PEM files of a directory, and no others.

        The files of a directory are those named `*.pem`, `*.crt` and `*.cer`, and those that
        `openssl rehash` makes.
        """
        return cls(authorities=Authorities.GIVEN, ca_path=str(ca_path))

    @classmethod
    def pinned(cls, *pins: str) -> Self:
        """Trust a server that has one of these public keys, whatever its certificate says.

        A pin is `sha256/` and Base64 (see `Pin`). It must be the server's own key; to pin an
        authority, give its certificate to `only`. Warns with `NoBackupPin` about a single pin.
        Raises `InvalidSetting`.
        """
        return cls(authorities=Authorities.NOBODY, pins=_read_pins(pins))

    @classmethod
    def dangerous_accept_any_certificate(cls) -> Self:
        """Take whoever answers for the server that was meant, credentials and all.

        Whoever is on the path can read and change everything. The level of such a connection is
        ENCRYPTED and no more; a policy that asks for AUTHENTICATED lets it pass for the sake of
        this call.
        """
        return cls(authorities=Authorities.ANYBODY)

    def and_pinned(self, *pins: str) -> Self:
        """Ask, besides, that the server's own key is one of these; see `pinned`."""
        self._require_verification("pins beside authorities")
        return replace(self, pins=self.pins | _read_pins(pins))

    def with_revocation_list(self, path: str | Path) -> Self:
        """Ask, besides, that the server's certificate is not revoked (RFC 5280 6.3).

        The PEM file holds one list or more; a certificate whose issuer has no valid list in it is
        refused.
        """
        self._require_verification("a revocation list")
        return replace(self, revocation_list=str(path))

    def with_client_certificate(
        self,
        chain_file: str | Path,
        key_file: str | Path,
        *,
        password: Callable[[], str] | None = None,
    ) -> Self:
        """Present this certificate to servers that ask for one."""
        from postseal.tls.identity import ClientCertificate

        mine = ClientCertificate(str(chain_file), str(key_file), password)
        return replace(self, client_certificate=mine)

    def dangerous_accept_sloppy_certificates(self) -> Self:
        """Take certificates that break RFC 5280 in ways that OpenSSL can overlook.

        For private authorities whose certificates lack extensions; names, dates, signatures and
        keys count as ever.
        """
        return replace(self, rules=CertificateRules.SLOPPY)

    @property
    def verifies_chain(self) -> bool:
        """Whether a chain of certificates has to lead to an authority."""
        return self.proof is PeerProof.PKIX

    @property
    def proof(self) -> PeerProof:
        """What proves a server's identity by this trust."""
        match self.authorities:
            case Authorities.NOBODY:
                return PeerProof.PIN
            case Authorities.ANYBODY:
                return PeerProof.WAIVED
            case _:
                return PeerProof.PKIX

    def load_into(self, context: ssl.SSLContext) -> None:
        """Let a context verify chains by this trust.

        Raises `InvalidSetting` for files that cannot be used and for a system without authorities,
        `MissingExtra` where certifi is not installed.
        """
        from postseal.tls.authority_files import load_trust

        load_trust(self, context)

    def __str__(self) -> str:
        who = f"authorities in {self.ca_path}" if self.ca_path else self.authorities.value
        if self.pins and self.verifies_chain:
            return f"{who}, and a pinned key"
        return who

    def _require_verification(self, what: str) -> None:
        if not self.verifies_chain:
            raise InvalidSetting(f"{what} have no meaning where no authority is asked")


def _read_pins(texts: tuple[str, ...]) -> frozenset[Pin]:
    if not texts:
        raise InvalidSetting("no pin was given", hint=_PINS)
    from postseal.tls.pins import NoBackupPin, Pin

    pins = frozenset(map(Pin.parse, texts))
    if len(pins) == 1:
        warnings.warn(
            "one pin alone: when the server's key is renewed or lost, nothing can be sent any "
            "more; add the pin of a key in reserve",
            NoBackupPin,
            stacklevel=3,
        )
    return pins
