"""What is wrong with a certificate chain, each fault named by the weakness that passes over it.

A second opinion beside OpenSSL's, which a mutant can loosen in one place; it knows no more than the
cases of the attack lab need.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator, Sequence, Set
from fnmatch import fnmatchcase
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.parts.weaknesses import Weakness

__all__ = ["CHAIN", "NAMES", "faults_of_chain", "faults_of_name"]

T = TypeVar("T", bound=x509.ExtensionType)
W = Weakness

CHAIN = frozenset(
    {
        W.TAKES_SELF_SIGNED,
        W.TAKES_UNKNOWN_AUTHORITIES,
        W.TAKES_SENT_AUTHORITIES,
        W.LOOKS_FOR_ANY_TRUSTED,
        W.CHECKS_NO_SIGNATURES,
        W.IGNORES_EXPIRY,
        W.IGNORES_BEGINNING,
        W.IGNORES_MUST_STAPLE,
        W.IGNORES_NAME_CONSTRAINTS,
        W.TAKES_ANYBODY_FOR_AUTHORITY,
        W.IGNORES_KEY_USAGE,
        W.IGNORES_PATH_LENGTH,
        W.IGNORES_PURPOSE,
        W.TAKES_BROKEN_DIGESTS,
        W.TAKES_SMALL_KEYS,
        W.IGNORES_CRITICAL,
        W.TAKES_EXTENSIONS_TWICE,
    }
)
"""Weaknesses that loosen what is asked of the chain."""
NAMES = frozenset(
    {
        W.COMPARES_NO_NAMES,
        W.COMPARES_BEGINNINGS,
        W.COMPARES_ENDS,
        W.FALLS_BACK_TO_COMMON_NAME,
        W.COUNTS_COMMON_NAME,
        W.COUNTS_ALL_KINDS_OF_NAMES,
        W.GLOBS,
        W.WILDCARD_FOR_NO_LABEL,
        W.READS_NAMES_AS_C,
        W.COMPARES_THE_ADDRESS,
        W.TAKES_ADDRESSES_FOR_NAMES,
        W.GOES_BY_THE_GREETING,
    }
)
"""Weaknesses that loosen what is asked of the name."""

_KNOWN = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
    x509.NameConstraints,
)
_SMALLEST_RSA_KEY = 2048


def faults_of_chain(sent: Sequence[bytes], root: bytes) -> set[Weakness]:
    """Look at the chain that a server sent, its own certificate first."""
    if not sent:
        return {W.OFFERS_ANONYMOUS}
    trusted = x509.load_der_x509_certificate(root)
    found: set[Weakness] = set()
    path = list(_path(sent, trusted, found))
    for depth, certificate in enumerate(path):
        try:
            certificate.extensions  # noqa: B018  # they are read now
        except x509.DuplicateExtension:
            found.add(W.TAKES_EXTENSIONS_TWICE)
            continue
        found.update(_faults(certificate, depth, path))
    return found


def _path(
    sent: Sequence[bytes], trusted: x509.Certificate, found: set[Weakness]
) -> Iterator[x509.Certificate]:
    """Follow the issuers as far as they are known, and note why that is not far enough."""
    others = [one for der in sent[1:] if (one := _read(der)) is not None]
    certificate = x509.load_der_x509_certificate(sent[0])
    if certificate.issuer == certificate.subject:
        found.add(W.TAKES_SELF_SIGNED)
        yield certificate
        return
    for _ in sent:
        yield certificate
        if certificate.issuer == certificate.subject:
            found.add(W.TAKES_SENT_AUTHORITIES)
            return
        issuers = [one for one in (trusted, *others) if one.subject == certificate.issuer]
        if not issuers:
            if len(others) < len(sent) - 1:
                found.add(W.TAKES_ANYBODY_FOR_AUTHORITY)
            elif trusted in others:
                found.add(W.LOOKS_FOR_ANY_TRUSTED)
            else:
                found.add(W.TAKES_UNKNOWN_AUTHORITIES)
            return
        if not _signed(certificate, issuers[0]):
            found.add(W.CHECKS_NO_SIGNATURES)
        if issuers[0] == trusted:
            return
        certificate = issuers[0]


def _read(der: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        # Of version 1, written in a way that this library does not read.
        return None


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if isinstance(certificate.signature_hash_algorithm, hashes.SHA1 | hashes.MD5):
        return True
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError):
        return False
    return True


def _faults(
    certificate: x509.Certificate, depth: int, path: Sequence[x509.Certificate]
) -> Iterator[Weakness]:
    now = datetime.datetime.now(datetime.UTC)
    extensions = certificate.extensions
    if certificate.not_valid_after_utc < now:
        yield W.IGNORES_EXPIRY
    if certificate.not_valid_before_utc > now:
        yield W.IGNORES_BEGINNING
    if isinstance(certificate.signature_hash_algorithm, hashes.SHA1 | hashes.MD5):
        yield W.TAKES_BROKEN_DIGESTS
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SMALLEST_RSA_KEY:
        yield W.TAKES_SMALL_KEYS
    purposes = _value(extensions, x509.ExtendedKeyUsage)
    if purposes is not None and ExtendedKeyUsageOID.SERVER_AUTH not in purposes:
        yield W.IGNORES_PURPOSE
    if any(one.critical and not isinstance(one.value, _KNOWN) for one in extensions):
        yield W.IGNORES_CRITICAL
    if _value(extensions, x509.TLSFeature) is not None:
        yield W.IGNORES_MUST_STAPLE
    if depth > 0:
        yield from _faults_of_authority(extensions, depth, path[0])


def _faults_of_authority(
    extensions: x509.Extensions, depth: int, leaf: x509.Certificate
) -> Iterator[Weakness]:
    constraints = _value(extensions, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        yield W.TAKES_ANYBODY_FOR_AUTHORITY
    elif constraints.path_length is not None and constraints.path_length < depth - 1:
        yield W.IGNORES_PATH_LENGTH
    usage = _value(extensions, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign and constraints is not None and constraints.ca:
        yield W.IGNORES_KEY_USAGE
    limits = _value(extensions, x509.NameConstraints)
    names = _value(leaf.extensions, x509.SubjectAlternativeName)
    if limits is not None and names is not None:
        within = {one for one in limits.permitted_subtrees or () if _covers(one, names)}
        without = {one for one in limits.excluded_subtrees or () if _covers(one, names)}
        if without or (limits.permitted_subtrees and not within):
            yield W.IGNORES_NAME_CONSTRAINTS


def _covers(subtree: x509.GeneralName, names: x509.SubjectAlternativeName) -> bool:
    if isinstance(subtree, x509.IPAddress):
        network = ipaddress.ip_network(str(subtree.value))
        addresses = map(str, names.get_values_for_type(x509.IPAddress))
        return any(ipaddress.ip_address(one) in network for one in addresses)
    return subtree.value in names.get_values_for_type(x509.DNSName)


def _value(extensions: x509.Extensions, kind: type[T]) -> T | None:
    found = [one.value for one in extensions if isinstance(one.value, kind)]
    return found[0] if found else None


def faults_of_name(sent: Sequence[bytes], host: str, weaknesses: Set[Weakness]) -> set[Weakness]:
    """Tell whether the first certificate is for the host, for who has these weaknesses."""
    if not sent:
        return {W.OFFERS_ANONYMOUS}
    certificate = x509.load_der_x509_certificate(sent[0])
    if any(_same(name, host, weaknesses) for name in _names(certificate, host, weaknesses)):
        return set()
    return {W.COMPARES_NO_NAMES}


def _names(certificate: x509.Certificate, host: str, weaknesses: Set[Weakness]) -> Iterator[str]:
    """Give the names that count, and those that should not."""
    names = _value(certificate.extensions, x509.SubjectAlternativeName)
    for one in names or ():
        if isinstance(one, x509.DNSName):
            if not _is_address(host) or W.TAKES_ADDRESSES_FOR_NAMES in weaknesses:
                yield one.value
        elif isinstance(one, x509.IPAddress):
            if _is_address(host):
                yield str(one.value)
            elif W.COMPARES_THE_ADDRESS in weaknesses and one.value.is_loopback:
                yield host
        elif W.COUNTS_ALL_KINDS_OF_NAMES in weaknesses:
            yield str(one.value).rpartition("@")[2].removeprefix("https://").rstrip("/")
    common = [str(one.value) for one in certificate.subject.get_attributes_for_oid(_COMMON_NAME)]
    if W.COUNTS_COMMON_NAME in weaknesses or (
        names is None and W.FALLS_BACK_TO_COMMON_NAME in weaknesses
    ):
        yield from common


_COMMON_NAME = NameOID.COMMON_NAME


def _same(name: str, host: str, weaknesses: Set[Weakness]) -> bool:
    if W.READS_NAMES_AS_C in weaknesses:
        name = name.partition("\0")[0]
    first, _, rest = name.partition(".")
    return (
        name == host
        or (first == "*" and "." in rest and host.partition(".")[2] == rest)
        or (first == "*" and rest == host and W.WILDCARD_FOR_NO_LABEL in weaknesses)
        or (W.GLOBS in weaknesses and fnmatchcase(host, name))
        or (W.COMPARES_BEGINNINGS in weaknesses and name.startswith(host))
        or (W.COMPARES_ENDS in weaknesses and name.endswith(host) and "*" not in name)
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
