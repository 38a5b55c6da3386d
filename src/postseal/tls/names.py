"""Whether a certificate's names are the name that was meant (RFC 9525 6)."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from postseal.address import ascii_domain
from postseal.errors import InvalidAddress
from postseal.tls.certificates import PresentedNames

__all__ = ["is_presented", "reference_identifier"]

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
# RFC 9525 6.3 would let `*.example` stand for every name of a top-level domain. OpenSSL does not,
# nor do we.
_MIN_LABELS_BEHIND_A_WILDCARD: Final = 2


def reference_identifier(host: str) -> str:
    """Give the form of a host's name that certificates are compared with.

    U-labels become A-labels, the dot of the root and the zone of a link-local address go.
    Raises `InvalidAddress` where the generations of IDNA disagree about the name.
    """
    if ":" in host:
        return host.partition("%")[0]
    return ascii_domain(host.removesuffix("."))


def is_presented(reference: str, names: PresentedNames) -> bool:
    """Tell whether `names` hold the host `reference`, a DNS name or an IP address.

    An address is proved by an IP-ID alone, octet for octet; a name by a DNS-ID alone, label for
    label and without regard to case. A wildcard is the whole left-most label, stands for exactly
    one label, and has at least two behind it.
    """
    try:
        reference = reference_identifier(reference)
    except InvalidAddress:
        return False
    try:
        return ipaddress.ip_address(reference) in names.addresses
    except ValueError:
        pass
    labels = reference.split(".")
    if not all(map(_LABEL.match, labels)):
        return False
    return any(_matches(labels, presented.lower().split(".")) for presented in names.dns)


def _matches(reference: list[str], presented: list[str]) -> bool:
    if presented[0] == "*":
        if len(presented) <= _MIN_LABELS_BEHIND_A_WILDCARD:
            return False
        reference = ["*", *reference[1:]]
    # A star anywhere else never equals a label of a host.
    return reference == presented
