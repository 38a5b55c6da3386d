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


def test_sending_loads_neither_the_servers_half_nor_the_reader() -> None:
    loaded = loaded_by("from postseal import Mailer")
    assert not loaded & {
        "cryptography",
        "dns",
        "h11",
        "postseal.mail.authentication",
        "postseal.smtp.sasl.scram_server",
        "postseal.smtp.server",
    }
