"""`postseal secrets`: examine where secrets are kept, and keep them in sealed files."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postseal.audit.exit_codes import ExitCode
from postseal.cli.examining import examination
from postseal.cli.given import ask_secret
from postseal.cli.output import errors_as_lines, show
from postseal.errors import InvalidInput
from postseal.secrets.opaque import Secret
from postseal.secrets.provider import SecretReference
from postseal.secrets.source import SecretSource

if TYPE_CHECKING:
    from postseal.secrets.checking import Checked

__all__ = ["secrets"]

secrets = typer.Typer(
    help="Examine where secrets are kept, and keep them in sealed files.", no_args_is_help=True
)

_MAX_INPUT = 65_536

_File = Annotated[Path, typer.Argument(metavar="FILE", help="The sealed file.")]
_Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="REFERENCE",
        help="Where its key or passphrase is kept, such as file:/etc/postseal/key.",
        show_default="POSTSEAL_SEALED_KEY, or a passphrase that is asked for",
    ),
]


@secrets.command()
def check(
    references: Annotated[
        list[str], typer.Argument(metavar="REFERENCE...", help="Such as file:/etc/mail/password.")
    ],
    *,
    max_age: Annotated[
        int, typer.Option("--max-age", min=1, help="How many days old a secret may be.")
    ] = 365,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell how well secrets are kept: age, source, file mode, version control. Shows no value.

    Ends with 0 where nothing is wrong, 1 with a problem, 2 for wrong usage, and 3 where something
    could not be examined.
    """
    from postseal.secrets.checking import Weight
    from postseal.secrets.checking import check as check_one

    with examination():
        now = datetime.now(UTC)
        results = [
            check_one(SecretReference.parse(text), now=now, max_age=timedelta(days=max_age))
            for text in references
        ]
    if as_json:
        typer.echo(json.dumps([_as_json(result) for result in results], indent=2))
    else:
        for result in results:
            _show(result, now)
    weights = {result.weight for result in results}
    if Weight.PROBLEM in weights:
        raise typer.Exit(ExitCode.FINDINGS)
    if Weight.UNKNOWN in weights:
        raise typer.Exit(ExitCode.INCONCLUSIVE)


@secrets.command("new-key")
def new_key(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; must be new.")],
) -> None:
    """Make a key for sealed files, in a file of its own with mode 0600."""
    from postseal.secrets.private_files import create_file
    from postseal.secrets.sealed_format import generate_key

    with errors_as_lines():
        create_file(path, f"{generate_key().reveal()}\n".encode(), reference=f"file:{path}")
        show("key", str(path))
        show("reference", f"file:{path.absolute()}")


@secrets.command()
def seal(
    file: _File,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the secret is called there.")],
    *,
    key: _Key = None,
) -> None:
    """Put a secret into a sealed file, which is made where there is none.

    The secret is asked for, or read from standard input where that is no terminal.
    """
    from postseal.secrets.sealed import SealedStore

    with errors_as_lines():
        is_new = not file.exists()
        opener = _key(key, f"Passphrase of {file}", confirm=is_new)
        value = _secret_to_seal(name)
        entry = SealedStore(file).put(name, value, opener, now=datetime.now(UTC))
        show("sealed", f"{name}, version {entry.version}")
        show("reference", f"sealed:{file.absolute()}#{name}")


@secrets.command("open")
def open_file(
    file: _File,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="One of its secrets.", show_default="all"),
    ] = None,
    *,
    key: _Key = None,
    dangerous_print_value: Annotated[
        bool,
        typer.Option(
            "--dangerous-print-value",
            help="Print the value of NAME and nothing else: screens are seen and logs are kept.",
        ),
    ] = False,
) -> None:
    """Open a sealed file and list what is in it, without the values."""
    from postseal.secrets.sealed import SealedStore

    with errors_as_lines():
        entries = SealedStore(file).entries(_key(key, f"Passphrase of {file}"))
        if name is not None and name not in entries:
            raise InvalidInput(f"{file} has no secret {name!a}")
        if dangerous_print_value:
            if name is None:
                raise InvalidInput("--dangerous-print-value needs a NAME")
            typer.echo(entries[name].secret.reveal())
            return
        for each in sorted(entries) if name is None else [name]:
            entry = entries[each]
            show(each, f"version {entry.version}, sealed {_date(entry.sealed_at)}")


