"""How a client names itself: EHLO, LHLO, HELO where that loses nothing; XCLIENT for others."""

from __future__ import annotations

from typing import Final, Protocol

from postseal.errors import ConnectError, Phase, StartTLSStripped
from postseal.send.endpoint import Endpoint
from postseal.smtp import Extensions, Reply, protocol
from postseal.smtp.commands import Command, Ehlo, Helo, Lhlo
from postseal.smtp.xclient import ClientAttributes, Xclient
from postseal.tls import Opening, TLSLevel

__all__ = ["Talk", "say_for_whom", "say_hello"]

# RFC 5321 4.2.4: the command is not known, or known and not implemented. Any other refusal is
# one of the client, and would meet HELO as well.
_NOT_KNOWN: Final = (500, 502)


class Talk(Protocol):
    """What naming oneself needs of a connection."""

    @property
    def extensions(self) -> Extensions:
        """What the server offers."""

    async def ask(self, command: Command, *, deadline: float) -> Reply:
        """Send one command and wait for its reply."""


async def say_hello(
    talk: Talk,
    name: str,
    endpoint: Endpoint,
    *,
    is_sealed: bool,
    needs_extensions: bool,
    deadline: float,
) -> None:
    """Say EHLO, or LHLO where that is spoken.

    A server that does not know EHLO is greeted with HELO (RFC 5321 3.2) only where nothing
    depends on an extension: no TLS is required, and `needs_extensions` says that nothing else is.
    So whoever cuts EHLO out gains what an opportunistic policy gives anyway, and no more. Raises
    `ConnectError`, and `StartTLSStripped` where STARTTLS is required and was still to come.
    """
    is_lmtp = endpoint.protocol is protocol.Protocol.LMTP
    reply = await talk.ask(Lhlo(name) if is_lmtp else Ehlo(name), deadline=deadline)
    if reply.is_positive:
        return
    if (
        reply.code in _NOT_KNOWN
        and not is_lmtp
        and endpoint.level <= TLSLevel.OPPORTUNISTIC
        and not needs_extensions
    ):
        reply = await talk.ask(Helo(name), deadline=deadline)
        if reply.is_positive:
            return
    elif (
        not reply.is_temporary
        and not is_sealed
        and endpoint.opening is Opening.STARTTLS
        and endpoint.level > TLSLevel.OPPORTUNISTIC
    ):
        raise StartTLSStripped(
            f"the server does not take {_verb(endpoint)}, without which there is no STARTTLS, and "
            f"TLS is required: {reply}",
            phase=Phase.STARTTLS,
            code=reply.code,
            enhanced_code=reply.enhanced_code,
            hint="Either it has no TLS on this port, or somebody on the path removed the "
            "offer. Nothing was sent.",
        )
    raise ConnectError(
        f"the server does not take {_verb(endpoint)}: {reply}",
        phase=Phase.EHLO,
        code=reply.code,
        enhanced_code=reply.enhanced_code,
        hint="A server that does not know LHLO may speak SMTP: try smtp://." if is_lmtp else None,
    )


async def say_for_whom(talk: Talk, attributes: ClientAttributes, *, deadline: float) -> None:
    """Say on whose behalf the connection is made; EHLO is due again.

    Raises `ConnectError` where the server does not take that from us.
    """
    command = Xclient(attributes)
    offered = talk.extensions.parameters.get("XCLIENT")
    if offered is None:
        raise ConnectError(
            "the server does not take XCLIENT from this client",
            phase=Phase.EHLO,
            hint="It must be told to trust this address (smtpd_authorized_xclient_hosts).",
        )
    missing = sorted(set(command.names) - set(offered.upper().split()))
    if missing:
        raise ConnectError(
            f"the server's XCLIENT does not know {', '.join(missing)}", phase=Phase.EHLO
        )
    reply = await talk.ask(command, deadline=deadline)
    if reply.code != 220:
        raise ConnectError(
            f"the server does not take what XCLIENT says: {reply}",
            phase=Phase.EHLO,
            code=reply.code,
            enhanced_code=reply.enhanced_code,
        )


def _verb(endpoint: Endpoint) -> str:
    return "LHLO" if endpoint.protocol is protocol.Protocol.LMTP else "EHLO"
