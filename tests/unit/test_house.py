from __future__ import annotations

import importlib
import types
from pathlib import Path

import pytest

from scripts import house

SOURCE = house.ROOT / "src"
PACKAGES = [
    ".".join(path.parent.relative_to(SOURCE).parts)
    for path in sorted((SOURCE / "postseal").rglob("__init__.py"))
]
# What a front door is made with: from __future__, typing and postseal._lazy.
MACHINERY = {"TYPE_CHECKING", "annotations", "lazy_exports"}
LOCKS = sorted((house.ROOT / "requirements").glob("*.txt"))
HASH = "--hash=sha256:" + "0a" * 32


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_exposes_what_its_all_says(name: str) -> None:
    package = importlib.import_module(name)
    exposed = {
        attribute
        for attribute, value in vars(package).items()
        if not attribute.startswith("_")
        and not isinstance(value, types.ModuleType)
        and attribute not in MACHINERY
    }
    promised = getattr(package, "__all__", [])
    assert exposed <= set(promised)
    # hasattr rather than vars: a front door may bring its names when they are asked for.
    assert [attribute for attribute in promised if not hasattr(package, attribute)] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_file_pins_by_hash_and_names_no_index(lock: Path) -> None:
    assert list(house.lock_breaches(lock)) == []


def test_every_locked_set_is_there() -> None:
    assert {
        "base",
        "bootstrap",
        "build",
        "cli",
        "serve",
        "audit",
        "dev",
        "bench",
        "docs",
        "fuzz",
        "lab",
        "lab-newer",
        "lab-older",
    } == {lock.stem for lock in LOCKS}


def test_a_package_has_one_version_in_all_sets() -> None:
    # The sets share one environment: make serve after make test must find nothing to change. The
    # clients of the attack lab have folders of their own.
    versions: dict[str, set[str]] = {}
    for lock in (lock for lock in LOCKS if not lock.stem.startswith("lab")):
        for line in lock.read_text(encoding="utf-8").splitlines():
            if "==" in line and not line.startswith((" ", "#")):
                pin, _, marker = line.removesuffix(" \\").partition(" ; ")
                name, _, version = pin.partition("==")
                # Where no version fits every Python, each Python has one.
                versions.setdefault(f"{name} {marker}", set()).add(version)
    assert "cryptography " in versions
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("--index-url https://packages.example/simple\n", "address"),
        (f"--find-links /wheels\nidna==3.20 \\\n    {HASH}\n", "address"),
        (f"# from packages.example.com\nidna==3.20 \\\n    {HASH}\n", "address"),
        ("idna==3.20\n", "idna has no hash"),
        (f"idna==3.20\nmdurl==0.1.2 \\\n    {HASH}\n", "idna has no hash"),
        (f"idna>=3.20 \\\n    {HASH}\n", "not a pinned package"),
        (f"idna @ file:///idna.whl \\\n    {HASH}\n", "not a pinned package"),
    ],
)
def test_a_loose_lock_file_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    lock = tmp_path / "loose.txt"
    lock.write_text(text, encoding="utf-8")
    assert any(complaint in breach for breach in house.lock_breaches(lock))


@pytest.mark.parametrize(("lines", "refused"), [(house.MAX_LINES, False), (501, True)])
def test_a_module_has_a_largest_size(tmp_path: Path, lines: int, refused: bool) -> None:
    module = tmp_path / "module.py"
    module.write_text("x = 1\n" * lines, encoding="utf-8")
    assert bool(list(house.size_breaches(module))) is refused


def test_a_public_method_is_documented_where_its_contract_is(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        """
class Base(Protocol):
    def told(self):
        '''It has a contract.'''
    def untold(self): ...
class Child(Base):
    def told(self): ...
    def untold(self): ...
    def _private(self): ...
class Foreign(logging.Handler):
    def emit(self, record): ...
class _Hidden:
    def method(self): ...
""",
        encoding="utf-8",
    )
    found = [breach.partition(": ")[2] for breach in house.docstring_breaches([module])]
    assert found == ["Base.untold has no docstring", "Child.untold has no docstring"]