@secrets.command()
def remove(
    file: _File,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The secret to drop.")],
    *,
    key: _Key = None,
) -> None:
    """Drop a secret from a sealed file."""
    from postseal.secrets.sealed import SealedStore

    with errors_as_lines():
        SealedStore(file).remove(name, _key(key, f"Passphrase of {file}"))
        show("removed", name)


@secrets.command()
def rekey(
    file: _File,
    *,
    key: _Key = None,
    new: Annotated[
        str | None,
        typer.Option(
            "--new-key",
            metavar="REFERENCE",
            help="Where the new one is kept.",
            show_default="a passphrase that is asked for",
        ),
    ] = None,
) -> None:
    """Seal a file with another key or passphrase; copies of it still open with the old one."""
    from postseal.secrets.sealed import SealedStore

    with errors_as_lines():
        opener = _key(key, f"Passphrase of {file}")
        new_opener = _fetched(new) if new else _asked(f"New passphrase of {file}", confirm=True)
        count = SealedStore(file).rekey(opener, new_opener)
        show("sealed", f"{count} secrets with another key")


# -- keys and values -------------------------------------------------------------------------------


def _key(reference: str | None, question: str, *, confirm: bool = False) -> Secret:
    from postseal.secrets.sealed import KEY_VARIABLE, key_reference

    if reference or os.environ.get(KEY_VARIABLE):
        return _fetched(str(key_reference(reference)))
    return _asked(question, confirm=confirm)


def _fetched(reference: str) -> Secret:
    return SecretSource(reference).get().secret


def _asked(question: str, *, confirm: bool) -> Secret:
    unanswered = InvalidInput(
        "there is no key, and nobody to be asked for a passphrase",
        hint="Give --key, or set POSTSEAL_SEALED_KEY to a reference.",
    )
    return ask_secret(question, confirm=confirm, otherwise=unanswered)


def _secret_to_seal(name: str) -> Secret:
    if sys.stdin.isatty():
        return _asked(f"The secret {name}", confirm=True)
    from postseal.secrets.local import without_line_end

    data = sys.stdin.buffer.read(_MAX_INPUT + 1)
    if len(data) > _MAX_INPUT:
        raise InvalidInput(f"a secret has at most {_MAX_INPUT} octets")
    try:
        return Secret(without_line_end(data).decode())
    except UnicodeDecodeError:
        raise InvalidInput("the secret is no UTF-8 text") from None


# -- results ---------------------------------------------------------------------------------------


def _show(result: Checked, now: datetime) -> None:
    show("secret", str(result.reference))
    show("kept in", result.keeper)
    if result.version is not None:
        show("version", result.version)
    if result.created is not None:
        show("created", f"{_date(result.created)}, {(now - result.created).days} days ago")
    if result.expires is not None:
        show("expires", _date(result.expires))
    if result.mode is not None:
        show("file mode", f"{result.mode:04o}")
    if result.tracking is not None:
        show("git", result.tracking)
    for finding in result.findings:
        show(finding.weight, f"{finding.text}. {finding.remedy}")
    if not result.findings:
        show("result", "nothing to say against it")


def _as_json(result: Checked) -> dict[str, object]:
    return {
        "reference": str(result.reference),
        "keeper": result.keeper,
        "version": result.version,
        "created": result.created and result.created.isoformat(),
        "expires": result.expires and result.expires.isoformat(),
        "path": result.path and str(result.path),
        "mode": None if result.mode is None else f"{result.mode:04o}",
        "tracking": result.tracking,
        "findings": [
            {"weight": finding.weight, "text": finding.text, "remedy": finding.remedy}
            for finding in result.findings
        ],
    }


def _date(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
