"""Which mechanisms a client tries, in which order, and what may follow one that failed.

The order, by what each leaves in the hands of somebody who only plays the server:

1. SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS: both sides prove themselves, on this channel alone. A
   binding outweighs the better hash: the weakness of SHA-1 does not touch its use in HMAC.
2. SCRAM-SHA-256, SCRAM-SHA-1: the same without the channel.
3. PLAIN, then LOGIN, which is PLAIN in two steps: the password itself, over a sealed channel to a
   server whose certificate was checked.
4. CRAM-MD5 last. Over such a channel it hides the password from nobody but the server, which must
   know it anyway (or as good as it) to check the digest; in return it lets a server without good
   hashes stay that way, and fails for passwords beyond ASCII. Many servers offer it although
   their password store cannot serve it. So it is for servers that have nothing else.

A bearer token goes by OAUTHBEARER, which names the server it is meant for, before XOAUTH2. A
certificate goes by EXTERNAL.

None of this defends against a server that simply does not offer SCRAM: that is what its
certificate is checked for. Who wants SCRAM and nothing else says so with `only`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from postseal.smtp.sasl.cram_md5 import CramMD5Client
from postseal.smtp.sasl.credentials import BearerToken, ClientCertificate, Credentials, Password
from postseal.smtp.sasl.defaults import NonceSource, random_nonce
from postseal.smtp.sasl.errors import (
    ChallengeInvalid,
    CredentialsUnusable,
    NoCommonMechanism,
    SASLError,
)
from postseal.smtp.sasl.login import LoginClient
from postseal.smtp.sasl.mechanism import ClientMechanism
from postseal.smtp.sasl.plain_exchange import PlainClient
from postseal.smtp.sasl.scram_client import ScramClient
from postseal.smtp.sasl.scram_keys import ScramHash
from postseal.smtp.sasl.scram_messages import BindingFlag

__all__ = ["after_error", "after_reply", "choose_mechanisms"]

_PLUS: Final = tuple(f"{hash_.mechanism}-PLUS" for hash_ in ScramHash)


def choose_mechanisms(
    credentials: Credentials,
    offered: Collection[str],
    *,
    channel_binding: bytes = b"",
    only: Collection[str] | None = None,
    nonce: NonceSource = random_nonce,
) -> tuple[ClientMechanism, ...]:
    """Give the mechanisms to try, the best first, each ready for one exchange.

    `offered` are the names in the server's AUTH line, in upper case. `channel_binding` is the
    `tls-server-end-point` data of the channel (RFC 5929 4); empty where there is none. `only`
    narrows the choice to some names. Raises `NoCommonMechanism` where nothing is left.
    """
    known = tuple(_known(credentials, channel_binding=channel_binding, only=only, nonce=nonce))
    chosen = tuple(
        mechanism
        for mechanism in known
        if mechanism.name in offered and (only is None or mechanism.name in only)
    )
    if not chosen:
        raise NoCommonMechanism(
            "the server offers no mechanism that we can authenticate with",
            hint=f"It offers: {', '.join(sorted(offered)) or 'none'}; these credentials go by "
            f"{', '.join(sorted(one.name for one in known))}"
            + (f", and {', '.join(sorted(only))} alone may be used." if only else "."),
        )
    return chosen


def after_reply(
    failed: ClientMechanism,
    rest: tuple[ClientMechanism, ...],
    *,
    code: int,
    enhanced_code: str | None = None,
) -> tuple[ClientMechanism, ...]:
    """Give what is left to try once the server has refused `failed` with a reply.

    What says that the mechanism was at fault lets the next one be tried: 501, 504, 500 5.5.6 and
    432 (RFC 4954 6), the last of which even asks for PLAIN. After 534 and 538, which find the
    mechanism too weak, only those follow that give less away.

    All else ends it. 535 above all: the credentials are wrong, so that another mechanism would be
    one more failure counted against the user, and at worst a password for a server that has just
    not managed to prove itself. (A server that offers SCRAM without having a record for the user
    answers the same; then name PLAIN with `only`.) 454 and other 4yz may pass for the same
    mechanism, later.
    """
    if code in (432, 501, 504) or (code, enhanced_code) == (500, "5.5.6"):
        return rest
    if code in (534, 538):
        return tuple(one for one in rest if one.exposure < failed.exposure)
    return ()


def after_error(
    failed: ClientMechanism, rest: tuple[ClientMechanism, ...], error: SASLError
) -> tuple[ClientMechanism, ...]:
    """Give what is left to try once this side has ended an exchange by `failed` with `error`.

    Credentials that a mechanism cannot carry are no fault of the server: all others may follow.
    After a challenge that breaks the rules only those that give no more away, so that nobody gets
    a password by playing SCRAM badly. After a refusal, or where the server is not proven, nothing.
    """
    if isinstance(error, CredentialsUnusable):
        return rest
    if isinstance(error, ChallengeInvalid):
        return tuple(one for one in rest if one.exposure <= failed.exposure)
    return ()


def _known(
    credentials: Credentials,
    *,
    channel_binding: bytes,
    only: Collection[str] | None,
    nonce: NonceSource,
) -> Iterator[ClientMechanism]:
    if isinstance(credentials, ClientCertificate):
        from postseal.smtp.sasl.external import ExternalClient

        yield ExternalClient(credentials)
    elif isinstance(credentials, BearerToken):
        from postseal.smtp.sasl.bearer import OAuthBearerClient, XOAuth2Client

        yield OAuthBearerClient(credentials)
        yield XOAuth2Client(credentials)
    else:
        yield from _scram(credentials, channel_binding, only, nonce)
        yield PlainClient(credentials)
        yield LoginClient(credentials)
        yield CramMD5Client(credentials)


def _scram(
    credentials: Password,
    channel_binding: bytes,
    only: Collection[str] | None,
    nonce: NonceSource,
) -> Iterator[ClientMechanism]:
    may_bind = bool(channel_binding) and (only is None or any(name in only for name in _PLUS))
    if may_bind:
        for hash_ in ScramHash:
            yield ScramClient(
                credentials,
                hash_=hash_,
                flag=BindingFlag.USED,
                channel_binding=channel_binding,
                nonce=nonce,
            )
    # RFC 5802 6: we get here where -PLUS was not offered, or was offered and then refused. A
    # server that does have it must hear that we could not use it: somebody else said so.
    flag = BindingFlag.NOT_OFFERED if may_bind else BindingFlag.UNSUPPORTED
    for hash_ in ScramHash:
        yield ScramClient(credentials, hash_=hash_, flag=flag, nonce=nonce)
