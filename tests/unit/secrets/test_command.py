"""Programs that print a secret: split without a shell, bounded in time and in what they print."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import pytest

from postseal.errors import (
    InvalidReference,
    MailError,
    SecretDenied,
    SecretMalformed,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets.command import Command
from postseal.secrets.private_files import MAX_OCTETS
from postseal.secrets.provider import SecretReference

PASSWORD = "correct-horse-battery-staple"


def fetch(command: str, *, patience: float = 20.0) -> str:
    reference = SecretReference.parse(f"exec:{command}")
    version = Command().fetch(reference, deadline=time.monotonic() + patience)
    return version.secret.reveal()


def refusal(command: str, *, patience: float = 20.0) -> MailError:
    with pytest.raises(MailError) as caught:
        fetch(command, patience=patience)
    assert PASSWORD not in str(caught.value)
    return caught.value


def python(code: str) -> str:
    return shlex.join([sys.executable, "-S", "-c", code])


def test_what_is_printed_without_the_line_end() -> None:
    assert fetch(f"echo {PASSWORD}") == PASSWORD


def test_quotes_make_words_and_nothing_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "value")
    assert fetch("printf '%s|' 'a b' $NAME \"*\" `id` x;y") == "a b|$NAME|*|`id`|x;y|"


def test_it_gets_no_input() -> None:
    assert fetch(python("import sys; print(len(sys.stdin.read()))")) == "0"


def test_it_may_print_in_pieces() -> None:
    code = "import sys\nfor c in 'abc': print(c, end='', flush=True)"
    assert fetch(shlex.join([sys.executable, "-S", "-c", f"exec({code!r})"])) == "abc"


def test_a_status_and_what_it_said_of_it(capfd: pytest.CaptureFixture[str]) -> None:
    error = refusal(python(f"import sys; sys.stderr.write('{PASSWORD}'); sys.exit(7)"))
    assert isinstance(error, SecretDenied)
    assert "status 7" in error.text
    # Standard error may name the secret, and logs are read by many.
    assert PASSWORD not in capfd.readouterr().err


def test_programs_that_do_not_run(tmp_path: Path) -> None:
    assert isinstance(refusal("/nothing/there"), SecretNotFound)
    assert isinstance(refusal(str(tmp_path)), SecretDenied)
    assert isinstance(refusal("true"), SecretMalformed)
    for text in ("'open", "''", '""'):
        assert isinstance(refusal(text), InvalidReference)


def test_it_is_killed_with_its_children_at_the_deadline() -> None:
    # The child holds the output open, and would be waited for.
    begun = time.monotonic()
    error = refusal("sh -c 'sleep 60 & sleep 60'", patience=0.2)
    assert isinstance(error, SecretUnreachable)
    assert error.is_temporary
    assert time.monotonic() - begun < 10


def test_one_that_closes_its_output_and_stays_is_not_waited_for() -> None:
    assert isinstance(refusal("sh -c 'exec >&-; sleep 60'", patience=0.2), SecretUnreachable)


def test_a_flood_is_cut_off() -> None:
    assert isinstance(refusal("yes"), SecretMalformed)
    assert len(fetch(python(f"print('x' * {MAX_OCTETS - 1})"))) == MAX_OCTETS - 1


def test_a_deadline_that_passed_starts_nothing(tmp_path: Path) -> None:
    assert isinstance(refusal(f"touch {tmp_path}/made", patience=-1), SecretUnreachable)
    assert list(tmp_path.iterdir()) == []
