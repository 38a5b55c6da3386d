"""What there is to say about a secret and the place that keeps it, without its value."""

from __future__ import annotations

import shlex
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

from postseal.errors import InvalidInput, MailError, MissingExtra, SecretUnreachable
from postseal.secrets.local import READABLE_BY
from postseal.secrets.provider import SecretReference, SecretVersion
from postseal.secrets.sealed import key_reference
from postseal.secrets.source import SecretSource
from postseal.secrets.version_control import Tracking, tracking_of

__all__ = ["Checked", "Finding", "Weight", "check"]

_SOON: Final = timedelta(days=14)
_SAFER: Final = "Keep it in systemd:, file:, sealed: or a manager."


@unique
class Weight(StrEnum):
    """How much a finding counts, the least first."""

    ADVICE = "advice"
    """It could be safer."""
    UNKNOWN = "unknown"
    """It could not be examined, which is not the same as being well."""
    PROBLEM = "problem"
    """Others can have the secret, or we cannot."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, and what to do about it."""

    weight: Weight
    text: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What is known of a secret: who keeps it, its version, its dates, and what is wrong.

    `path`, `mode` and `tracking` are those of the file that keeps it, None where there is none.
    """

    reference: SecretReference
    keeper: str
    version: str | None = None
    created: datetime | None = None
    expires: datetime | None = None
    path: Path | None = None
    mode: int | None = None
    tracking: Tracking | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def weight(self) -> Weight | None:
        """That of the gravest finding; None where there is none."""
        weights = [finding.weight for finding in self.findings]
        return max(weights, key=list(Weight).index, default=None)


def check(
    reference: SecretReference, *, now: datetime, max_age: timedelta, patience: float = 30.0
) -> Checked:
    """Fetch a secret, drop it, and tell how well it is kept.

    Waits up to `patience` seconds for who keeps it. `max_age` is how old a secret may be. Raises
    `InvalidInput` for a reference that its scheme does not know; all else that goes wrong is a
    finding.
    """
    findings: list[Finding] = []
    version = None
    try:
        source = SecretSource(reference, patience=patience, clock=now.timestamp)
        version = source.get(timeout=patience)
        version.secret.clear()
    except InvalidInput:
        raise
    except MailError as error:
        is_open = isinstance(error, MissingExtra | SecretUnreachable)
        weight = Weight.UNKNOWN if is_open else Weight.PROBLEM
        findings.append(Finding(weight, error.text, error.hint or "Look at the reference."))
    else:
        findings += _of_its_dates(version, now, max_age)
    findings += _ADVICE.get(reference.scheme, _of_a_manager)(reference)
    path = _PATHS[reference.scheme](reference) if reference.scheme in _PATHS else None
    mode = tracking = None
    with suppress(OSError):
        if path is not None:
            mode = stat.S_IMODE(path.stat().st_mode)
            tracking = tracking_of(path)
            # A sealed file is made to lie in a repository.
            if reference.scheme == "file":
                findings += _of_its_tracking(path, tracking)
    return Checked(
        reference=reference,
        keeper=_KEEPERS[reference.scheme],
        version=version.version if version else None,
        created=version.created if version else None,
        expires=version.expires if version else None,
        path=path,
        mode=mode,
        tracking=tracking,
        findings=tuple(findings),
    )


# -- of any secret ---------------------------------------------------------------------------------


def _of_its_dates(version: SecretVersion, now: datetime, max_age: timedelta) -> Iterator[Finding]:
    if version.created is not None and now - version.created > max_age:
        yield Finding(
            Weight.PROBLEM,
            f"it is {(now - version.created).days} days old, more than {max_age.days}",
            "Change it; a mailer that names it by reference needs no restart.",
        )
    if version.expires is None:
        return
    left = version.expires - now
    if left <= timedelta():
        yield Finding(Weight.PROBLEM, "it has expired", "Renew it where it is kept.")
    # What lives for hours is renewed by those who use it.
    elif left < _SOON and (version.created is None or version.expires - version.created > _SOON):
        yield Finding(
            Weight.ADVICE, f"it expires in {left.days} days", "Renew it where it is kept."
        )


# -- by who keeps it -------------------------------------------------------------------------------


def _of_a_variable(_: SecretReference) -> Iterator[Finding]:
    yield Finding(
        Weight.ADVICE,
        "every child process inherits it, and it is in the reports of crashes",
        _SAFER,
    )


def _of_a_file(reference: SecretReference) -> Iterator[Finding]:
    location = reference.location(options=frozenset({READABLE_BY}))
    readable_by = location.options.get(READABLE_BY)
    if readable_by is not None:
        yield Finding(
            Weight.ADVICE,
            f"the reference lets it be readable by {readable_by}",
            "Let it belong to the user of the service, with mode 0400.",
        )


def _of_a_sealed_file(reference: SecretReference) -> Iterator[Finding]:
    key = key_reference(reference.location(options=frozenset({"key"})).options.get("key"))
    if key.scheme != "file":
        return
    path = _file(key)
    if path.parent.resolve() == _sealed(reference).parent.resolve():
        yield Finding(
            Weight.ADVICE,
            "its key lies in the same directory: who copies one copies both",
            "Keep the key elsewhere: systemd:, keyring: or another directory.",
        )
    for finding in _of_its_tracking(path, tracking_of(path)):
        yield Finding(finding.weight, f"its key: {finding.text}", finding.remedy)


def _of_its_tracking(path: Path, tracking: Tracking) -> Iterator[Finding]:
    match tracking:
        case Tracking.TRACKED | Tracking.IN_HISTORY:
            yield Finding(
                Weight.PROBLEM,
                f"{path} is {tracking}",
                "Change the secret: every copy of the repository has it. Then take the file out.",
            )
        case Tracking.UNTRACKED:
            yield Finding(
                Weight.ADVICE, f"{path} is {tracking}", "Keep it elsewhere, or have it ignored."
            )
        case Tracking.UNKNOWN:
            yield Finding(
                Weight.UNKNOWN,
                f"whether {path} is in a repository is {tracking}",
                "Install git, and run this as the repository's owner.",
            )


def _of_a_program(reference: SecretReference) -> Iterator[Finding]:
    words = shlex.split(reference.rest)
    found = shutil.which(words[0])
    if found is None:
        return
    program = Path(found).resolve()
    for place in (program, program.parent):
        state = place.stat()
        # In a directory such as /tmp, only a file's owner can replace it.
        is_sticky = place.is_dir() and state.st_mode & stat.S_ISVTX
        if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not is_sticky:
            yield Finding(
                Weight.PROBLEM,
                f"other users can change {place}, and so have the secret",
                f"Run: chmod go-w {place}",
            )
    if not Path(words[0]).is_absolute():
        yield Finding(
            Weight.ADVICE,
            "the program is looked for in PATH",
            f"Name it with its path: exec:{program}.",
        )


def _of_a_keyring(_: SecretReference) -> Iterator[Finding]:
    try:
        import keyring
    except ModuleNotFoundError:
        return
    name = type(keyring.get_keyring()).__name__
    if name.lower().startswith("plaintext"):
        yield Finding(
            Weight.PROBLEM, f"the keyring {name} encrypts nothing", "Configure another backend."
        )


def _of_a_credential(_: SecretReference) -> Iterator[Finding]:
    yield from ()


def _of_a_manager(reference: SecretReference) -> Iterator[Finding]:
    _, _, query = reference.rest.partition("#")[0].partition("?")
    if any(field.startswith("version=") for field in query.split("&")):
        yield Finding(
            Weight.ADVICE,
            "the reference names one version, so that no rotation is ever noticed",
            "Leave ?version= out.",
        )


def _file(reference: SecretReference) -> Path:
    return Path(reference.location(options=frozenset({READABLE_BY})).path).expanduser()


def _sealed(reference: SecretReference) -> Path:
    return Path(reference.location(options=frozenset({"key"})).path).expanduser()


_KEEPERS: Final = {
    "aws-sm": "AWS Secrets Manager",
    "azure-kv": "Azure Key Vault",
    "env": "a variable of the environment",
    "exec": "a program",
    "file": "a file",
    "gcp-sm": "Google Secret Manager",
    "keyring": "a keyring",
    "sealed": "a sealed file",
    "systemd": "a credential of systemd",
    "vault": "Vault or OpenBao",
}
_PATHS: Final[Mapping[str, Callable[[SecretReference], Path]]] = {"file": _file, "sealed": _sealed}
_ADVICE: Final[Mapping[str, Callable[[SecretReference], Iterator[Finding]]]] = {
    "env": _of_a_variable,
    "exec": _of_a_program,
    "file": _of_a_file,
    "keyring": _of_a_keyring,
    "sealed": _of_a_sealed_file,
    "systemd": _of_a_credential,
}
