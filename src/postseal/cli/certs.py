"""`postseal certs`: a certificate authority of one's own, for development and private networks."""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postseal.cli.output import errors_as_lines, show
from postseal.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from cryptography import x509

    from postseal.cli.certificate_folder import CertificateFolder

__all__ = ["certs"]

certs = typer.Typer(
    help="Make a local certificate authority, and issue, renew and show certificates.",
    no_args_is_help=True,
)

_DAY = 86400
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

_Directory = Annotated[
    Path,
    typer.Option(
        "--directory",
        "-d",
        help="Where the authority and its certificates are; only its owner may enter it.",
    ),
]


@certs.command()
def init(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="The server's names and addresses.",
            show_default="this machine",
        ),
    ] = None,
    *,
    directory: _Directory = Path("certs"),
    authority_name: Annotated[
        str, typer.Option("--authority-name", help="What the authority is called.")
    ] = "Postseal local authority",
) -> None:
    """Make an authority and a server's certificate; nothing is overwritten."""
    with errors_as_lines():
        folder = _folder(directory)
        made = folder.create(authority_name, names or _LOCAL_NAMES)
        show("authority", str(folder.authority_certificate))
        _show_issued(made)


@certs.command()
def issue(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="DNS names (A-labels) and addresses.")
    ],
    *,
    directory: _Directory = Path("certs"),
    client: Annotated[
        bool, typer.Option("--client", help="For a client of this one name, not for a server.")
    ] = False,
) -> None:
    """Issue a certificate and its key, valid for 90 days."""
    with errors_as_lines():
        folder = _folder(directory)
        if not client:
            _show_issued(folder.issue_server(names))
            return
        if len(names) != 1:
            raise InvalidInput("a client's certificate has one name")
        _show_issued(folder.issue_client(names[0]))


@certs.command()
def renew(
    *,
    directory: _Directory = Path("certs"),
    everything: Annotated[
        bool, typer.Option("--all", help="Also what has more than a third of its life left.")
    ] = False,
) -> None:
    """Issue anew what is near its end; the keys stay, and with them pins and TLSA records."""
    with errors_as_lines():
        renewed = list(_folder(directory).renew(everything=everything))
        for path in renewed:
            show("renewed", str(path))
        if not renewed:
            show("renewed", "nothing: all have more than a third of their life left")


@certs.command("show")
def show_certificates(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="PEM files with certificates.")
    ],
) -> None:
    """Show what certificates say, with the pin of the key; ends with 1 where one is not valid."""
    with errors_as_lines():
        _needs_cryptography()
        from postseal.cli.certificate_folder import read_certificates

        all_valid = True
        for path in files:
            for certificate in read_certificates(path):
                all_valid &= _show_certificate(path, certificate, time.time())
    if not all_valid:
        raise typer.Exit(1)


def _folder(directory: Path) -> CertificateFolder:
    _needs_cryptography()
    from postseal.cli.certificate_folder import CertificateFolder

    return CertificateFolder(directory, time.time)


def _needs_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtra(
            "`postseal certs` needs the package cryptography",
            hint="Install it with: pip install 'postseal[mx]'.",
        ) from None


def _show_issued(path: Path) -> None:
    show("certificate", str(path))
    show("key", str(path.with_suffix(".key")))


def _show_certificate(path: Path, certificate: x509.Certificate, now: float) -> bool:
    """Print one; tell whether it is valid at `now`."""
    from cryptography.hazmat.primitives import hashes, serialization

    from postseal.tls.authority import names_of
    from postseal.tls.pins import Pin

    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    days = int((end.timestamp() - now) // _DAY)
    is_valid = begin.timestamp() <= now < end.timestamp()
    state = f"{days} days left" if is_valid else "NOT VALID NOW"
    show("file", str(path))
    show("subject", certificate.subject.rfc4514_string() or "(none)")
    show("issuer", certificate.issuer.rfc4514_string() or "(none)")
    show("names", ", ".join(names_of(certificate)) or "(none)")
    show("purpose", _purpose(certificate))
    show("valid", f"{_date(begin)} to {_date(end)}, {state}")
    show("fingerprint", certificate.fingerprint(hashes.SHA256()).hex())
    show("pin", str(Pin.of_certificate(certificate.public_bytes(serialization.Encoding.DER))))
    return is_valid


def _purpose(certificate: x509.Certificate) -> str:
    from postseal.tls.authority import is_authority, is_for_clients

    if is_authority(certificate):
        return "authority"
    return "client" if is_for_clients(certificate) else "server"


def _date(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
