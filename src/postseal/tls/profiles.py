"""Profiles: which versions, suites and groups of TLS are spoken (RFC 9325 3.1, 4.2).

The groups are those of the OpenSSL that Python is linked with, in its order: with OpenSSL 3.5 and
later X25519MLKEM768 comes first, with earlier ones X25519. Python 3.15 and later can be told them,
and is; earlier ones can only narrow the list to a single curve, which would serve nobody.
"""

from __future__ import annotations

import re
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from postseal.errors import InvalidSetting

__all__ = ["INTERMEDIATE", "LEGACY", "MODERN", "PROFILES", "Profile"]

# Forward secrecy and AEAD; the order is the client's, for whom AES may be slow.
_INTERMEDIATE_SUITES: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
_LEGACY_SUITES: Final = (
    *_INTERMEDIATE_SUITES,
    "DHE-RSA-AES128-GCM-SHA256",
    "DHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES256-SHA",
    "DHE-RSA-AES128-SHA256",
    "DHE-RSA-AES256-SHA256",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-SHA",
    "AES256-SHA",
)
# What OpenSSL has of these in this order; "?" leaves out what it does not know (OpenSSL 3.3).
_GROUPS: Final = "?X25519MLKEM768:X25519:P-256:P-384"
_GROUPS_BEFORE_OPENSSL_3_3: Final = "X25519:P-256:P-384"

# 112 bits: RSA keys of 2048 bits, no SHA-1 in signatures of certificates.
_SECURITY_LEVEL: Final = 2
_NO_SECURITY_LEVEL: Final = 0
_MINIMUM_VERSION: Final = ssl.TLSVersion.TLSv1_2
_WAY_OUT: Final = "Where a peer has nothing better, Profile.dangerous_custom() takes it."
_CUSTOM: Final = "custom"
_DANGEROUS: Final = "dangerous custom"
_LEGACY: Final = "legacy"

