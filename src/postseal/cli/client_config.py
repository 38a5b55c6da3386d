"""`postseal client-config`: what makes users' mail programs find the servers, and use TLS alone."""

from __future__ import annotations

import sys
from enum import Enum, unique
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from postseal.address import Address
from postseal.cli.domains import read_domain
from postseal.cli.output import errors_as_lines, show
from postseal.cli.signing_identity import (
    SigningCertificateOption,
    SigningKeyOption,
    SigningPasswordOption,
    read_identity,
)
from postseal.errors import InvalidInput
from postseal.send.autoconfig.account import AccountSettings, ServerSettings, Service, UserFormat
from postseal.send.autoconfig.apple_profile import write_apple_profile
from postseal.send.autoconfig.autodiscover import write_autodiscover
from postseal.send.autoconfig.mozilla import write_client_config
from postseal.send.autoconfig.settings_text import write_settings_text
from postseal.send.autoconfig.srv_records import write_zone
from postseal.tls.channel import Opening

if TYPE_CHECKING:
    from postseal.mail.smime.identity import Identity

__all__ = ["client_config"]


@unique
class Form(Enum):
    """What can be written."""

    TEXT = "text"
    AUTOCONFIG = "autoconfig"
    AUTODISCOVER = "autodiscover"
    APPLE = "apple"
    DNS = "dns"


_FILES: Final = {
    Form.TEXT: "settings.txt",
    Form.AUTOCONFIG: "config-v1.1.xml",
    Form.AUTODISCOVER: "autodiscover.xml",
    Form.APPLE: "mail.mobileconfig",
    Form.DNS: "records.zone",
}
_UNSIGNED: Final = (
    "note: devices will show the Apple profile as unsigned; --signing-certificate signs it"
)


def client_config(
    domain: Annotated[str, typer.Argument(help="What is behind the @ of the users' addresses.")],
    *,
    host: Annotated[
        str | None, typer.Option("--host", help="The mail server.", show_default="mail.DOMAIN")
    ] = None,
    user_format: Annotated[
        UserFormat, typer.Option("--user-format", help="What users are called by the server.")
    ] = UserFormat.ADDRESS,
    name: Annotated[
        str | None,
        typer.Option("--name", help="What the account is called.", show_default="DOMAIN"),
    ] = None,
    address: Annotated[
        str | None, typer.Option("--address", help="Write it for this person, not for everybody.")
    ] = None,
    pop3: Annotated[bool, typer.Option("--pop3", help="POP3 is served as well, at 995.")] = False,
    starttls: Annotated[
        bool,
        typer.Option(
            "--starttls",
            help="Name submission at 587 as the second choice, for programs that know no other. "
            "The server must refuse logins in clear: such programs may try one.",
        ),
    ] = False,
    form: Annotated[Form, typer.Option("--format", help="What to print.")] = Form.TEXT,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Write all of the forms into this directory instead."),
    ] = None,
    signing_certificate: SigningCertificateOption = None,
    signing_key: SigningKeyOption = None,
    signing_password_from: SigningPasswordOption = None,
) -> None:
    """Write settings for mail programs: text, Mozilla, Outlook, Apple, and SRV records.

    Sending is by port 465 and reading by 993, both TLS from the first octet. The SRV records of
    services without it have the target ".", so that no program goes looking for them. Devices show
    the Apple profile as unsigned unless there is a certificate to sign it with.
    """
    with errors_as_lines():
        name_of_domain = read_domain(domain)
        person = None if address is None else Address.parse(address)
        settings = AccountSettings(
            domain=name_of_domain,
            name=_printable(name or name_of_domain),
            servers=tuple(
                ServerSettings(
                    service=service,
                    host=read_domain(host or f"mail.{name_of_domain}"),
                    port=port,
                    opening=opening,
                    username=user_format.template,
                )
                for service, port, opening, is_wanted in (
                    (Service.IMAP, 993, Opening.IMPLICIT, True),
                    (Service.POP3, 995, Opening.IMPLICIT, pop3),
                    (Service.SUBMISSION, 465, Opening.IMPLICIT, True),
                    (Service.SUBMISSION, 587, Opening.STARTTLS, starttls),
                )
                if is_wanted
            ),
        )
        wanted = list(Form) if output is not None else [form]
        if signing_certificate is not None:
            _check_use(wanted, output)
        signer = read_identity(signing_certificate, signing_key, signing_password_from)
        # All of it before any is written: what cannot be made leaves nothing behind.
        made = {one: _made(one, settings, person, signer) for one in wanted}
        if output is None:
            typer.echo(made[form], nl=False)
        else:
            _write_all(output, made)
        if Form.APPLE in made and signer is None:
            typer.echo(_UNSIGNED, err=True)


def _check_use(wanted: list[Form], output: Path | None) -> None:
    """Refuse a signature that is of no use where the forms go."""
    if Form.APPLE not in wanted:
        raise InvalidInput(
            f"nothing is signed in the form {wanted[0].value}",
            hint="Give --format apple, or --output.",
        )
    if output is None and sys.stdout.isatty():
        raise InvalidInput(
            "a signed profile is no text, and would garble the terminal",
            hint="Give --output, or send it to a file: > mail.mobileconfig.",
        )


def _made(
    form: Form, settings: AccountSettings, address: Address | None, signer: Identity | None
) -> bytes:
    match form:
        case Form.TEXT:
            return write_settings_text(settings, address=address).encode()
        case Form.AUTOCONFIG:
            return write_client_config(settings)
        case Form.AUTODISCOVER:
            return write_autodiscover(settings, address=address)
        case Form.APPLE:
            return _profile(settings, address, signer)
        case Form.DNS:
            return write_zone(settings).encode("ascii")


def _profile(settings: AccountSettings, address: Address | None, signer: Identity | None) -> bytes:
    profile = write_apple_profile(settings, address=address)
    if signer is None:
        return profile
    from postseal.send.autoconfig.apple_signature import sign_apple_profile

    return sign_apple_profile(profile, signer)


def _write_all(directory: Path, made: dict[Form, bytes]) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for form, octets in made.items():
            path = directory / _FILES[form]
            path.write_bytes(octets)
            show(form.value, str(path))
    except OSError as error:
        raise InvalidInput(f"{directory} cannot be written to: {error.strerror}") from None


def _printable(name: str) -> str:
    if not name.isprintable():
        raise InvalidInput("the name of an account holds no control characters")
    return name
