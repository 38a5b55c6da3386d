"""What importing the project costs, and that each name it promises is there."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import postseal

_SOURCE = Path(postseal.__file__).parent
_LAZY = sorted(
    ".".join(("postseal", *path.parent.relative_to(_SOURCE).parts))
    for path in _SOURCE.rglob("__init__.py")
    if "lazy_exports(" in path.read_text()
)


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(out.stdout.split())


@pytest.mark.parametrize("package", _LAZY)
def test_each_promised_name_is_there(package: str) -> None:
    module = import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("package", _LAZY)
def test_no_name_is_that_of_a_module_beside_it(package: str) -> None:
    # The import of a submodule binds its name in the package, and would hide the other.
    module = import_module(package)
    folder = Path(str(module.__file__)).parent
    assert not set(module.__all__) & {path.stem for path in folder.iterdir()}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'postseal' has no attribute 'Mialer'"):
        _ = postseal.Mialer  # type: ignore[attr-defined]


def test_importing_the_project_loads_nothing_of_it() -> None:
    ours = {name for name in loaded_by("import postseal") if name.startswith("postseal")}
    assert ours == {"postseal", "postseal._lazy"}


def test_composing_loads_neither_the_network_nor_the_seal() -> None:
    loaded = loaded_by("from postseal import Attachment, Message")
    assert not loaded & {"asyncio", "cryptography", "postseal.send", "postseal.tls", "ssl"}


def test_composing_text_loads_nothing_of_files_and_invitations() -> None:
    loaded = loaded_by("from postseal import Message")
    assert not loaded & {
        "hashlib",
        "html",
        "ipaddress",
        "mimetypes",
        "pathlib",
        "postseal.mail.attachment",
        "postseal.mail.calendar",
        "postseal.mail.inline_images",
        "postseal.mail.reading",
    }


# What neither a mailer that is imported, nor one that is made, nor one that has sent needs.
_RARE = {
    "concurrent.futures",
    "cryptography",
    "dns",
    "email",
    "h11",
    "html",
    "http",
    "jinja2",
    "json",
    "postseal.audit",
    "postseal.dns",
    "postseal.mail.attachment",
    "postseal.mail.authentication",
    "postseal.mail.calendar",
    "postseal.mail.conversion.scan",
    "postseal.mail.reading",
    "postseal.secrets.source",
    "postseal.send.events",
    "postseal.send.failover",
    "postseal.send.mx",
    "postseal.send.networks.proxies",
    "postseal.send.oauth",
    "postseal.send.watching",
    "postseal.serve",
    "postseal.smtp.delivery_options",
    "postseal.smtp.envelope_values",
    "postseal.smtp.sasl",
    "postseal.smtp.server",
    "postseal.tls.dane",
    "postseal.tls.tlsa",
    "rich",
    "typer",
}
# What only mailers that connect to servers need, once they are made.
_SERVERS_ALONE = {
    "postseal.send.endpoint",
    "postseal.send.pool",
    "postseal.send.session.authentication",
    "postseal.send.session.connection",
    "postseal.smtp.client",
    "postseal.smtp.commands",
    "postseal.tls.certificates",
    "postseal.tls.channel",
    "postseal.tls.contexts",
}


def test_a_mailer_is_imported_without_what_speaks_to_servers() -> None:
    loaded = loaded_by("from postseal import Mailer, Message")
    assert not loaded & (_RARE | _SERVERS_ALONE | {"asyncio", "hashlib", "pathlib", "urllib"})


def test_an_async_mailer_adds_asyncio_and_no_more() -> None:
    loaded = loaded_by("from postseal import AsyncMailer, Message")
    assert not loaded & ((_RARE | _SERVERS_ALONE) - {"concurrent.futures"})


def test_a_mailer_for_a_server_loads_neither_the_servers_half_nor_logins() -> None:
    loaded = loaded_by("from postseal import Mailer; Mailer('smtp://mail.example.com')")
    assert loaded >= _SERVERS_ALONE
    assert not loaded & (_RARE | {"asyncio"})


def test_mail_that_stays_on_this_machine_loads_nothing_for_servers() -> None:
    sending = (
        "from postseal import Mailer, Message; Mailer('memory:').send("
        "Message(from_='ada@example.com', to='bob@example.org', text='Hello'))"
    )
    assert not loaded_by(sending) & (_RARE | _SERVERS_ALONE | {"asyncio"})


def test_the_command_line_loads_none_of_its_commands() -> None:
    loaded = loaded_by("import postseal.cli.app")
    ours = {name for name in loaded if name.startswith("postseal")}
    assert ours == {
        "postseal",
        "postseal._lazy",
        "postseal.cli",
        "postseal.cli.app",
        "postseal.cli.main",
    }
    assert not loaded & {"email", "rich.markdown", "ssl"}


def test_the_options_of_send_load_nothing_that_sends() -> None:
    loaded = loaded_by("import postseal.cli.send")
    assert not loaded & (_SERVERS_ALONE | {"postseal.mail.message", "postseal.send.mailer_base"})
