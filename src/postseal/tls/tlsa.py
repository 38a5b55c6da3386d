"""TLSA records: which certificate or key a name in the DNS vouches for (RFC 6698 2)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final, Self

from postseal.errors import InvalidInput
from postseal.tls.der import SEQUENCE, is_one_element, public_key_of

__all__ = ["TLSA", "MatchingType", "Selector", "Usage", "tlsa_name"]


@unique
class Usage(IntEnum):
    """What a record vouches for, by the names of RFC 7218 2.1."""

    PKIX_TA = 0
    PKIX_EE = 1
    DANE_TA = 2
    DANE_EE = 3


@unique
class Selector(IntEnum):
    """Which part of a certificate is meant (RFC 7218 2.2)."""

    CERT = 0
    SPKI = 1


@unique
class MatchingType(IntEnum):
    """How that part is written down (RFC 7218 2.3)."""

    FULL = 0
    SHA2_256 = 1
    SHA2_512 = 2


# RFC 7672 3.1.3: 0 and 1 need authorities that all of mail would have to agree on.
_USABLE_USAGES: Final = frozenset({Usage.DANE_TA, Usage.DANE_EE})
_DIGEST_SIZES: Final[dict[int, int]] = {MatchingType.SHA2_256: 32, MatchingType.SHA2_512: 64}
_MAX_SHOWN: Final = 16


@dataclass(frozen=True, slots=True)
class TLSA:
    """One record; its three numbers may be ones that nobody has defined yet.

    `data` is the certificate association data (RFC 6698 2.1.4).
    """

    usage: int
    selector: int
    matching_type: int
    data: bytes

    @classmethod
    def from_wire(cls, rdata: bytes) -> Self:
        """Read a record's data as it stands in a DNS message.

        Raises `InvalidInput` where it ends before the association data (RFC 6698 2.1).
        """
        if len(rdata) < 4:
            raise InvalidInput(
                f"a TLSA record of {len(rdata)} octets has no certificate association data"
            )
        return cls(rdata[0], rdata[1], rdata[2], rdata[3:])

    @classmethod
    def of(
        cls,
        certificate: bytes,
        *,
        usage: Usage = Usage.DANE_EE,
        selector: Selector = Selector.SPKI,
        matching_type: MatchingType = MatchingType.SHA2_256,
    ) -> Self:
        """Make the record to publish for a certificate in DER; `3 1 1` by default.

        Raises `InvalidInput` for what is no certificate.
        """
        try:
            return cls(
                usage, selector, matching_type, _association(certificate, selector, matching_type)
            )
        except ValueError:
            raise InvalidInput("the certificate cannot be read") from None

    @property
    def is_usable(self) -> bool:
        """Whether SMTP can check anything by this record (RFC 7672 3.1, RFC 7671 4.1).

        It cannot by usages 0 and 1, by numbers not defined here, and by data of another form
        than the numbers promise.
        """
        if self.usage not in _USABLE_USAGES or self.selector not in tuple(Selector):
            return False
        if self.matching_type == MatchingType.FULL:
            return self._holds_what_is_selected()
        return len(self.data) == _DIGEST_SIZES.get(self.matching_type)

    def matches(self, certificate: bytes) -> bool:
        """Whether a certificate in DER, or its key, is what a usable record names."""
        try:
            return self.data == _association(certificate, self.selector, self.matching_type)
        except ValueError:
            return False

    def __str__(self) -> str:
        data = self.data.hex()
        shown = data if len(data) <= _MAX_SHOWN else f"{data[:_MAX_SHOWN]}..."
        return f"{self.usage} {self.selector} {self.matching_type} {shown}"

    def _holds_what_is_selected(self) -> bool:
        if self.selector == Selector.SPKI:
            return is_one_element(self.data, SEQUENCE)
        try:
            public_key_of(self.data)
        except ValueError:
            return False
        return True


def tlsa_name(base_domain: str, *, port: int) -> str:
    """Give the name at which the records for a TCP service are (RFC 6698 3)."""
    return f"_{port}._tcp.{base_domain}"


def _association(certificate: bytes, selector: int, matching_type: int) -> bytes:
    """Give the certificate association data (RFC 6698 2.1.4).

    Raises `ValueError` for what is no certificate, and for numbers that are not defined.
    """
    selected = certificate if Selector(selector) is Selector.CERT else public_key_of(certificate)
    match MatchingType(matching_type):
        case MatchingType.FULL:
            return selected
        case MatchingType.SHA2_256:
            return hashlib.sha256(selected).digest()
        case MatchingType.SHA2_512:
            return hashlib.sha512(selected).digest()
