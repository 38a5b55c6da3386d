"""What our server offers: names for its AUTH line, and an exchange for each of them.

CRAM-MD5 is not among them, for a server would have to keep passwords to check it; neither are the
mechanisms of bearer tokens, which only their issuer can check.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from postseal.errors import LocalProtocolError
from postseal.smtp.sasl.defaults import NonceSource, random_nonce
from postseal.smtp.sasl.login import LoginServer
from postseal.smtp.sasl.plain_exchange import PlainServer
from postseal.smtp.sasl.scram_keys import MIN_ITERATIONS, ScramHash
from postseal.smtp.sasl.scram_server import ScramServer
from postseal.smtp.sasl.server_mechanism import ServerMechanism

__all__ = ["ServerOffer"]


@dataclass(frozen=True, slots=True)
class ServerOffer:
    """The mechanisms of one session.

    `scram_hashes` are those that records are kept for, the preferred first; none turns SCRAM off.
    `channel_binding` is the `tls-server-end-point` data of the session's channel (RFC 5929 4);
    with it each SCRAM mechanism is offered with -PLUS too. See `decoy_record` for the rest.
    Raises `LocalProtocolError` for SCRAM without a decoy secret: anybody could tell who exists.
    """

    scram_hashes: tuple[ScramHash, ...] = ()
    channel_binding: bytes = b""
    decoy_secret: bytes = field(default=b"", repr=False)
    decoy_iterations: int = MIN_ITERATIONS
    nonce: NonceSource = field(default=random_nonce, repr=False)

    def __post_init__(self) -> None:
        if self.scram_hashes and not self.decoy_secret:
            raise LocalProtocolError("SCRAM needs a secret to make up unknown users with")

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order of preference, for the AUTH line of EHLO."""
        scram = tuple(hash_.mechanism for hash_ in self.scram_hashes)
        plus = tuple(f"{name}-PLUS" for name in scram) if self.channel_binding else ()
        return (*plus, *scram, PlainServer.name, LoginServer.name)

    def begin(self, name: str) -> ServerMechanism | None:
        """Open an exchange by the mechanism `name`; None for one that is not offered (504)."""
        if name not in self.names:
            return None
        if name == PlainServer.name:
            return PlainServer()
        if name == LoginServer.name:
            return LoginServer()
        plain_name = name.removesuffix("-PLUS")
        return ScramServer(
            hash_=next(one for one in self.scram_hashes if one.mechanism == plain_name),
            plus=name != plain_name,
            channel_binding=self.channel_binding,
            decoy_secret=self.decoy_secret,
            decoy_iterations=self.decoy_iterations,
            nonce=self.nonce,
        )
