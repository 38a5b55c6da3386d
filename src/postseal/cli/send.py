"""`postseal send`: one message through one server, or by one of the ways without a server."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postseal.cli.given import ask_secret
from postseal.cli.output import errors_as_lines, show
from postseal.errors import AuthError, InvalidInput, InvalidURL
from postseal.send.timeouts import Timeouts
from postseal.tls.profiles import INTERMEDIATE, Profile
from postseal.tls.trust import Trust

if TYPE_CHECKING:
    from postseal.secrets import Secret
    from postseal.send.endpoint import Endpoint
    from postseal.send.results import Delivery

__all__ = ["send"]

_PASSWORD_VARIABLE = "POSTSEAL_PASSWORD"  # noqa: S105  # a name, no password


def send(
    url: Annotated[
        str,
        typer.Argument(
            help="The server, for example smtp://ada@mail.example.com, or another way: mx:, "
            "sendmail:, file:///directory, console:."
        ),
    ],
    sender: Annotated[str, typer.Option("--from", help="The author: Ada <ada@example.com>.")],
    to: Annotated[list[str], typer.Option("--to", help="A recipient; may be repeated.")],
    subject: Annotated[str, typer.Option("--subject", help="The subject.")] = "",
    text: Annotated[
        str | None, typer.Option("--text", help="The text; - reads standard input.")
    ] = None,
    html: Annotated[str | None, typer.Option("--html", help="The same as HTML.")] = None,
    cc: Annotated[list[str] | None, typer.Option("--cc", help="A further recipient.")] = None,
    bcc: Annotated[list[str] | None, typer.Option("--bcc", help="A hidden recipient.")] = None,
    attach: Annotated[
        list[Path] | None, typer.Option("--attach", help="A file to attach; may be repeated.")
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", help="Trust the authorities in this PEM file, and no others."),
    ] = None,
    pin: Annotated[
        list[str] | None,
        typer.Option(
            "--pin",
            help="A key the server may have (sha256/...), in place of authorities or, with "
            "--ca-file, besides; may be repeated.",
        ),
    ] = None,
    client_certificate: Annotated[
        Path | None,
        typer.Option("--client-certificate", help="Present this chain (PEM) to the server."),
    ] = None,
    client_key: Annotated[
        Path | None,
        typer.Option("--client-key", help="Its key, where it is in a file of its own."),
    ] = None,
    tls_profile: Annotated[
        str, typer.Option("--tls-profile", help="modern, intermediate or legacy.")
    ] = INTERMEDIATE.name,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="SECONDS", help="Give up when it has taken so long altogether."
        ),
    ] = Timeouts().total,
) -> None:
    """Send a message, and show how sealed its way was.

    smtp:// (STARTTLS) and smtps:// verify the server and fail when they cannot. The password of
    the user in the URL comes from POSTSEAL_PASSWORD, or is asked for.
    """
    from postseal.mail import Attachment, Message
    from postseal.send.mailer import Mailer

    with errors_as_lines():
        server = _server(url)
        message = Message(
            from_=sender,
            to=to,
            cc=cc or (),
            bcc=bcc or (),
            subject=subject,
            text=_read_text(text),
            html=html,
            attachments=[Attachment.from_path(path) for path in attach or ()],
        )
        trust = _trust(ca_file, pin or [])
        if client_certificate is not None:
            trust = (trust or Trust.system()).with_client_certificate(
                client_certificate, client_key or client_certificate
            )
        elif client_key is not None:
            raise InvalidInput("--client-key needs --client-certificate")
        profile = Profile.named(tls_profile)
        timeouts = Timeouts.within(timeout)
        password = _password(server) if server and server.username else None
        with Mailer(
            url, password=password, trust=trust, profile=profile, timeouts=timeouts
        ) as mailer:
            delivery = mailer.send(message)
        _show(delivery)
    if delivery.refused:
        raise typer.Exit(1)


def _server(url: str) -> Endpoint | None:
    """Give the server of a URL that names one; raise `InvalidURL` for what is of no use here."""
    if url.lower().startswith("memory:"):
        raise InvalidURL(
            "what memory: takes is lost when the command ends",
            hint="Look at a message by console:, or keep it by file:///directory.",
        )
    from postseal.send.assembling import server_in

    return server_in(url)


def _read_text(text: str | None) -> str | None:
    if text != "-":
        return text
    try:
        # Not by `sys.stdin.read`, which lets anything pass in some locales.
        return sys.stdin.buffer.read().decode(sys.stdin.encoding)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"standard input is not {error.encoding} text") from None


def _trust(ca_file: Path | None, pins: list[str]) -> Trust | None:
    trust = Trust.only(ca_file) if ca_file is not None else None
    if not pins:
        return trust
    from postseal.tls.pins import NoBackupPin

    with warnings.catch_warnings():
        # One message is sent, and nothing is kept that a lost key could lock out.
        warnings.simplefilter("ignore", NoBackupPin)
        return trust.and_pinned(*pins) if trust else Trust.pinned(*pins)


def _password(server: Endpoint) -> Secret:
    from postseal.secrets import Secret

    if given := os.environ.get(_PASSWORD_VARIABLE):
        return Secret(given)
    unanswered = AuthError(
        f"there is no password for {server.username}",
        hint=f"Set {_PASSWORD_VARIABLE}, or run the command in a terminal to be asked.",
    )
    return ask_secret(f"Password of {server.username} at {server.host}", otherwise=unanswered)


def _show(delivery: Delivery) -> None:
    for recipient in delivery.accepted:
        show("accepted", str(recipient))
    for refusal in delivery.refused:
        show("refused", f"{refusal.recipient} ({refusal.phase}): {refusal.reply}")
    if delivery.peer_address:
        show("server", f"{delivery.host} ({delivery.peer_address}): {delivery.reply}")
    else:
        show("taken by", f"{delivery.host.removesuffix(':')}: {delivery.reply}")
    if delivery.tls.version:
        show("TLS", delivery.tls.version)
        show("cipher", f"{delivery.tls.cipher} ({delivery.tls.profile} profile)")
        show("verified by", delivery.tls.authenticated_by or "nothing: the peer may be anybody")
    elif delivery.peer_address:
        show("TLS", "none: this message crossed the network in clear")
    else:
        show("TLS", "none: this message was handed over on this machine")
