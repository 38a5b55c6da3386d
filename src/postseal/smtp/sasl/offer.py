"""What our server offers: names for its AUTH line, and an exchange for each of them.

CRAM-MD5 is not among them, for a server would have to keep passwords to check it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from postseal.errors import LocalProtocolError
from postseal.smtp.sasl.bearer_server import OAuthBearerServer, XOAuth2Server
from postseal.smtp.sasl.defaults import NonceSource, random_nonce
from postseal.smtp.sasl.external import ExternalServer
from postseal.smtp.sasl.login import LoginServer
from postseal.smtp.sasl.plain_exchange import PlainServer
from postseal.smtp.sasl.scram_keys import MIN_ITERATIONS, ScramHash
from postseal.smtp.sasl.scram_server import ScramServer
from postseal.smtp.sasl.server_mechanism import ServerMechanism

__all__ = ["ChannelEnds", "ServerOffer", "ServerSASL"]

_PLUS: Final = "-PLUS"


@unique
class ServerSASL(Enum):
    """The mechanisms a server may offer, the preferred first; the value is the name in AUTH.

    SCRAM comes with its -PLUS form wherever the channel can be bound to.
    """

    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_1 = "SCRAM-SHA-1"
    EXTERNAL = "EXTERNAL"
    """Offered only to who has shown a certificate."""
    OAUTHBEARER = "OAUTHBEARER"
    XOAUTH2 = "XOAUTH2"
    PLAIN = "PLAIN"
    LOGIN = "LOGIN"
    """For programs that know nothing else; it gives away what PLAIN does."""

    @property
    def scram_hash(self) -> ScramHash | None:
        """The hash of the records that it needs; None for what is not SCRAM."""
        return _HASHES.get(self)


_HASHES: Final = {
    ServerSASL.SCRAM_SHA_256: ScramHash.SHA_256,
    ServerSASL.SCRAM_SHA_1: ScramHash.SHA_1,
}


@dataclass(frozen=True, slots=True)
class ChannelEnds:
    """What TLS knows of a channel's two ends, as far as SASL makes use of it.

    `channel_binding` is the `tls-server-end-point` data of our certificate (RFC 5929 4), and
    `client_certificate` the client's in DER, verified; each empty where there is none.
    """

    channel_binding: bytes = b""
    client_certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class ServerOffer:
    """The mechanisms of a listener. Who offers one promises to answer what it asks the platform.

    See `decoy_record` for `decoy_secret` and `decoy_iterations`. Raises `LocalProtocolError` for
    SCRAM without a decoy secret: anybody could tell who exists.
    """

    mechanisms: frozenset[ServerSASL] = frozenset({ServerSASL.PLAIN})
    decoy_secret: bytes = field(default=b"", repr=False)
    decoy_iterations: int = MIN_ITERATIONS
    nonce: NonceSource = field(default=random_nonce, repr=False)

    def __post_init__(self) -> None:
        if any(one.scram_hash for one in self.mechanisms) and not self.decoy_secret:
            raise LocalProtocolError("SCRAM needs a secret to make up unknown users with")

    def names(self, channel: ChannelEnds) -> tuple[str, ...]:
        """The names on this channel in the order of preference, for the AUTH line of EHLO."""
        offered = tuple(self._offered(channel))
        plus = tuple(one.value + _PLUS for one in offered if one.scram_hash)
        return (plus if channel.channel_binding else ()) + tuple(one.value for one in offered)

    def begin(self, name: str, channel: ChannelEnds) -> ServerMechanism | None:
        """Open an exchange by the mechanism `name`; None for one that is not offered (504)."""
        if name not in self.names(channel):
            return None
        mechanism = ServerSASL(name.removesuffix(_PLUS))
        if hash_ := mechanism.scram_hash:
            return ScramServer(
                hash_=hash_,
                plus=name.endswith(_PLUS),
                channel_binding=channel.channel_binding,
                decoy_secret=self.decoy_secret,
                decoy_iterations=self.decoy_iterations,
                nonce=self.nonce,
            )
        return _OTHERS[mechanism]()

    def _offered(self, channel: ChannelEnds) -> Iterator[ServerSASL]:
        for one in ServerSASL:
            is_possible = one is not ServerSASL.EXTERNAL or channel.client_certificate
            if one in self.mechanisms and is_possible:
                yield one


_OTHERS: Final[dict[ServerSASL, type[ServerMechanism]]] = {
    ServerSASL.EXTERNAL: ExternalServer,
    ServerSASL.OAUTHBEARER: OAuthBearerServer,
    ServerSASL.XOAUTH2: XOAuth2Server,
    ServerSASL.PLAIN: PlainServer,
    ServerSASL.LOGIN: LoginServer,
}