_SUITE: Final = re.compile(r"[A-Z0-9]+(?:[-_][A-Z0-9]+)*\Z")
_FORWARD_SECRECY: Final = ("ECDHE-", "DHE-")
_NO_FORWARD_SECRECY: Final = "no forward secrecy"
# Parts of names, by what is wrong with a suite that has them (RFC 9325 4.1).
_WEAKNESSES: Final = {
    "no encryption": ("NULL",),
    "no authentication": ("ADH", "AECDH", "ANON"),
    "a key for export": ("EXP", "EXPORT", "EXPORT1024", "40", "56"),
    "RC4": ("RC4",),
    "DES or 3DES": ("DES", "3DES", "CBC3", "DES40"),
    "MD5": ("MD5",),
    "an old cipher": ("RC2", "IDEA", "SEED"),
    "a shared secret for a key": ("PSK", "SRP"),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """Versions and suites that a context speaks; the suites are those of TLS 1.2 and below.

    The suites of TLS 1.3 are all good, and Python leaves their choice to OpenSSL. Take one of
    `MODERN`, `INTERMEDIATE` and `LEGACY`, or make one with `custom`.
    """

    name: str
    minimum_version: ssl.TLSVersion
    suites: tuple[str, ...]
    security_level: int = _SECURITY_LEVEL

    def __post_init__(self) -> None:
        if self.name == _DANGEROUS:
            return
        if self.minimum_version < _MINIMUM_VERSION or self.security_level < _SECURITY_LEVEL:
            raise InvalidSetting(f"the profile {self.name!a} is weaker than TLS 1.2", hint=_WAY_OUT)
        for suite in self.suites:
            weakness = _weakness(suite)
            if weakness and not (self.name == _LEGACY and weakness == _NO_FORWARD_SECRECY):
                raise InvalidSetting(
                    f"the suite {suite[:80]!a} is refused: {weakness}", hint=_WAY_OUT
                )

    @classmethod
    def named(cls, name: str) -> Profile:
        """Find a profile by its name; raise `InvalidSetting` for another than `PROFILES` has."""
        try:
            return PROFILES[name]
        except KeyError:
            raise InvalidSetting(
                f"there is no TLS profile {name[:80]!a}",
                hint=f"There are {', '.join(PROFILES)}.",
            ) from None

    @classmethod
    def custom(cls, suites: Sequence[str]) -> Self:
        """Speak TLS 1.3, and TLS 1.2 with these suites in OpenSSL's names.

        Raises `InvalidSetting` for a suite that OpenSSL does not have or RFC 9325 4.1 forbids:
        without encryption, authentication or forward secrecy, for export, or with RC4, 3DES or MD5.
        """
        profile = cls(_CUSTOM, _MINIMUM_VERSION, tuple(suites))
        _require_known(suites)
        return profile

    @classmethod
    def dangerous_custom(
        cls,
        suites: Sequence[str],
        *,
        minimum_version: ssl.TLSVersion = _MINIMUM_VERSION,
    ) -> Self:
        """Speak these suites, however weak, from `minimum_version` on.

        Whoever is on the path may read or change what such a connection carries. OpenSSL then
        also takes certificates with keys and signatures of any weakness. Raises `InvalidSetting`
        for what it does not have at all.
        """
        _require_known(suites)
        return cls(_DANGEROUS, minimum_version, tuple(suites), _NO_SECURITY_LEVEL)

    def apply(self, context: ssl.SSLContext) -> None:
        """Make a context, a client's or a server's, speak this profile and nothing else.

        It neither compresses nor renegotiates (RFC 9325 3.3, 3.5).
        """
        context.minimum_version = self.minimum_version
        context.set_ciphers(f"{':'.join(self.suites)}:@SECLEVEL={self.security_level}")
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        if sys.version_info >= (3, 15):
            try:
                context.set_groups(_GROUPS)
            except ssl.SSLError:
                context.set_groups(_GROUPS_BEFORE_OPENSSL_3_3)

    def __str__(self) -> str:
        return self.name


def _weakness(suite: str) -> str | None:
    if not _SUITE.match(suite):
        return "not the name of one suite"
    parts = set(re.split("[-_]", suite))
    for weakness, marks in _WEAKNESSES.items():
        if parts.intersection(marks):
            return weakness
    if not suite.startswith(_FORWARD_SECRECY):
        return _NO_FORWARD_SECRECY
    return None


def _require_known(suites: Sequence[str]) -> None:
    if not suites:
        raise InvalidSetting("a profile needs a suite", hint="MODERN speaks TLS 1.3 alone.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(f"ALL:COMPLEMENTOFALL:@SECLEVEL={_NO_SECURITY_LEVEL}")
    known = {cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"}
    for suite in suites:
        if suite not in known:
            raise InvalidSetting(
                f"{ssl.OPENSSL_VERSION} has no suite {suite[:80]!a} for TLS 1.2",
                hint="`openssl ciphers -s -tls1_2` lists them.",
            )


MODERN: Final = Profile("modern", ssl.TLSVersion.TLSv1_3, _INTERMEDIATE_SUITES)
"""TLS 1.3 alone."""

INTERMEDIATE: Final = Profile("intermediate", _MINIMUM_VERSION, _INTERMEDIATE_SUITES)
"""TLS 1.3, and TLS 1.2 with forward secrecy and AEAD: the default."""

LEGACY: Final = Profile(_LEGACY, _MINIMUM_VERSION, _LEGACY_SUITES)
"""For peers of before 2014: TLS 1.2 also with CBC, DHE and the server's RSA key for key exchange.

Who gets that key later reads what was recorded, where RSA was the key exchange. TLS 1.0 and 1.1 are
in no profile (RFC 8996).
"""

PROFILES: Final = {profile.name: profile for profile in (MODERN, INTERMEDIATE, LEGACY)}
"""The profiles that settings may name."""
